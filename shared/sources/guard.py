"""The one way out to an address that a user named.

A host is resolved once a request, every address of it is checked, and exactly one of those is
connected to; certificate and ``Host`` stay those of the name. Redirects are followed by hand.
What may be asked at all is decided in ``addresses``. Everything blocks and belongs into a thread.
"""

import base64
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urljoin, urlsplit

from shared.sources.addresses import Target, check_ip, parse_address
from shared.sources.errors import (
    AddressRefused,
    AnswerTooLarge,
    CertificateRefused,
    HostUnknown,
    HostUnreachable,
    RedirectRefused,
)
from shared.sources.streams import Stream, Watch

MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TO_BE_RETRIED = frozenset({socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_SYSTEM})

Resolver = Callable[[str, int], Sequence[str]]
"""The addresses of a host and port; raises socket.gaierror."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """User name and token of Basic authentication, for one host alone."""

    username: str
    token: str = field(repr=False)

    @property
    def header(self) -> str:
        """The value of Authorization."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.token}".encode()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One request, and how many bytes of its answer are taken."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    credentials: Credentials | None = None
    max_bytes: int = 1024 * 1024


class Guard:
    """Makes requests to addresses that users name.

    ``allowed`` holds the ``host:port`` that may be private and speak plain HTTP; ``certificates``
    is a file of authorities that are trusted besides the usual ones. With ``proxy``, an address
    such as ``http://proxy:3128``, every connection is a tunnel through it: it resolves the names,
    so it has to be one that refuses private addresses. Proxies of the environment are ignored.
    """

    def __init__(
        self,
        *,
        allowed: Collection[str] = (),
        certificates: str | None = None,
        proxy: str | None = None,
        resolve: Resolver | None = None,
        connect_seconds: float = 10,
    ) -> None:
        self._allowed = frozenset(allowed)
        self._certificates = certificates
        self._proxy = urlsplit(proxy) if proxy else None
        self._resolve = resolve or _resolve
        self._connect_seconds = connect_seconds

    @property
    def allowed(self) -> frozenset[str]:
        """The hosts that may be private."""
        return self._allowed

    def open(self, request: Outgoing, watch: Watch) -> "Answer":
        """The answer to a request, after redirects; whoever gets it closes it."""
        target = parse_address(request.url, self._allowed)
        credentials = request.credentials
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._ask(target, request, credentials, watch)
            location = answer.header("Location") if answer.status in _REDIRECTS else None
            if location is None:
                return answer
            answer.close()
            following = self._follow(target, location, request.method)
            if following.origin != target.origin:
                credentials = None
            target = following
        raise RedirectRefused(
            f"{parse_address(request.url, self._allowed).host} redirects more than {MAX_REDIRECTS}"
            " times: give the address that it ends at"
        )

    def _follow(self, target: Target, location: str, method: str) -> Target:
        if method != "GET":
            raise RedirectRefused(
                f"{target.host} redirects a {method} request: give the address that it leads to"
            )
        try:
            following = parse_address(urljoin(target.url, location), self._allowed)
        except AddressRefused as error:
            raise RedirectRefused(
                f"{target.host} redirects to an address that is not asked. {error.detail}"
            ) from None
        if target.scheme == "https" and following.scheme != "https":
            raise RedirectRefused(
                f"{target.host} redirects from https to http: that is not followed"
            )
        return following

    def _ask(
        self, target: Target, request: Outgoing, credentials: Credentials | None, watch: Watch
    ) -> "Answer":
        stream = self._connect(target, watch)
        try:
            connection = _Connection(target, stream)
            headers = {"Accept-Encoding": "identity", **request.headers, "Connection": "close"}
            if credentials is not None:
                headers["Authorization"] = credentials.header
            connection.request(request.method, target.path, body=request.body, headers=headers)
            return Answer(target, connection.getresponse(), stream, request.max_bytes)
        except (OSError, http.client.HTTPException, ValueError) as error:
            stream.end()
            raise _broken(target, error) from error
        except BaseException:
            stream.end()
            raise

    def _connect(self, target: Target, watch: Watch) -> Stream:
        addresses = self._addresses(target, watch)
        failed: OSError | None = None
        for address, port in addresses:
            watch.check()
            try:
                plain = socket.create_connection(
                    (address, port), watch.within(self._connect_seconds)
                )
            except OSError as error:
                failed = error
                continue
            return self._secured(target, plain, watch)
        raise HostUnreachable(
            f"{target.authority} cannot be reached: check the address, or try again later"
        ) from failed

    def _addresses(self, target: Target, watch: Watch) -> Sequence[tuple[str, int]]:
        """Where to connect; the check that no address is private is made here."""
        if self._proxy is not None:
            return [(self._proxy.hostname or "", self._proxy.port or 3128)]
        found = _resolved(self._resolve, target, watch)
        if not target.is_allowed:
            for address in found:
                check_ip(target.host, address)
        return [(address, target.port) for address in found]

    def _secured(self, target: Target, plain: socket.socket, watch: Watch) -> Stream:
        try:
            if self._proxy is not None:
                _tunnel(target, plain, self._proxy, watch)
            if target.scheme == "http":
                return Stream(plain, watch)
            plain.settimeout(watch.within(self._connect_seconds))
            return Stream(self._tls.wrap_socket(plain, server_hostname=target.host), watch)
        except ssl.SSLCertVerificationError as error:
            plain.close()
            raise CertificateRefused(
                f"The certificate of {target.host} is not valid ({error.verify_message}): have it"
                " mended, or use the name that it was made for"
            ) from error
        except OSError as error:
            plain.close()
            raise HostUnreachable(
                f"{target.authority} does not speak https, or broke off: check the address"
            ) from error
        except BaseException:
            plain.close()
            raise

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        import certifi

        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        if self._certificates:
            context.load_verify_locations(self._certificates)
        return context


