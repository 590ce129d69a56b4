"""What a tenant's app gets of a request, and a client of its answer: everything, as it was sent."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.gateway.apps import App, route, serving
from tests.gateway.conftest import identity
from tests.gateway.harness import Gateway, running, until
from tests.gateway.sites import File, Store
from tests.services.handles import Azurite

MEGABYTE = 1024 * 1024


@pytest.fixture
async def app(store: Store, host: str) -> AsyncIterator[App]:
    """An app of its own, live on the test's host."""
    async with serving("app") as (made,):
        await store.route(host, route(host, 1, made.address))
        yield made


async def ask(gateway: Gateway, host: str, lines: str, body: bytes = b"") -> tuple[int, Any]:
    """Status and what the app saw of a request that is written as it stands."""
    text = f"{lines}\r\nHost: {host}:{gateway.port}\r\nConnection: close\r\n\r\n"
    answer = await gateway.raw(text.encode() + body)
    head, _, rest = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1])
    return status, json.loads(rest) if b"application/json" in head and rest else head


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/a//b///c",
        "/a%2Fb%2fc",
        "/a/..;/b",
        "/a/./b/../c",
        "/%41%7e?x=%20+&y[]=1&&",
        "/?",
        "/a;b=c,d@e:f!$&'()*|{}^`\"<>",
        "/a?next=http://evil/../..//x#part",
        "//malformed",
        "/api/gateway/traffic",
        "/_blob/staging/x",
        "/@app",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_path_reaches_the_app_as_sent(
    gateway: Gateway, app: App, host: str, method: str, target: str
) -> None:
    """Nothing is decoded, merged or resolved on the way."""
    text = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
    length = "Content-Length: 0\r\n" if method == "POST" else ""
    answer = await gateway.raw((text + length + "\r\n").encode())
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:300]
    assert app.requests[-1].raw_path == target


async def test_absolute_address_keeps_its_path(gateway: Gateway, app: App, host: str) -> None:
    """The host of the request line counts, and only the path goes on."""
    _, seen = await ask(gateway, "other.apps.localhost", f"GET http://{host}/a//b?c HTTP/1.1")
    assert seen["path"] == "/a//b?c"
    assert dict(seen["headers"])["host"] == f"{host}:{gateway.port}"


