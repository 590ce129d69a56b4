"""The runner as a builder: the port over HTTP on its Unix socket."""

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from pydantic import TypeAdapter

from shared.builders.port import BuildJob, LogFrame, RunStatus
from shared.clients.runner_socket import LONG_SECONDS, SECONDS, RunnerSocket
from shared.errors import NotFound
from shared.sites.models import ArchiveFormat

_FRAMES = TypeAdapter(list[LogFrame])
_PIECE = 1024 * 1024


class RunnerBuilder:
    """A client of one runner."""

    follow_seconds = 20.0

    def __init__(self, socket: str) -> None:
        self._runner = RunnerSocket(socket)

    async def start(self, job: BuildJob, archive: Path) -> None:
        """Start a run, unless its key has one, has had one, or was canceled."""
        async with self._runner.request(
            "PUT", f"/runs/{job.key}", data=_body(job, archive), seconds=LONG_SECONDS
        ):
            return

    async def status(self, key: str) -> RunStatus | None:
        """How a run stands; None where the key is unknown."""
        try:
            async with self._runner.request("GET", f"/runs/{key}") as answer:
                return RunStatus.model_validate_json(await answer.read())
        except NotFound:
            return None

    async def log(self, key: str, after: int, wait: float = 0) -> Sequence[LogFrame]:
        """Frames after the frame of that number, some at a time."""
        path = f"/runs/{key}/log?after={after}&wait={wait:.3f}"
        async with self._runner.request("GET", path, seconds=SECONDS + wait) as answer:
            return _FRAMES.validate_json(await answer.read())

    async def cancel(self, key: str) -> None:
        """End a run; returns when nothing of it is alive."""
        async with self._runner.request("POST", f"/runs/{key}/cancel"):
            return

    async def output(self, key: str, target: BinaryIO) -> ArchiveFormat:
        """Write the archive of what a run left; raises NotFound."""
        path = f"/runs/{key}/output"
        async with self._runner.request("GET", path, seconds=LONG_SECONDS) as answer:
            async for piece in answer.content.iter_chunked(_PIECE):
                await asyncio.to_thread(target.write, piece)
        return "zip"

    async def delete_image(self, image: str) -> None:
        """Delete an image that a run left."""
        path = f"/images/{quote(image, safe='')}"
        async with self._runner.request("DELETE", path, seconds=LONG_SECONDS):
            return

    async def delete(self, key: str) -> None:
        """Forget a run."""
        async with self._runner.request("DELETE", f"/runs/{key}"):
            return

    async def tidy(self, before: datetime) -> int:
        """The runner forgets by itself."""
        return 0

    async def clear_cache(self, name: str) -> int:
        """Delete caches; bytes freed."""
        path = f"/caches/{name}"
        async with self._runner.request("DELETE", path, seconds=LONG_SECONDS) as answer:
            freed: int = (await answer.json())["freed_bytes"]
            return freed


async def _body(job: BuildJob, archive: Path) -> AsyncIterator[bytes]:
    told = job.model_dump_json().encode()
    yield struct.pack(">Q", len(told)) + told
    with archive.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
