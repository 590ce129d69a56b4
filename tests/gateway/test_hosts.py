"""Which host answers what: tenants, platform, admin, and everyone else."""

import asyncio
import base64
import hashlib
import json

import pytest

from tests.gateway.conftest import identity
from tests.gateway.harness import Gateway, free_port, running, until
from tests.gateway.sites import File, Store
from tests.services.handles import Azurite

PAGE_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}


@pytest.mark.parametrize(
    "host",
    [
        "nobody.apps.localhost",
        "deep.er.apps.localhost",
        "apps.localhost",
        "example.com",
        "127.0.0.1",
        "evil.localhost",
        "under_score.apps.localhost",
    ],
)
async def test_unknown_host_gets_its_page(gateway: Gateway, host: str) -> None:
    """A host that shows nothing says so with 404."""
    answer = await gateway.get(host, "/any/path")
    assert answer.status_code == 404
    assert "No site answers at this address" in answer.text
    assert PAGE_HEADERS.items() <= dict(answer.headers).items()


async def test_pages_wear_the_style_that_their_policy_allows(gateway: Gateway) -> None:
    """The policy names the hash of all that stands in the style element, as browsers compare it."""
    answer = await gateway.get("nobody.apps.localhost", "/")
    style = answer.text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert "color" in style
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]


async def test_page_cannot_be_written_by_the_host(gateway: Gateway) -> None:
    """A host that is markup never arrives in a page."""
    answer = await gateway.raw(b"GET / HTTP/1.1\r\nHost: <b>x\r\nConnection: close\r\n\r\n")
    assert b"<b>x" not in answer


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("empty", 404, "Nothing is published here yet"),
        ("suspended", 403, "This site is suspended"),
    ],
)
async def test_project_without_files_has_a_page(
    gateway: Gateway, store: Store, host: str, kind: str, status: int, text: str
) -> None:
    """No release yet, and taken offline: each is told apart."""
    await store.route(host, {"version": 1, "host": host, "generation": 1, "kind": kind})
    answer = await gateway.get(host, "/x")
    assert answer.status_code == status
    assert text in answer.text
    assert PAGE_HEADERS.items() <= dict(answer.headers).items()


async def test_host_that_was_given_up_is_an_unknown_host(
    gateway: Gateway, store: Store, host: str
) -> None:
    """A route of kind `unknown` answers as if there were none, and ends what was shown before."""
    release = await store.online(host, {"/": File(b"mine")})
    assert (await gateway.get(host)).text == "mine"
    await store.route(host, release.route(host, 2, kind="unknown"))

    async def ended() -> bool:
        """The site is not shown any more."""
        return (await gateway.get(host)).status_code == 404

    await until(ended)
    given_up, never = await gateway.get(host, "/x"), await gateway.get(f"no-{host}", "/x")
    assert given_up.status_code == never.status_code == 404
    assert given_up.text == never.text.replace(f"no-{host}", host)
    own = {"content-length": "", "date": ""}
    assert dict(given_up.headers) | own == dict(never.headers) | own


@pytest.mark.parametrize(
    "route",
    [
        b"not json",
        b"{}",
        b'{"version":2,"host":"HOST","generation":1,"kind":"static"}',
        b'{"version":1,"host":"other.apps.localhost","generation":1,"kind":"empty"}',
        b'{"version":1,"host":"HOST","generation":1,"kind":"static","project":"../x"}',
        b'{"version":1,"host":"HOST","generation":"1","kind":"empty"}',
    ],
)
async def test_route_that_is_not_right_is_an_outage(
    gateway: Gateway, store: Store, host: str, route: bytes
) -> None:
    """Half a route, or another host's, is never believed."""
    await store.write("routes", f"{host}.json", route.replace(b"HOST", host.encode()))
    answer = await gateway.get(host)
    assert answer.status_code == 503
    assert "retry-after" in answer.headers


async def test_absolute_address_decides_the_host(gateway: Gateway, store: Store, host: str) -> None:
    """A request line with a host counts; the Host header beside it confuses nothing."""
    other = f"other-{host}"
    await store.online(host, {"/": File(b"mine")})
    await store.online(other, {"/": File(b"other")})
    for named, header, body in ((host, other, b"mine"), (other, host, b"other")):
        request = f"GET http://{named}/ HTTP/1.1\r\nHost: {header}\r\nConnection: close\r\n\r\n"
        for _ in range(2):
            answer = await gateway.raw(request.encode())
            assert answer.endswith(b"\r\n\r\n" + body)


