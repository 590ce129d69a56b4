"""HTTP triggers over a real socket: routes, requests, responses, failures, draining."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.integration.functions_host.hosting import App, Process, running, until

PREFIX = {"extensions": {"http": {"routePrefix": "api"}}}


@pytest.fixture
def app(tmp_path: Path) -> App:
    """The HTTP app of its own folder."""
    return App(tmp_path, "http", host=PREFIX)


@pytest.fixture
def host(app: App) -> Iterator[Process]:
    """A host that runs it."""
    with running(app) as process:
        yield process


async def test_a_function_sees_the_whole_request(host: Process) -> None:
    """Method, URL, headers, query, route values, body and context arrive as on Azure."""
    number = str(uuid4())
    url = await host.ready()
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"{url}/api/v1/Echo/{number}/a%20b?one=1&one=2&empty=",
            content=b"\x00\xff",
            headers=[("X-Two", "a"), ("X-Two", "b"), ("traceparent", "00-1-2-01")],
        )
    seen = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert seen["method"] == "POST"
    assert seen["url"].endswith(f"/api/v1/Echo/{number}/a%20b?one=1&one=2&empty=")
    assert seen["params"] == {"one": "1,2"}
    assert seen["route_params"] == {"id": number, "rest": "a b"}
    assert seen["body"].encode("latin-1") == b"\x00\xff"
    assert seen["headers"]["x-two"] == "a,b"
    assert (seen["function"], seen["trace"]) == ("echo", "00-1-2-01")


async def test_bodies_of_any_size_and_framing_arrive(host: Process) -> None:
    """A body in many parts without a length is put together."""

    async def parts() -> object:
        for _ in range(50):
            yield b"x" * 10_000

    url = await host.ready()
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{url}/api/v1/echo/{uuid4()}", content=parts())
    assert len(answer.json()["body"]) == 500_000


async def test_status_headers_and_each_cookie_reach_the_client(host: Process) -> None:
    """Several Set-Cookie headers stay several."""
    url = await host.ready()
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{url}/api/v1/cookies")
    assert (answer.status_code, answer.text, answer.headers["x-kind"]) == (201, "made", "cookies")
    cookies = answer.headers.get_list("set-cookie")
    assert cookies == ["one=1; Path=/; HttpOnly", "two=2; Secure"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/absent", 404),
        ("GET", "/api/v1/echo/not-a-guid", 404),
        ("DELETE", "/api/v1/cookies", 404),
        ("GET", "/v1/cookies", 404),
        ("GET", "/api/v1/broken", 500),
        ("GET", "/api/v1/wrong", 500),
    ],
)
async def test_answers_without_a_function_s_result_are_empty(
    host: Process, method: str, path: str, status: int
) -> None:
    """The host's own 404 (also for a method) and 500 carry no body."""
    url = await host.ready()
    async with httpx.AsyncClient() as client:
        answer = await client.request(method, url + path)
    assert (answer.status_code, answer.content) == (status, b"")


async def test_a_failure_is_logged_with_its_traceback(host: Process) -> None:
    """The log names the function and shows where it failed."""
    url = await host.ready()
    async with httpx.AsyncClient() as client:
        await client.get(f"{url}/api/v1/broken")
    await until(lambda: "RuntimeError: on purpose" in host.text(), host)
    assert "Executed 'Functions.broken' (Failed" in host.text()
    assert "function_app.py" in host.text()


async def test_synchronous_functions_run_in_a_thread(host: Process) -> None:
    """They do not run on the event loop."""
    url = await host.ready()
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{url}/api/v1/sync")
    assert answer.text.startswith("function")


async def test_the_function_time_out_cancels(tmp_path: Path) -> None:
    """functionTimeout of host.json ends an asynchronous function with 500."""
    app = App(tmp_path, "http", host={**PREFIX, "functionTimeout": "00:00:01"})
    with running(app) as host:
        url = await host.ready()
        async with httpx.AsyncClient(timeout=20) as client:
            answer = await client.get(f"{url}/api/v1/hangs")
        assert answer.status_code == 500
        assert "functionTimeout of 1 s passed" in host.text()


async def test_a_signal_lets_the_running_request_end(app: App, host: Process) -> None:
    """SIGTERM: the answer still arrives, nothing new is accepted, the exit code is 0."""
    url = await host.ready()
    async with httpx.AsyncClient(timeout=20) as client:
        slow = asyncio.create_task(client.get(f"{url}/api/v1/slow"))
        await until(lambda: app.calls("begun"), host)
        host.signal(signal.SIGTERM)
        await until(lambda: "draining" in host.text(), host)
        app.release()
        answer = await slow
    assert (answer.status_code, answer.text) == (200, "late")
    assert await host.ended() == 0
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


async def test_a_second_signal_ends_at_once(app: App, host: Process) -> None:
    """SIGINT twice does not wait for what runs."""
    url = await host.ready()
    async with httpx.AsyncClient(timeout=20) as client:
        slow = asyncio.create_task(client.get(f"{url}/api/v1/slow"))
        await until(lambda: app.calls("begun"), host)
        host.signal(signal.SIGINT)
        await until(lambda: "draining" in host.text(), host)
        host.signal(signal.SIGINT)
        assert await host.ended() == 128 + signal.SIGINT
        with pytest.raises(httpx.TransportError):
            await slow


async def test_what_does_not_end_in_time_is_cancelled(app: App) -> None:
    """The drain is bounded, and a bound that was reached is told by the exit code."""
    with running(app, "--drain", "0.5") as host:
        url = await host.ready()
        async with httpx.AsyncClient(timeout=20) as client:
            hanging = asyncio.create_task(client.get(f"{url}/api/v1/slow"))
            await until(lambda: app.calls("begun"), host)
            host.signal(signal.SIGTERM)
            assert await host.ended() == 1
            await asyncio.gather(hanging, return_exceptions=True)
    assert "not drained within 0.5 s" in host.text()


async def test_a_taken_port_is_named(app: App, host: Process, tmp_path: Path) -> None:
    """The host does not start, and says which port and what to do."""
    port = (await host.ready()).rpartition(":")[2]
    with running(app, "--port", port) as second:
        assert await second.ended() == 2
    assert f"port {port} on 127.0.0.1 cannot be used" in second.text()
    assert "Traceback" not in second.text()