@pytest.mark.parametrize(
    "method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "QUERY"]
)
async def test_every_method_reaches_the_app(
    gateway: Gateway, app: App, host: str, method: str
) -> None:
    """With its body, in one piece or in chunks."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    for body in (b"one two", chunks()):
        async with gateway.client(host) as client:
            answer = await client.request(method, "/x", content=body)
        seen = answer.json()
        assert (seen["method"], seen["body"], seen["version"]) == (method, "one two", [1, 1])


async def test_head_has_no_body(gateway: Gateway, app: App, host: str) -> None:
    """HEAD arrives as HEAD, and its answer says the length."""
    async with gateway.client(host) as client:
        answer = await client.head("/x")
    assert app.requests[-1].method == "HEAD"
    assert answer.content == b""
    assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize("line", ["TRACE / HTTP/1.1", "CONNECT a.example:443 HTTP/1.1"])
async def test_method_for_machines_between_is_refused(
    gateway: Gateway, app: App, host: str, line: str
) -> None:
    """TRACE and CONNECT never reach an app."""
    status, _ = await ask(gateway, host, line)
    assert status == 405
    assert app.requests == []


async def test_forged_headers_are_replaced(gateway: Gateway, app: App, host: str) -> None:
    """Who a client is and how it came, the gateway says; hop-by-hop headers end here."""
    answer = await gateway.get(
        host,
        x_forwarded_for="6.6.6.6",
        x_forwarded_host="evil",
        x_forwarded_proto="gopher",
        x_forwarded_port="1",
        x_real_ip="6.6.6.6",
        forwarded="for=6.6.6.6",
        proxy="http://evil",
        keep_alive="timeout=9",
        te="trailers",
        upgrade="h2c",
        connection="upgrade",
        x_request_id="request-12345",
        cookie="session=1; theme=dark",
        authorization="Bearer mine",
    )
    headers = answer.json()["headers"]
    seen = dict(headers)
    assert len(headers) == len(seen)
    assert seen["host"] == seen["x-forwarded-host"] == f"{host}:{gateway.port}"
    assert seen["x-forwarded-for"] == seen["x-real-ip"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-forwarded-port"] == str(gateway.port)
    assert seen["x-request-id"] == "request-12345"
    assert seen["cookie"] == "session=1; theme=dark"
    assert seen["authorization"] == "Bearer mine"
    assert not {"forwarded", "proxy", "keep-alive", "te", "upgrade", "object"} & set(seen)


async def test_answer_is_passed_on_as_it_is(gateway: Gateway, app: App, host: str) -> None:
    """Cookies, redirects, policies and encodings of the app, and none of ours."""
    query = "&".join(
        [
            "status=302",
            "Location=http://127.0.0.1:1/x",
            "Set-Cookie=a=1",
            "Set-Cookie=b=2;+Path=/",
            "Cache-Control=max-age=60",
            "ETag=%22tag%22",
            "Content-Encoding=x-own",
            "X-Powered-By=tests",
            "Expires=Thu,+01+Jan+1970+00:00:00+GMT",
        ]
    )
    answer = await gateway.get(host, f"/headers?{query}")
    assert answer.status_code == 302
    assert answer.headers["location"] == "http://127.0.0.1:1/x"
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2; Path=/"]
    assert answer.headers["cache-control"] == "max-age=60"
    assert answer.headers["etag"] == '"tag"'
    assert answer.headers["content-encoding"] == "x-own"
    assert answer.headers["x-powered-by"] == "tests"
    assert answer.headers["expires"].startswith("Thu, 01 Jan 1970")
    ours = {"strict-transport-security", "x-robots-tag", "x-content-type-options"}
    assert not ours & {name.lower() for name in answer.headers}


@pytest.mark.parametrize("status", [206, 304, 404, 416, 418, 419, 420, 423, 424, 500, 502, 503])
async def test_status_of_the_app_is_its_own(
    gateway: Gateway, app: App, host: str, status: int
) -> None:
    """No page of ours stands in for what the app answered, and nothing is tried again."""
    answer = await gateway.get(host, f"/headers?status={status}&Content-Range=bytes+0-1/9")
    assert answer.status_code == status
    assert answer.text == ("" if status == 304 else "inside the app")
    assert answer.headers["content-range"] == "bytes 0-1/9"
    assert len(app.requests) == 1


@pytest.mark.parametrize(
    "header",
    [
        "X-Accel-Redirect=/",
        "X-Accel-Redirect=@answer",
        "X-Accel-Redirect=//malformed",
        "X-Accel-Buffering=yes",
        "X-Accel-Expires=1000",
        "X-Accel-Limit-Rate=1",
        "X-Accel-Charset=koi8-r",
    ],
)
async def test_app_cannot_speak_to_nginx(
    gateway: Gateway, app: App, host: str, header: str
) -> None:
    """Headers that nginx would obey are neither obeyed nor shown."""
    answer = await gateway.get(host, f"/headers?{header}")
    assert (answer.status_code, answer.text) == (200, "inside the app")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert not [name for name in answer.headers if name.lower().startswith("x-accel")]


async def test_ranges_and_conditions_are_the_apps_business(
    gateway: Gateway, app: App, host: str
) -> None:
    """nginx cuts nothing and compares nothing."""
    answer = await gateway.get(
        host, "/headers?ETag=%22tag%22", range="bytes=0-1", if_none_match='"tag"', if_match='"no"'
    )
    assert (answer.status_code, answer.text) == (200, "inside the app")
    assert app.requests[-1].headers["Range"] == "bytes=0-1"
    assert app.requests[-1].headers["If-None-Match"] == '"tag"'


async def test_big_headers_pass_both_ways(gateway: Gateway, app: App, host: str) -> None:
    """Seven kilobytes in one header: tokens and policies are as long."""
    value = "x" * 7000
    answer = await gateway.get(host, f"/headers?X-Big={value}", x_big=value)
    assert answer.headers["x-big"] == value
    assert app.requests[-1].headers["X-Big"] == value


async def test_upload_streams_through(gateway: Gateway, app: App, host: str) -> None:
    """Of 100 MB the app has the first byte before the last is sent, and nothing is kept here."""

    async def body() -> AsyncIterator[bytes]:
        yield b"x" * MEGABYTE
        await asyncio.wait_for(app.first_byte.wait(), 20)
        for _ in range(99):
            yield b"x" * MEGABYTE

    for headers in ({}, {"content-length": str(100 * MEGABYTE)}):
        app.first_byte.clear()
        app.received = 0
        async with gateway.client(host) as client:
            answer = await client.post("/upload", content=body(), headers=headers)
        assert answer.text == str(100 * MEGABYTE)
    assert list((gateway.config.state_dir / "body").rglob("*")) == []


async def test_client_that_waits_for_continue_gets_it(
    gateway: Gateway, app: App, host: str
) -> None:
    """`Expect: 100-continue` is answered, and the app sees a usual request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = f"PUT /x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode())
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).startswith(b"HTTP/1.1 100")
    writer.write(b"hello")
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    seen = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert seen["body"] == "hello"
    assert "expect" not in dict(seen["headers"])


