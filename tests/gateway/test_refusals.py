"""What nginx refuses by itself, often before it knows a host: said in our words all the same."""

import json

import pytest

from tests.gateway.harness import Gateway
from tests.gateway.sites import File, Store

LONG = "a" * 9000
HOSTS = ["shop.apps.localhost", "localhost", "admin.localhost", "example.com"]
REFUSED = [
    ("GET /%zz HTTP/1.1\r\nHost: HOST", 400, "This request cannot be read"),
    ("GET /../x HTTP/1.1\r\nHost: HOST", 400, "This request cannot be read"),
    ("GET / HTTP/1.1\r\nHost: HOST\r\nHost: b", 400, "This request cannot be read"),
    ("GET / HTTP/1.1", 400, "This request cannot be read"),
    ("nonsense", 400, "This request cannot be read"),
    (f"GET / HTTP/1.1\r\nHost: HOST\r\nCookie: {LONG}", 400, "This request cannot be read"),
    (f"GET /{LONG} HTTP/1.1\r\nHost: HOST", 414, "The address is too long"),
    ("TRACE / HTTP/1.1\r\nHost: HOST", 405, "This address can only be read"),
    ("CONNECT a.example:443 HTTP/1.1\r\nHost: HOST", 405, "This address can only be read"),
]


async def ask(gateway: Gateway, request: str, host: str) -> tuple[int, dict[str, list[str]], str]:
    """Status, headers by lower-case name, and body of what comes back for these lines."""
    text = f"{request.replace('HOST', host)}\r\nConnection: close\r\n\r\n"
    head, _, body = (await gateway.raw(text.encode())).decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers.setdefault(name.lower(), []).append(value)
    return int(first.split(" ")[1]), headers, body


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(("request_text", "status", "text"), REFUSED)
async def test_refusal_is_a_page_of_ours(
    gateway: Gateway, host: str, request_text: str, status: int, text: str
) -> None:
    """One of each header, nothing to keep, and no page of nginx's own."""
    got, headers, body = await ask(gateway, request_text, host)
    assert got == status
    assert text in body
    assert headers["content-type"] == ["text/html; charset=utf-8"]
    assert headers["cache-control"] == ["no-store"]
    assert headers["x-content-type-options"] == ["nosniff"]
    assert len(headers["content-security-policy"]) == 1
    assert "{{" not in body


@pytest.mark.parametrize("host", ["localhost", "admin.localhost"])
async def test_refusal_of_the_api_is_a_problem(gateway: Gateway, host: str) -> None:
    """Where nginx still knows the path, programs get problem details."""
    request = f"GET /api/v1/me?token=secret HTTP/1.1\r\nHost: HOST\r\nCookie: {LONG}"
    status, headers, body = await ask(gateway, request, host)
    assert status == 400
    assert headers["content-type"] == ["application/problem+json"]
    problem = json.loads(body)
    assert problem["code"] == "bad_request"
    assert problem["instance"] == "/api/v1/me"
    assert "secret" not in body


@pytest.mark.parametrize("path", ["//malformed", "/malformed", "//method", "//too_long"])
async def test_no_client_asks_for_a_refusal(
    gateway: Gateway, store: Store, host: str, path: str
) -> None:
    """The places where refusals are made have no address: such a path is the site's own."""
    await store.online(host, {"/malformed": File(b"mine"), "/method": File(b"mine")})
    status, _, body = await ask(gateway, f"GET {path} HTTP/1.1\r\nHost: HOST", host)
    assert (status, body == "mine") in ((200, True), (404, False))
    assert "can only be read" not in body
    assert "cannot be read" not in body


@pytest.mark.parametrize("host", ["localhost", "part.apps.localhost"])
async def test_part_beyond_the_end_is_a_page_of_ours(
    gateway: Gateway, store: Store, host: str
) -> None:
    """The size of the file is said, but the page is not given for the file."""
    await store.online(host, {"/": File(b"x" * 100), "/movie": File(b"x" * 100, "video/mp4")})
    for path in ("/", "/movie", "/movie"):
        request = f"GET {path} HTTP/1.1\r\nHost: HOST\r\nRange: bytes=200-"
        status, headers, body = await ask(gateway, request, host)
        assert status == 416
        assert headers["content-range"] == ["bytes */100"]
        assert headers["content-type"][0].startswith("text/html")
        assert headers["cache-control"] == ["no-store"]
        assert "etag" not in headers
        assert not [name for name, values in headers.items() if len(values) > 1]
        assert "The file has no such part" in body
    await store.remove("routes", f"{host}.json")


@pytest.mark.parametrize("host", ["shop.apps.localhost", "example.com", "localhost"])
async def test_body_for_a_site_is_refused_with_a_page(gateway: Gateway, host: str) -> None:
    """A site takes no data, and says so before reading it."""
    request = "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 99999999"
    status, headers, body = await ask(gateway, request, host)
    assert status == 413
    assert "The request is too large" in body
    assert headers["content-type"] == ["text/html; charset=utf-8"]
