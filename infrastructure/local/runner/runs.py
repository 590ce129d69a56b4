"""The runs of one runner: begun, looked at, ended and forgotten, all by what is on disk.

Nothing is remembered that a restart would lose. A run without a keeper and without a result was
lost: what it left is killed, and then it says so.
"""

import asyncio
import logging
import os
import secrets
import shutil
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from infrastructure.local.runner import bundles, disk, processes
from infrastructure.local.runner.folders import RunFolder
from infrastructure.local.runner.log import LogReader, frames_of
from infrastructure.local.runner.nursery import Nursery
from infrastructure.local.runner.setup import Setup
from infrastructure.local.runner.toolchains import caches
from shared.builders.port import BuildJob, LogFrame, RunStatus

KEEPER = "infrastructure.local.runner.keeper"
_log = logging.getLogger(__name__)
KEPT_SECONDS = 24 * 3600
_POLL_SECONDS = 0.04
_END_SECONDS = 10.0


class KeptRuns:
    """Everything below one folder whose runs are kept by processes of one module."""

    _LOST = "What kept it was killed."

    def __init__(self, base: Path, module: str, nursery: Nursery) -> None:
        self._base, self._module, self._nursery = base, module, nursery
        self._readers: dict[str, LogReader] = {}
        self._settling = asyncio.Lock()
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        # What was arriving when an earlier daemon was killed: it may hold secrets.
        for draft in base.glob(".new-*"):
            disk.remove(draft)

    def folder(self, key: str) -> RunFolder:
        """Where a run lies, whether it is there or not."""
        return RunFolder(self._base / key)

    async def _begin(self, key: str, receive: Callable[[RunFolder], Awaitable[None]]) -> bool:
        """Begin a run, unless its key is known; False where it was."""
        folder = self.folder(key)
        if folder.path.exists():
            return False
        draft = RunFolder(self._base / f".new-{secrets.token_hex(8)}")
        draft.path.mkdir(mode=0o700)
        try:
            await receive(draft)
            lock = draft.take()
            try:
                # Whoever is second finds the folder full: then the first one's run is the run.
                draft.path.rename(folder.path)
                await self._keep(folder, lock)
            finally:
                os.close(lock)
        except OSError:
            if not folder.path.exists():
                raise
            return False
        finally:
            await asyncio.to_thread(disk.remove, draft.path)
        return True

    async def _keep(self, folder: RunFolder, lock: int) -> None:
        await self._nursery.keep(self._module, folder.path, lock)

    async def status(self, key: str) -> RunStatus | None:
        """How a run stands; None where the key is unknown."""
        folder = self.folder(key)
        if not folder.path.exists():
            return None
        status = folder.status()
        if status is None or not status.has_ended:
            if not folder.is_kept():
                return await self._settled(folder)
            status = status or RunStatus(state="running")
            return status.model_copy(update={"frames": self._reader(key).count()})
        return status

    async def _settled(self, folder: RunFolder) -> RunStatus:
        """The end of a run that nobody keeps: as written, else lost or canceled."""
        async with self._settling:
            status = folder.status()
            if status is not None and status.has_ended:
                return status
            await asyncio.to_thread(processes.end_marked, folder)
            was_canceled = folder.canceled.exists()
            detail = "" if was_canceled else self._LOST
            status = RunStatus(
                state="canceled" if was_canceled else "lost",
                detail=detail,
                frames=self._reader(folder.key).count(),
            )
            await asyncio.to_thread(self._strip, folder)
            folder.write_status(status)
            return status

    def _strip(self, folder: RunFolder) -> None:
        """Nothing of a run that was lost stays but what tells of it."""
        for path in (folder.job, folder.archive, folder.output):
            path.unlink(missing_ok=True)
        disk.remove(folder.work)

    async def log(self, key: str, after: int, wait: float) -> list[LogFrame]:
        """Frames after a number; waits for the first of them, or for the run's end."""
        until = time.monotonic() + wait
        while True:
            found = self._reader(key).after(after)
            if found or time.monotonic() >= until:
                return frames_of(found)
            status = await self.status(key)
            if status is None or status.has_ended:
                return frames_of(self._reader(key).after(after))
            await asyncio.sleep(_POLL_SECONDS)

    def _reader(self, key: str) -> LogReader:
        return self._readers.setdefault(key, LogReader(self.folder(key).log))

    async def cancel(self, key: str) -> None:
        """End a run, and see to it that none of this key ever begins."""
        folder = self.folder(key)
        if not folder.path.exists() and self._bury(folder):
            return
        folder.canceled.touch()
        status = await self.status(key)
        if status is None or status.has_ended:
            return
        await self._end(folder)

    def _bury(self, folder: RunFolder) -> bool:
        """Leave a mark in the place of a run that never began; False where one has begun."""
        draft = RunFolder(self._base / f".new-{secrets.token_hex(8)}")
        draft.path.mkdir(mode=0o700)
        draft.canceled.touch()
        draft.write_status(RunStatus(state="canceled"))
        try:
            draft.path.rename(folder.path)
        except OSError:
            shutil.rmtree(draft.path)
            return False
        return True

    async def _end(self, folder: RunFolder) -> None:
        """Ask the keeper to end the run, and kill it where it does not in time."""
        keeper = folder.keeper()
        if keeper is not None:
            with suppress(ProcessLookupError):
                os.kill(keeper, signal.SIGTERM)
        until = time.monotonic() + _END_SECONDS
        while folder.is_kept():
            if time.monotonic() > until:
                await asyncio.to_thread(self._kill, folder)
            await asyncio.sleep(_POLL_SECONDS)
        await self.status(folder.key)

    def _kill(self, folder: RunFolder) -> None:
        keeper = folder.keeper()
        if keeper is not None and folder.is_kept():
            with suppress(ProcessLookupError):
                os.kill(keeper, signal.SIGKILL)
        processes.end_marked(folder)

    async def delete(self, key: str) -> None:
        """Forget a run; its mark stays, so that a late start begins nothing."""
        await self.cancel(key)
        folder = self.folder(key)
        self._readers.pop(key, None)
        for path in (folder.output, folder.log, folder.archive, folder.job):
            path.unlink(missing_ok=True)
        folder.write_status(RunStatus(state="canceled"))

    async def sweep(self) -> None:
        """Settle what was lost, and delete what has had its time."""
        for path in list(self._base.glob("[!.]*")):
            try:
                await self._look_after(path)
            except Exception:  # noqa: BLE001  told to the log
                # One run that cannot be settled must not keep all others from it.
                _log.exception("The run %s cannot be swept", path.name)

    async def _look_after(self, path: Path) -> None:
        status = await self.status(path.name)
        if status is None or not status.has_ended:
            return
        if time.time() - (path / "status.json").stat().st_mtime > KEPT_SECONDS:
            self._readers.pop(path.name, None)
            await asyncio.to_thread(disk.remove, path)

    async def end_all(self) -> None:
        """The runner goes down: runs are lost, and begin again when it is back."""
        for path in self._base.iterdir():
            folder = RunFolder(path)
            if not path.name.startswith(".") and folder.is_kept():
                await asyncio.to_thread(self._kill, folder)
                await self.status(folder.key)


