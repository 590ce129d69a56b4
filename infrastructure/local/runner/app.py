"""The runner's HTTP interface, on a Unix socket that only its user can open.

A start is ``PUT /runs/KEY`` with the job's length in eight bytes, the job as JSON, and the archive.
``shared.builders.runner`` is the client.
"""

import asyncio
import re
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from infrastructure.local.runner.runs import Runs
from shared.builders.port import BuildJob

_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_LENGTH = struct.Struct(">Q")
_MOST_JOB_BYTES = 16 * 1024 * 1024
_SWEEP_SECONDS = 30.0
_LONGEST_WAIT = 30.0


class _Refused(Exception):
    """A request that cannot be understood; says why."""


def make_app(runs: Runs) -> Starlette:
    """The application over some runs."""
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
        ],
        lifespan=_lifespan(runs),
        exception_handlers={_Refused: _refused},
    )


def _lifespan(runs: Runs) -> Any:
    @asynccontextmanager
    async def live(_app: Starlette) -> AsyncIterator[None]:
        async def regularly() -> None:
            while True:
                await runs.sweep()
                await asyncio.sleep(_SWEEP_SECONDS)

        task = asyncio.create_task(regularly())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await runs.end_all()

    return live


async def _refused(_request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 400)


class _Api:
    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    async def health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def start(self, request: Request) -> Response:
        body = _Body(request.stream())
        job = _job(await body.job(), _key(request))
        begun = await self._runs.start(job, body.rest())
        return Response(status_code=201 if begun else 200)

    async def status(self, request: Request) -> Response:
        found = await self._runs.status(_key(request))
        if found is None:
            return JSONResponse({"detail": "There is no such run."}, 404)
        return Response(found.model_dump_json(), media_type="application/json")

    async def log(self, request: Request) -> Response:
        after, wait = _number(request, "after"), _number(request, "wait")
        frames = await self._runs.log(_key(request), int(after), min(wait, _LONGEST_WAIT))
        told = ",".join(frame.model_dump_json() for frame in frames)
        return Response(f"[{told}]", media_type="application/json")

    async def cancel(self, request: Request) -> Response:
        await self._runs.cancel(_key(request))
        return Response(status_code=204)

    async def output(self, request: Request) -> Response:
        path = self._runs.folder(_key(request)).output
        if not path.exists():
            return JSONResponse({"detail": "The run has left no output."}, 404)
        return FileResponse(path, media_type="application/zip")

    async def delete(self, request: Request) -> Response:
        await self._runs.delete(_key(request))
        return Response(status_code=204)

    async def clear_cache(self, request: Request) -> Response:
        try:
            freed = await self._runs.clear_cache(request.path_params["name"])
        except ValueError as error:
            raise _Refused(str(error)) from None
        return JSONResponse({"freed_bytes": freed})


class _Body:
    """A start's body: the job, then the archive."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self._stream = stream
        self._held = b""

    async def job(self) -> bytes:
        (length,) = _LENGTH.unpack(await self._exactly(_LENGTH.size))
        if length > _MOST_JOB_BYTES:
            raise _Refused(f"The job has {length:,} bytes, at most {_MOST_JOB_BYTES:,} are read.")
        return await self._exactly(length)

    async def _exactly(self, count: int) -> bytes:
        while len(self._held) < count:
            piece = await anext(self._stream, None)
            if piece is None:
                raise _Refused("The body ends before the job does.")
            self._held += piece
        found, self._held = self._held[:count], self._held[count:]
        return found

    async def rest(self) -> AsyncIterator[bytes]:
        if self._held:
            yield self._held
        async for piece in self._stream:
            yield piece


def _key(request: Request) -> str:
    key: str = request.path_params["key"]
    if not _KEY.fullmatch(key):
        raise _Refused("A key has up to 100 small letters, digits and hyphens.")
    return key


def _job(data: bytes, key: str) -> BuildJob:
    try:
        job = BuildJob.model_validate_json(data)
    except ValidationError as error:
        # Neither the input nor its keys may be told: both may hold a secret.
        kinds = sorted({problem["type"] for problem in error.errors(include_input=False)})
        raise _Refused(f"The job is not understood ({', '.join(kinds)}).") from None
    if job.key != key:
        raise _Refused(f"The job is called {job.key}, but was sent as {key}.")
    return job


def _number(request: Request, name: str) -> float:
    try:
        found = float(request.query_params.get(name, "0"))
    except ValueError:
        found = -1.0
    if not 0 <= found < 2**53:
        raise _Refused(f"{name} has to be a number from 0.")
    return found