async def test_websocket_talks_both_ways(gateway: Gateway, app: App, host: str) -> None:
    """A connection that is taken over carries messages of any size."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"http://127.0.0.1:{gateway.port}/ws", headers={"Host": host}
        ) as connection,
    ):
        for text in ("hello", "x" * 200_000):
            await connection.send_str(text)
            assert await connection.receive_str(timeout=20) == f"app: {text}"


async def test_events_arrive_one_by_one(gateway: Gateway, app: App, host: str) -> None:
    """The first event is here before the app wrote the second."""
    async with gateway.client(host) as client, client.stream("GET", "/events") as answer:
        parts = answer.aiter_raw()
        assert await anext(parts) == b"data: 1\n\n"
        app.release.set()
        assert await anext(parts) == b"data: 2\n\n"


async def test_client_that_leaves_frees_the_app(gateway: Gateway, app: App, host: str) -> None:
    """The app's side of an abandoned request ends with it."""
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(f"GET /hold HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

    async def arrived() -> bool:
        """The app works on it."""
        return app.running == 1

    await until(arrived)
    writer.close()

    async def left() -> bool:
        """The app has given up."""
        return app.running == 0

    await until(left)


async def test_slow_client_is_waited_for(gateway: Gateway, app: App, host: str) -> None:
    """A request that arrives in pieces is one request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = f"POST /x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 6\r\nConnection: close\r\n\r\n"
    for piece in (head[:20], head[20:], "ab", "cd", "ef"):
        writer.write(piece.encode())
        await writer.drain()
        await asyncio.sleep(0.05)  # the pause is what is tested
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["body"] == "abcdef"


async def test_body_above_the_platforms_bound_is_refused(
    azurite: Azurite, store: Store, host: str, app: App
) -> None:
    """With a page of ours, before the app sees the end of it."""
    async with running(**identity(azurite), app_max_bytes=200_000) as gateway:
        async with gateway.client(host) as client:
            fits = await client.post("/upload", content=b"x" * 200_000)
            above = await client.post("/upload", content=b"x" * 200_001)
        assert fits.text == "200000"
        assert above.status_code == 413


async def test_noindex_is_said_of_previews(gateway: Gateway, store: Store, host: str) -> None:
    """Only where the route asks for it, on whatever the app answers."""
    async with serving("preview") as (app,):
        await store.route(host, route(host, 1, app.address, noindex=True))
        for _ in range(2):
            answer = await gateway.get(host, "/headers?status=404")
            assert answer.headers["x-robots-tag"] == "noindex"


async def test_two_hosts_never_mix(gateway: Gateway, store: Store, host: str) -> None:
    """Under load every answer is of the host that was asked for."""
    async with serving(*(f"app{n}" for n in range(6))) as apps:
        hosts = {f"{app.name}-{host}": app for app in apps}
        for name, app in hosts.items():
            await store.route(name, route(name, 1, app.address))

        async def visit(name: str, app: App) -> None:
            async with gateway.client(name) as client:
                for number in range(100):
                    seen = (await client.get(f"/{number}")).json()
                    assert (seen["app"], seen["path"]) == (app.name, f"/{number}")
                    assert dict(seen["headers"])["host"] == f"{name}:{gateway.port}"

        await asyncio.gather(*(visit(name, app) for name, app in hosts.items() for _ in range(2)))


async def test_site_and_app_follow_each_other_on_a_host(
    gateway: Gateway, store: Store, host: str
) -> None:
    """A project that becomes dynamic shows its app on every path; one that goes back, its files."""
    site = await store.publish({"/": File(b"a file"), "/x": File(b"a file")})
    async with serving("app") as (app,):
        live = route(host, 2, app.address, project=site.project)
        for document, body in (
            (site.route(host, 1), "a file"),
            (live, '"app"'),
            (site.route(host, 3), "a file"),
        ):
            await store.route(host, document)

            async def shown(body: str = body) -> bool:
                """The new one answers."""
                return body in (await gateway.get(host, "/x")).text

            await until(shown)
            assert body in (await gateway.get(host, "/")).text
