"""The runner as a builder: the port over HTTP on its Unix socket."""

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

from pydantic import TypeAdapter

from shared.builders.port import BuildJob, LogFrame, RunStatus
from shared.errors import AstroCloudError, NotFound, Unavailable
from shared.sites.models import ArchiveFormat

if TYPE_CHECKING:
    from aiohttp import ClientResponse

_FRAMES = TypeAdapter(list[LogFrame])
_PIECE = 1024 * 1024
_SECONDS = 60.0
_LONG_SECONDS = 600.0


class RunnerRefused(AstroCloudError):
    """The runner does not understand a request: it is of another version than we are."""

    code, title = "runner_refused", "The runner refused a request"


class RunnerBuilder:
    """A client of one runner; opens a connection a call, which costs nothing on this machine."""

    follow_seconds = 20.0

    def __init__(self, socket: str) -> None:
        self._socket = socket

    async def start(self, job: BuildJob, archive: Path) -> None:
        """Start a run, unless its key has one, has had one, or was canceled."""
        async with self._request(
            "PUT", f"/runs/{job.key}", data=_body(job, archive), seconds=_LONG_SECONDS
        ):
            return

    async def status(self, key: str) -> RunStatus | None:
        """How a run stands; None where the key is unknown."""
        try:
            async with self._request("GET", f"/runs/{key}") as answer:
                return RunStatus.model_validate_json(await answer.read())
        except NotFound:
            return None

    async def log(self, key: str, after: int, wait: float = 0) -> Sequence[LogFrame]:
        """Frames after the frame of that number, some at a time."""
        path = f"/runs/{key}/log?after={after}&wait={wait:.3f}"
        async with self._request("GET", path, seconds=_SECONDS + wait) as answer:
            return _FRAMES.validate_json(await answer.read())

    async def cancel(self, key: str) -> None:
        """End a run; returns when nothing of it is alive."""
        async with self._request("POST", f"/runs/{key}/cancel"):
            return

    async def output(self, key: str, target: BinaryIO) -> ArchiveFormat:
        """Write the archive of what a run left; raises NotFound."""
        path = f"/runs/{key}/output"
        async with self._request("GET", path, seconds=_LONG_SECONDS) as answer:
            async for piece in answer.content.iter_chunked(_PIECE):
                await asyncio.to_thread(target.write, piece)
        return "zip"

    async def delete_image(self, image: str) -> None:
        """Delete an image that a run left."""
        path = f"/images/{quote(image, safe='')}"
        async with self._request("DELETE", path, seconds=_LONG_SECONDS):
            return

    async def delete(self, key: str) -> None:
        """Forget a run."""
        async with self._request("DELETE", f"/runs/{key}"):
            return

    async def clear_cache(self, name: str) -> int:
        """Delete caches; bytes freed."""
        async with self._request("DELETE", f"/caches/{name}", seconds=_LONG_SECONDS) as answer:
            freed: int = (await answer.json())["freed_bytes"]
            return freed

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, data: Any = None, seconds: float = _SECONDS
    ) -> AsyncIterator["ClientResponse"]:
        import aiohttp

        connector = aiohttp.UnixConnector(path=_short(self._socket))
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.request(method, f"http://runner{path}", data=data) as answer,
            ):
                await _check(answer)
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = type(error).__name__
            raise Unavailable(
                f"The runner does not answer ({reason}): it is asked again; see whether it runs"
            ) from error


async def _check(answer: "ClientResponse") -> None:
    if answer.status == 404:
        raise NotFound((await answer.json())["detail"])
    if answer.status >= 500:
        raise Unavailable(f"The runner failed with status {answer.status}: it is asked again")
    if answer.status >= 400:
        raise RunnerRefused((await answer.json())["detail"])


async def _body(job: BuildJob, archive: Path) -> AsyncIterator[bytes]:
    told = job.model_dump_json().encode()
    yield struct.pack(">Q", len(told)) + told
    with archive.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece


def _short(path: str) -> str:
    """The shorter way to write a path: a Unix socket's must fit into about 100 bytes."""
    return min(path, os.path.relpath(path), key=len)
