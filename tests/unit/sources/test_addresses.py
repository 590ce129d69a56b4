"""Which addresses are asked, and what a host may resolve to."""

import socket
from collections.abc import Sequence

import pytest

from shared.sources import errors
from shared.sources.addresses import is_public, parse_address
from shared.sources.guard import Guard, Outgoing
from shared.sources.streams import Watch


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x",
        "ftp://example.com/x",
        "file:///etc/passwd",
        "https://localhost/x",
        "https://localhost./x",
        "https://LOCALHOST:8443/x",
        "https://a.localhost/x",
        "https://metadata.google.internal/x",
        "https://printer.local/x",
        "https://server/x",
        "https://127.0.0.1/x",
        "https://127.1/x",
        "https://2130706433/x",
        "https://0x7f000001/x",
        "https://0177.0.0.1/x",
        "https://127.0.0.0x1/x",
        "https://10.0.0.1/x",
        "https://100.64.0.1/x",
        "https://169.254.169.254/x",
        "https://168.63.129.16/x",
        "https://[::1]/x",
        "https://[fe80::1%25eth0]/x",
        "https://[::ffff:8.8.8.8]/x",
        "https://example.com:22/x",
        "https://example.com:25/x",
        "https://example.com:80/x",
        "https://example.com:6379/x",
        "https://example.com:0/x",
        "https://example.com:99999/x",
        "https://exa mple.com/x",
        "https://example.com\\@10.0.0.1/x",
        "https://example.com/\r\nHost: other",
        "https://%31%32%37.0.0.1/x",
        "https://①②⑦.⓪.⓪.①/x",
        "https://-a.example.com/x",
        "https:///x",
        "https://example..com/x",
    ],
)
def test_address_that_is_not_on_the_internet_is_refused(url: str) -> None:
    with pytest.raises(errors.AddressRefused):
        parse_address(url)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://Example.COM", "https://example.com/"),
        ("https://example.com.:443/a", "https://example.com/a"),
        ("https://example.com:8443/a?b=c", "https://example.com:8443/a?b=c"),
        ("https://bücher.example/x", "https://xn--bcher-kva.example/x"),
        ("https://8.8.8.8/x", "https://8.8.8.8/x"),
        ("https://[2606:4700::1111]/x", "https://[2606:4700::1111]/x"),
    ],
)
def test_address_is_brought_into_its_normal_form(url: str, normal: str) -> None:
    assert parse_address(url).url == normal


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(errors.CredentialsInAddress, match="set user name and token") as refused:
        parse_address("https://ada:s3cret@example.com/x")
    assert "s3cret" not in str(refused.value)
    with pytest.raises(errors.AddressRefused) as other:
        parse_address("ftp://ada:s3cret@example.com/x?token=s3cret")
    assert "s3cret" not in str(other.value)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.127.0.1", "127.0.0.53", "169.254.0.1", "172.31.0.1"),
        *("192.0.0.192", "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1"),
        *("::ffff:10.0.0.1", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::"),
        *("2001::7f00:1", "2001:db8::1", "100::1", "3fff::1", "nonsense", ""),
    ],
)
def test_address_of_an_inner_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "2606:4700::1111"])
def test_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["2606:4700::1", "::ffff:127.0.0.1"]]
)
def test_host_with_one_private_address_is_refused_before_connecting(
    addresses: list[str],
) -> None:
    asked = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return addresses

    with pytest.raises(errors.AddressRefused, match="private"):
        Guard(resolve=resolve).open(Outgoing(url="https://evil.example/x"), Watch(5))
    assert asked == [("evil.example", 443)]


def test_host_is_resolved_once_and_that_address_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    connected = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    guard = Guard(resolve=lambda host, port: next(answers))
    with pytest.raises(errors.HostUnreachable):
        guard.open(Outgoing(url="https://rebinding.example/x"), Watch(5))
    assert connected == [("8.8.8.8", 443)]
    assert next(answers) == ["127.0.0.1"]


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    connected = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    for proxy in (None, "http://proxy.example:3129"):
        guard = Guard(resolve=lambda host, port: ["8.8.8.8"], proxy=proxy)
        with pytest.raises(errors.HostUnreachable):
            guard.open(Outgoing(url="https://a.example/x"), Watch(5))
    assert connected == [("8.8.8.8", 443), ("proxy.example", 3129)]


def test_unknown_host_is_told() -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(errors.HostUnknown, match=r"nowhere\.example"):
        Guard(resolve=resolve).open(Outgoing(url="https://nowhere.example/x"), Watch(5))