class Answer:
    """Status and headers, and the bytes as they are read; ``url`` is where it came from."""

    def __init__(
        self, target: Target, response: http.client.HTTPResponse, stream: Stream, max_bytes: int
    ) -> None:
        self.target = target
        self.status = response.status
        self.url = target.url
        self._response, self._stream = response, stream
        self._left = self._most = max_bytes

    def header(self, name: str) -> str | None:
        """A header's value, or None."""
        return self._response.getheader(name)

    def read(self, size: int) -> bytes:
        """Up to so many bytes, fewer only at the end; raises AnswerTooLarge past the bound."""
        try:
            data = self._response.read(size)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _broken(self.target, error) from error
        self._left -= len(data)
        if self._left < 0:
            raise AnswerTooLarge(f"{self.target.host} sent more than {self._most:,} bytes")
        return data

    def close(self) -> None:
        """Break off, or end; the connection is not used again."""
        self._response.close()
        self._stream.end()

    def __enter__(self) -> "Answer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Connection(http.client.HTTPConnection):
    """HTTP over a connection that stands already."""

    def __init__(self, target: Target, stream: Stream) -> None:
        super().__init__(target.host, target.port)
        self.default_port = 443 if target.scheme == "https" else 80
        self.sock: Any = stream

    def connect(self) -> None:
        raise HostUnreachable(f"{self.host} closed the connection: try again later")


def _resolved(resolve: Resolver, target: Target, watch: Watch) -> Sequence[str]:
    """The addresses of a host. Looking up cannot be interrupted, so another thread waits for it."""
    found: list[Sequence[str] | OSError] = []
    done = threading.Event()

    def look_up() -> None:
        try:
            found.append(resolve(target.host, target.port))
        except OSError as error:
            found.append(error)
        finally:
            done.set()

    threading.Thread(target=look_up, name="resolve", daemon=True).start()
    while not done.wait(watch.slice()):
        watch.check()
    result = found[0] if found else []
    if isinstance(result, OSError):
        if isinstance(result, socket.gaierror) and result.errno in _TO_BE_RETRIED:
            raise HostUnreachable(f"The name {target.host} cannot be looked up now") from result
        raise HostUnknown(f"There is no host {target.host}: check the address") from result
    if not result:
        raise HostUnknown(f"There is no host {target.host}: check the address")
    return result


def _resolve(host: str, port: int) -> Sequence[str]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in answers))


def _tunnel(target: Target, plain: socket.socket, proxy: Any, watch: Watch) -> None:
    host = f"[{target.host}]" if ":" in target.host else target.host
    lines = [f"CONNECT {host}:{target.port} HTTP/1.1", f"Host: {host}:{target.port}"]
    if proxy.username is not None:
        lines.append(
            "Proxy-Authorization: " + Credentials(proxy.username, proxy.password or "").header
        )
    plain.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = b""
    reader = Stream(plain, watch).raw
    while not answer.endswith(b"\r\n\r\n"):
        piece = reader.read(1)  # not one byte of what comes after belongs to the proxy
        if not piece or len(answer) > 16_384:
            raise HostUnreachable("The proxy does not answer as one: check its setting")
        answer += piece
    status = answer.split(b" ", 2)[1:2]
    if status != [b"200"]:
        raise HostUnreachable(f"The proxy does not let {target.host} be asked")


def _broken(target: Target, error: Exception) -> Exception:
    if isinstance(error, OSError | http.client.IncompleteRead):
        return HostUnreachable(f"{target.host} broke off: try again later")
    return HostUnreachable(f"{target.host} sent something that is no answer of HTTP")