class Runs(KeptRuns):
    """The builds of one runner, their caches and what they leave for its cluster."""

    _LOST = "What kept this build was killed."

    def __init__(self, setup: Setup, nursery: Nursery) -> None:
        super().__init__(setup.runs, KEEPER, nursery)
        self._setup = setup
        setup.caches.mkdir(mode=0o700, parents=True, exist_ok=True)
        bundles.sweep(setup.bundles, lambda key: self.folder(key).is_kept())

    async def start(self, job: BuildJob, archive: AsyncIterator[bytes]) -> bool:
        """Begin a run, unless its key is known; False where it was."""
        return await self._begin(job.key, lambda folder: _receive(folder, job, archive))

    def _strip(self, folder: RunFolder) -> None:
        # Its keeper may have been killed after the bundle was made and before anyone was told.
        with suppress(OSError, ValueError):
            job = BuildJob.model_validate_json(folder.job.read_bytes())
            bundles.delete(self._setup.bundles, bundles.reference(job))
        super()._strip(folder)

    async def clear_cache(self, name: str) -> int:
        """Bytes that were freed."""
        return await asyncio.to_thread(caches.clear, self._setup.caches, name)

    async def delete_image(self, image: str) -> None:
        """Delete what a dynamic run left; nothing uses it. Raises ValueError, Unavailable."""
        if image.startswith(bundles.SCHEME):
            await asyncio.to_thread(bundles.delete, self._setup.bundles, image)
            return
        from infrastructure.local.runner.containers import Registry, WrongRegistry

        if self._setup.registry is None:
            raise WrongRegistry(
                f"{image[:200]} is in a registry and this runner has none, so it is not deleted."
                " Next: start it with --registry, or delete the image there."
            )
        await Registry.parse(self._setup.registry).delete_reference(image)


async def _receive(folder: RunFolder, job: BuildJob, archive: AsyncIterator[bytes]) -> None:
    write_secretly(folder.job, job.model_dump_json())
    with folder.archive.open("wb") as target:
        async for piece in archive:
            target.write(piece)


def write_secretly(path: Path, text: str) -> None:
    """A new file that we alone can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
