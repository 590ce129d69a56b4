"""The way out through a proxy that a setting names."""

import io
import socket
import threading

import pytest

from shared.sources import errors
from shared.sources.git import GitRequest, fetch_git
from shared.sources.guard import Guard
from tests.services.git_server import GitServer, free_port


class Proxy:
    """Takes CONNECT requests, and leads each to one port of loopback, or refuses it."""

    def __init__(self, to: int, answer: bytes) -> None:
        self.asked: list[bytes] = []
        self._to, self._reply = to, answer
        self._socket = socket.create_server(("127.0.0.1", free_port()))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._to)) as server:
            self.asked.append(client.recv(4096))
            client.sendall(self._reply)
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()

    def close(self) -> None:
        """Take no more."""
        self._socket.close()


def _copy(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        return


def test_repository_is_fetched_through_the_proxy(server: GitServer, shop: dict[str, str]) -> None:
    proxy = Proxy(server.port, b"HTTP/1.1 200 Connection established\r\n\r\n")
    guard = Guard(
        certificates=str(server.certificates),
        proxy=f"http://ada:pw@127.0.0.1:{proxy.port}",
        resolve=lambda host, port: pytest.fail("the proxy looks names up"),
    )
    request = GitRequest(url="https://git.example.com/shop.git")
    assert fetch_git(request, io.BytesIO(), guard=guard).commit == shop["second"]
    assert proxy.asked[0].startswith(b"CONNECT git.example.com:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic YWRhOnB3\r\n" in proxy.asked[0]
    proxy.close()


def test_refusal_of_the_proxy_is_told(server: GitServer) -> None:
    proxy = Proxy(server.port, b"HTTP/1.1 403 Forbidden\r\n\r\n")
    guard = Guard(proxy=f"http://127.0.0.1:{proxy.port}")
    with pytest.raises(errors.HostUnreachable, match="proxy does not let"):
        fetch_git(GitRequest(url="https://git.example.com/shop.git"), io.BytesIO(), guard=guard)
    proxy.close()
