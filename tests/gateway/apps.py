"""What stands behind a dynamic route: a small app that tells what reached it, and the API."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

from shared.metrics.models import TrafficReport
from shared.workloads.gateway import Woken
from tests.gateway.harness import free_port


class App:
    """A tenant's app on a port of its own; every request is kept, as it arrived."""

    def __init__(self, name: str = "app", port: int | None = None) -> None:
        self.name = name
        self.port = port or free_port()
        self.requests: list[web.BaseRequest] = []
        self.first_byte = asyncio.Event()
        self.received = 0
        self.release = asyncio.Event()
        self.running = 0
        self._runner: web.ServerRunner | None = None

    @property
    def address(self) -> str:
        """As a route names it."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen."""
        server = web.Server(self._answer, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()

    async def stop(self) -> None:
        """Refuse connections from now on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)
        self.running += 1
        try:
            kind = request.path.strip("/").split("/")[0]
            found: Callable[[web.BaseRequest], Any] = getattr(self, f"_do_{kind}", self._do_echo)
            answer: web.StreamResponse = await found(request)
            return answer
        finally:
            self.running -= 1

    async def _do_echo(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        seen = {
            "app": self.name,
            "method": request.method,
            "path": request.raw_path,
            "version": list(request.version),
            "headers": [[name.lower(), value] for name, value in request.headers.items()],
            "body": body.decode("latin-1") if len(body) < 10_000 else "",
            "length": len(body),
        }
        return web.json_response(seen, headers={"X-App": self.name})

    async def _do_upload(self, request: web.BaseRequest) -> web.StreamResponse:
        async for part in request.content.iter_any():
            self.received += len(part)
            self.first_byte.set()
        return web.Response(text=str(self.received))

    async def _do_ws(self, request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(f"{self.name}: {message.data}")
        return socket

    async def _do_events(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b"data: 1\n\n")
        await self.release.wait()
        await answer.write(b"data: 2\n\n")
        return answer

    async def _do_hold(self, request: web.BaseRequest) -> web.StreamResponse:
        await self.release.wait()
        return web.Response(text=self.name)

    async def _do_headers(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers with the headers that the query names, each as it stands."""
        headers = [(name, value) for name, value in request.query.items() if name != "status"]
        status = int(request.query.get("status", "200"))
        answer = web.Response(status=status, text="inside the app")
        for name, value in headers:
            answer.headers.add(name, value)
        return answer

    async def _do_crash(self, request: web.BaseRequest) -> web.StreamResponse:
        """Goes away without a word."""
        assert request.transport is not None
        request.transport.abort()
        return web.Response()


@asynccontextmanager
async def serving(*names: str) -> AsyncIterator[list[App]]:
    """Apps of these names, listening."""
    apps = [App(name) for name in names]
    for app in apps:
        await app.start()
    try:
        yield apps
    finally:
        for app in apps:
            app.release.set()
            await app.stop()


def route(host: str, generation: int, *addresses: str, **more: Any) -> dict[str, Any]:
    """The route of a release that runs at these addresses."""
    return {
        "version": 1,
        "host": host,
        "generation": generation,
        "kind": "dynamic",
        "project": str(uuid.uuid4()),
        "release": str(uuid.uuid4()),
        "addresses": list(addresses),
        "asleep": False,
        "noindex": False,
        **more,
    }


def woken(*addresses: str) -> tuple[int, dict[str, Any]]:
    """What the API answers to a wake, in its own words: ready at these addresses, or not yet."""
    told = Woken(ready=True, addresses=list(addresses)) if addresses else _NOT_YET
    return 200, told.model_dump(mode="json")


_NOT_YET = Woken(ready=False, retry_ms=100)


class Api:
    """The API app as the gateway sees it: takes reports, and wakes what a test says."""

    def __init__(self) -> None:
        self.port = free_port()
        self.reports: list[dict[str, Any]] = []
        self.wakes: list[str] = []
        self.keys: set[str] = set()
        self.failing = False
        self.wake_answers: list[tuple[int, dict[str, Any]]] = []
        self._runner: web.ServerRunner | None = None

    @property
    def address(self) -> str:
        """For the gateway's setting."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen."""
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        """End."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.keys.add(request.headers.get("Authorization", ""))
        if request.path == "/api/gateway/wake":
            self.wakes.append((await request.json())["release"])
            status, value = (
                self.wake_answers.pop(0) if len(self.wake_answers) > 1 else self.wake_answers[0]
            )
            return web.json_response(value, status=status)
        if request.path != "/api/gateway/traffic" or self.failing:
            return web.json_response({"path": request.raw_path}, status=503)
        body = await request.read()
        TrafficReport.model_validate_json(body)  # as the API does: what it refuses was never told
        self.reports.append(json.loads(body))
        return web.Response(status=204)

    def total(self, release: str) -> dict[str, int]:
        """All that was reported of a release: requests, errors and the sum of the buckets."""
        found = [one for report in self.reports for one in report["releases"]]
        mine = [one for one in found if one["release"] == release]
        return {
            "requests": sum(one["requests"] for one in mine),
            "errors": sum(one["errors"] for one in mine),
            "buckets": sum(sum(one["latency_ms"].values()) for one in mine),
        }


@asynccontextmanager
async def listening_api() -> AsyncIterator[Api]:
    """An API that takes reports."""
    api = Api()
    await api.start()
    try:
        yield api
    finally:
        await api.stop()
