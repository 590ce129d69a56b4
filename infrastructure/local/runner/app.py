"""The runner's HTTP interface, on a Unix socket that only its user can open.

A start is ``PUT /runs/KEY`` with the job's length in eight bytes, the job as JSON, and the archive.
``shared.builders.runner`` is the client.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from infrastructure.local.runner.requests import LONGEST_WAIT, Refused, key, number
from infrastructure.local.runner.runs import Runs
from infrastructure.local.runner.workloads import api as workloads_api
from infrastructure.local.runner.workloads.service import Workloads
from infrastructure.local.runner.workloads.shipping import Shipping
from infrastructure.local.runner.workloads.tasks import Tasks
from shared.builders.port import BuildJob
from shared.errors import AstroCloudError

_LENGTH = struct.Struct(">Q")
_MOST_JOB_BYTES = 16 * 1024 * 1024
_SWEEP_SECONDS = 30.0
_WORKLOADS_SECONDS = 1.0


def make_app(
    runs: Runs, workloads: Workloads, tasks: Tasks, shipping: Shipping | None = None
) -> Starlette:
    """The application over what a runner has; ``shipping`` brings the lines of servers away."""
    api = _Api(runs)
    return Starlette(
        routes=[
            Route("/health", api.health),
            Route("/runs/{key}", api.start, methods=["PUT"]),
            Route("/runs/{key}", api.status, methods=["GET"]),
            Route("/runs/{key}", api.delete, methods=["DELETE"]),
            Route("/runs/{key}/log", api.log),
            Route("/runs/{key}/cancel", api.cancel, methods=["POST"]),
            Route("/runs/{key}/output", api.output),
            Route("/caches/{name:path}", api.clear_cache, methods=["DELETE"]),
            Route("/images/{reference:path}", api.delete_image, methods=["DELETE"]),
            *workloads_api.routes(workloads, tasks),
        ],
        lifespan=_lifespan(runs, workloads, tasks, shipping),
        exception_handlers={Refused: _refused, AstroCloudError: workloads_api.told},
    )


def _lifespan(runs: Runs, workloads: Workloads, tasks: Tasks, shipping: Shipping | None) -> Any:
    @asynccontextmanager
    async def live(_app: Starlette) -> AsyncIterator[None]:
        sweeping = [
            asyncio.create_task(_regularly(runs.sweep, _SWEEP_SECONDS)),
            asyncio.create_task(_regularly(tasks.sweep, _SWEEP_SECONDS)),
            asyncio.create_task(_regularly(workloads.sweep, _WORKLOADS_SECONDS)),
        ]
        carrying = asyncio.create_task(shipping.run()) if shipping else None
        try:
            yield
        finally:
            for task in sweeping:
                task.cancel()
            await asyncio.gather(*sweeping, return_exceptions=True)
            await asyncio.gather(runs.end_all(), tasks.end_all(), workloads.end_all())
            if carrying is not None:
                carrying.cancel()
                await asyncio.gather(carrying, return_exceptions=True)

    return live


async def _regularly(look: Callable[[], Awaitable[None]], seconds: float) -> None:
    while True:
        await look()
        await asyncio.sleep(seconds)


async def _refused(_request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 400)


class _Api:
    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    async def health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def start(self, request: Request) -> Response:
        body = _Body(request.stream())
        job = _job(await body.job(), key(request))
        begun = await self._runs.start(job, body.rest())
        return Response(status_code=201 if begun else 200)

    async def status(self, request: Request) -> Response:
        found = await self._runs.status(key(request))
        if found is None:
            return JSONResponse({"detail": "There is no such run."}, 404)
        return Response(found.model_dump_json(), media_type="application/json")

    async def log(self, request: Request) -> Response:
        after, wait = number(request, "after"), number(request, "wait")
        frames = await self._runs.log(key(request), int(after), min(wait, LONGEST_WAIT))
        told = ",".join(frame.model_dump_json() for frame in frames)
        return Response(f"[{told}]", media_type="application/json")

    async def cancel(self, request: Request) -> Response:
        await self._runs.cancel(key(request))
        return Response(status_code=204)

    async def output(self, request: Request) -> Response:
        path = self._runs.folder(key(request)).output
        if not path.exists():
            return JSONResponse({"detail": "The run has left no output."}, 404)
        return FileResponse(path, media_type="application/zip")

    async def delete(self, request: Request) -> Response:
        await self._runs.delete(key(request))
        return Response(status_code=204)

    async def clear_cache(self, request: Request) -> Response:
        try:
            freed = await self._runs.clear_cache(request.path_params["name"])
        except ValueError as error:
            raise Refused(str(error)) from None
        return JSONResponse({"freed_bytes": freed})

    async def delete_image(self, request: Request) -> Response:
        try:
            await self._runs.delete_image(request.path_params["reference"])
        except ValueError as error:
            raise Refused(str(error)) from None
        return Response(status_code=204)


class _Body:
    """A start's body: the job, then the archive."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self._stream = stream
        self._held = b""

    async def job(self) -> bytes:
        (length,) = _LENGTH.unpack(await self._exactly(_LENGTH.size))
        if length > _MOST_JOB_BYTES:
            raise Refused(f"The job has {length:,} bytes, at most {_MOST_JOB_BYTES:,} are read.")
        return await self._exactly(length)

    async def _exactly(self, count: int) -> bytes:
        while len(self._held) < count:
            piece = await anext(self._stream, None)
            if piece is None:
                raise Refused("The body ends before the job does.")
            self._held += piece
        found, self._held = self._held[:count], self._held[count:]
        return found

    async def rest(self) -> AsyncIterator[bytes]:
        if self._held:
            yield self._held
        async for piece in self._stream:
            yield piece


def _job(data: bytes, key: str) -> BuildJob:
    try:
        job = BuildJob.model_validate_json(data)
    except ValidationError as error:
        # Neither the input nor its keys may be told: both may hold a secret.
        kinds = sorted({problem["type"] for problem in error.errors(include_input=False)})
        raise Refused(f"The job is not understood ({', '.join(kinds)}).") from None
    if job.key != key:
        raise Refused(f"The job is called {job.key}, but was sent as {key}.")
    return job