async def test_spelling_of_a_host_does_not_matter(
    gateway: Gateway, store: Store, host: str
) -> None:
    """Case, a port and a final dot are the same host."""
    await store.online(host, {"/": File(b"mine")})
    for spelt in (host.upper(), f"{host}:80", f"{host}."):
        request = f"GET / HTTP/1.1\r\nHost: {spelt}\r\nConnection: close\r\n\r\n"
        assert (await gateway.raw(request.encode())).endswith(b"mine")


async def test_two_hosts_in_one_request_are_refused(gateway: Gateway) -> None:
    """A second Host header is no way to another site."""
    answer = await gateway.raw(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("host", ["localhost", "admin.localhost"])
async def test_front_ends_are_sites_with_security_headers(
    gateway: Gateway, store: Store, host: str
) -> None:
    """Platform and admin pages come from their routes, and cannot be framed."""
    page = File(b"front end")
    await store.online(host, {"/": page, "/404.html": page}, not_found="/404.html")
    for path, status in (("/", 200), ("/nowhere", 404)):
        answer = await gateway.get(host, path)
        assert answer.status_code == status
        assert answer.text == "front end"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert len(answer.headers.get_list("x-content-type-options")) == 1
    await store.remove("routes", f"{host}.json")


class Upstream:
    """A Functions app's place: answers with what it was asked, and what it was told to add."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.headers = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:
            writer.close()
            return
        line, *fields = head.split("\r\n")
        named = dict(field.split(": ", 1) for field in fields if field)
        body = json.dumps({"app": self.name, "line": line, "headers": named}).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
            + self.headers
            + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            + body
        )
        await writer.drain()
        writer.close()


async def test_api_goes_to_the_app_of_its_host(azurite: Azurite) -> None:
    """The path is kept; forwarded headers are the gateway's own, whatever a client claims."""
    api, admin = Upstream("api"), Upstream("admin")
    servers = [await asyncio.start_server(app, "127.0.0.1", 0) for app in (api, admin)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    async with running(
        **identity(azurite),
        api_upstream=f"127.0.0.1:{ports[0]}",
        admin_upstream=f"127.0.0.1:{ports[1]}",
    ) as gateway:
        for host, app in (("localhost", "api"), ("admin.localhost", "admin")):
            answer = await gateway.get(
                host,
                "/api/v1/projects%2Fx?limit=5",
                x_forwarded_for="6.6.6.6",
                x_forwarded_host="evil",
                forwarded="for=6.6.6.6",
                x_request_id="request-12345",
            )
            seen = answer.json()
            assert seen["app"] == app
            assert seen["line"] == "GET /api/v1/projects%2Fx?limit=5 HTTP/1.1"
            assert seen["headers"]["Host"] == f"{host}:{gateway.port}"
            assert seen["headers"]["X-Forwarded-For"] == "127.0.0.1"
            assert seen["headers"]["X-Forwarded-Host"] == f"{host}:{gateway.port}"
            assert seen["headers"]["X-Request-Id"] == "request-12345"
            assert "Forwarded" not in {name.title() for name in seen["headers"]}
        tenant = await gateway.get("shop.apps.localhost", "/api/v1/projects")
        assert tenant.status_code == 404
    for server in servers:
        server.close()


async def test_upstream_cannot_reach_inside(azurite: Azurite, store: Store) -> None:
    """X-Accel headers of an app neither redirect inside nor leave."""
    api = Upstream("api")
    api.headers = b"X-Accel-Redirect: /index.html\r\nX-Accel-Limit-Rate: 1\r\n"
    server = await asyncio.start_server(api, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with running(**identity(azurite), api_upstream=f"127.0.0.1:{port}") as gateway:
        answer = await gateway.get("localhost", "/api/v1/me")
        assert answer.json()["app"] == "api"
        assert not [name for name in answer.headers if name.startswith("x-accel")]
    server.close()


async def test_app_that_is_down_is_a_problem(azurite: Azurite) -> None:
    """Programs get problem details with a code, not a page."""
    async with running(**identity(azurite), api_upstream=f"127.0.0.1:{free_port()}") as gateway:
        answer = await gateway.get("localhost", "/api/v1/me")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unavailable"
    assert answer.json()["instance"] == "/api/v1/me"
    assert answer.headers["x-request-id"]


async def test_api_body_is_bounded(gateway: Gateway) -> None:
    """A body above the bound is refused before an app sees it."""
    async with gateway.client("localhost") as client:
        answer = await client.post("/api/v1/projects", content=b"x" * (8 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


@pytest.mark.parametrize("host", ["localhost", "admin.localhost"])
async def test_path_beside_the_api_is_a_problem(gateway: Gateway, host: str) -> None:
    """`/api` alone is not the API, and says where it begins."""
    answer = await gateway.get(host, "/api")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
