"""What the gateway tells the API of the requests to apps: each once, however it ended."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
import httpx
import psutil
import pytest

from tests.gateway.apps import Api, App, listening_api, route, serving
from tests.gateway.conftest import identity
from tests.gateway.harness import Gateway, free_port, running, until
from tests.gateway.sites import File, Store
from tests.services.handles import Azurite

KEY = "k" * 43


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """What takes the reports."""
    async with listening_api() as listening:
        yield listening


@pytest.fixture
async def counted(azurite: Azurite, store: Store, api: Api) -> AsyncIterator[Gateway]:
    """A gateway of two workers that reports often."""
    settings: dict[str, Any] = {
        "api_upstream": api.address,
        "gateway_key": KEY,
        "traffic_period": 1.0,
        "workers": 2,
    }
    async with running(**identity(azurite), **settings) as started:
        yield started


@pytest.fixture
async def app() -> AsyncIterator[App]:
    """What answers."""
    async with serving("app") as (made,):
        yield made


async def live(store: Store, host: str, *addresses: str) -> str:
    """A release at these addresses; its name."""
    document = route(host, 1, *addresses)
    await store.route(host, document)
    release: str = document["release"]
    return release


async def told(api: Api, release: str, requests: int, errors: int = 0) -> None:
    """Wait until exactly this was reported."""

    async def enough() -> bool:
        """All requests are reported."""
        return api.total(release)["requests"] >= requests

    await until(enough)
    expected = {"requests": requests, "errors": errors, "buckets": requests}
    assert api.total(release) == expected


async def test_requests_of_a_crowd_are_counted_exactly(
    counted: Gateway, store: Store, api: Api, app: App, host: str
) -> None:
    """Answers, errors of the app, of ours, and clients that leave, over two workers."""
    dead = f"127.0.0.1:{free_port()}"
    release, other = await live(store, host, app.address), await live(store, f"x-{host}", dead)

    async def visit() -> None:
        async with counted.client(host) as client:
            for _ in range(25):
                assert (await client.get("/x")).status_code == 200
                uploaded = await client.post("/upload", content=b"x" * 200_000)
                assert uploaded.status_code == 200
                assert (await client.get("/headers?status=500")).status_code == 500

    async def leave() -> None:
        before = len(app.requests)
        _, writer = await asyncio.open_connection("127.0.0.1", counted.port)
        writer.write(f"GET /hold HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

        async def arrived() -> bool:
            """The app works on it."""
            return len(app.requests) > before

        await until(arrived)
        writer.close()

    await asyncio.gather(*(visit() for _ in range(8)))
    for _ in range(5):
        await leave()
    for _ in range(3):
        await counted.get(f"x-{host}")
    await told(api, release, 8 * 75 + 5, errors=8 * 25)
    await told(api, other, 3, errors=3)
    assert {report["gateway"] for report in api.reports} == {api.reports[0]["gateway"]}
    assert len(api.reports[0]["gateway"]) == 16
    assert api.keys == {f"Bearer {KEY}"}


async def test_requests_in_flight_are_seen_while_they_last(
    counted: Gateway, store: Store, api: Api, app: App, host: str
) -> None:
    """A held request and an open WebSocket count as two, though neither has ended."""
    release = await live(store, host, app.address)
    url, headers = f"http://127.0.0.1:{counted.port}", {"Host": host}

    def last() -> dict[str, Any] | None:
        found = [one for report in api.reports for one in report["releases"]]
        mine = [one for one in found if one["release"] == release]
        return mine[-1] if mine else None

    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.ws_connect(f"{url}/ws") as connection,
    ):
        await connection.send_str("hello")
        await connection.receive_str()
        held = asyncio.create_task(session.get(f"{url}/hold"))

        async def two() -> bool:
            """Two are in flight, and none has ended."""
            found = last()
            return bool(found and found["in_flight"] >= 1.5 and not found["requests"])

        await until(two)
        app.release.set()
        (await held).close()
    await told(api, release, 2)


async def test_nothing_is_sent_where_nothing_happened(
    counted: Gateway, store: Store, api: Api, app: App, host: str
) -> None:
    """A quiet gateway is silent, and visitors of a site are no traffic of an app."""
    release = await live(store, host, app.address)
    await store.online(f"site-{host}", {"/": File(b"site")})
    await counted.get(host)
    await told(api, release, 1)
    reports = len(api.reports)
    await counted.get(f"site-{host}")
    await counted.get(f"site-{host}")
    await asyncio.sleep(3.0)  # nothing may happen meanwhile
    assert len(api.reports) == reports


async def test_report_that_failed_is_in_the_next(
    counted: Gateway, store: Store, api: Api, app: App, host: str
) -> None:
    """An API that is away for a while misses nothing, and learns how long the period was."""
    release = await live(store, host, app.address)
    api.failing = True
    for _ in range(10):
        await counted.get(host)

    async def refused() -> bool:
        """A report was tried."""
        return bool(api.keys)

    await until(refused)
    await counted.get(host)
    api.failing = False
    await told(api, release, 11)
    assert api.reports[0]["period_ms"] >= 1000


async def test_worker_that_was_killed_leaves_nothing_in_flight(
    counted: Gateway, store: Store, api: Api, app: App, host: str
) -> None:
    """What hung on a killed worker is not counted as running, and the rest goes on."""
    release = await live(store, host, app.address)
    _, writer = await asyncio.open_connection("127.0.0.1", counted.port)
    writer.write(f"GET /hold HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

    async def arrived() -> bool:
        """The app works on it."""
        return app.running == 1

    await until(arrived)
    for child in psutil.Process(counted.process.pid).children():
        if "worker process" in " ".join(child.cmdline()):
            os.kill(child.pid, signal.SIGKILL)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()

    async def free() -> bool:
        """A new worker's report counts requests, and none in flight."""
        with suppress(httpx.TransportError):
            await counted.get(host)
        found = [one for report in api.reports for one in report["releases"]]
        return any(one["requests"] and one["in_flight"] < 0.5 for one in found)

    await until(free)
    assert {one["release"] for report in api.reports for one in report["releases"]} == {release}


async def test_without_a_key_nothing_is_counted(
    azurite: Azurite, store: Store, api: Api, app: App, host: str
) -> None:
    """Apps are served all the same, and what sleeps stays asleep."""
    async with running(**identity(azurite), api_upstream=api.address) as gateway:
        await live(store, host, app.address, f"127.0.0.1:{free_port()}")
        for _ in range(10):
            assert (await gateway.get(host)).status_code == 200
        await store.route(f"x-{host}", route(f"x-{host}", 1, asleep=True))
        assert (await gateway.get(f"x-{host}")).status_code == 503
    assert not api.keys


@pytest.mark.parametrize("place", ["localhost", "admin.localhost"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/gateway",
        "/api/gateway/wake",
        "/api/gateway/traffic",
        "/api//gateway/traffic",
        "/API/gateway/traffic",
        "/api/Gateway/wake",
        "/api/%67ateway/wake",
        "/api%2Fgateway%2Fwake",
        "/api/v1/../gateway/wake",
        "/api/v1/..%2fgateway/wake",
        "/api/./gateway/wake",
    ],
)
async def test_reports_are_for_the_gateway_alone(
    counted: Gateway, api: Api, place: str, path: str
) -> None:
    """However the path is written, no client reaches where the gateway reports."""
    request = f"POST {path} HTTP/1.1\r\nHost: {place}\r\nContent-Length: 0\r\nConnection: close"
    answer = await counted.raw(f"{request}\r\n\r\n".encode())
    assert int(answer.split(b" ")[1]) in (404, 405, 503)
    assert not api.keys
