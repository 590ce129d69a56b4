"""Keeps one run from its job to its end: ``python -m infrastructure.local.runner.keeper FOLDER``.

A process of its own, so that a run outlives the daemon that started it. All that it knows is
written into the run's folder; it holds the folder's lock for as long as it lives.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infrastructure.local.runner import bounds, disk, output, processes, source
from infrastructure.local.runner.executor import (
    Built,
    LogTooLarge,
    SandboxUnavailable,
    Toolchains,
    ToolsUnavailable,
    Work,
)
from infrastructure.local.runner.folders import RunFolder
from infrastructure.local.runner.log import FRAME_SECONDS, LogWriter
from infrastructure.local.runner.output import OutputRefused
from infrastructure.local.runner.setup import Setup
from infrastructure.local.runner.toolchains import caches
from shared.builders.port import BuildJob, Phase, RunStatus
from shared.errors import AstroCloudError

CANCELED = RunStatus(state="canceled")


@dataclass(slots=True)
class _Progress:
    """Which phase is at work since when, and how long those before it took."""

    phase: Phase | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.monotonic)

    def begin(self, phase: Phase | None) -> None:
        now = time.monotonic()
        if self.phase is not None:
            self.seconds[self.phase] = round(now - self._since, 3)
        self.phase, self._since = phase, now


class Keeper:
    """One run."""

    def __init__(self, folder: RunFolder, setup: Setup) -> None:
        self._folder = folder
        self._setup = setup
        self._job = BuildJob.model_validate_json(folder.job.read_bytes())
        self._progress = _Progress()
        self._cache_hit = False
        self._log = LogWriter(folder.log, self._job.bounds.log_bytes, self._begin)

    @property
    def cache(self) -> str:
        """The name of the run's caches."""
        return self._job.cache

    async def run(self) -> None:
        """From the archive to the output; the status says how it ended."""
        async with self._flushing():
            try:
                if self._folder.canceled.exists():
                    raise asyncio.CancelledError
                built = await self._built()
            except asyncio.CancelledError:
                built = None
        self._progress.begin(None)
        status = CANCELED if built is None else self._packed(built)
        self._log.close()
        self._end(status)

    async def _built(self) -> Built:
        """What the executor says, or what kept it from beginning."""
        try:
            async with asyncio.timeout(self._job.bounds.seconds):
                return await self._build()
        except TimeoutError:
            crossed = bounds.timed_out(self._job.bounds)
            return self._refused("timeout", crossed.detail)
        except AstroCloudError as error:
            return self._refused("source_refused", error.detail)
        except ToolsUnavailable as error:
            return self._refused("tools_unavailable", str(error))
        except SandboxUnavailable as error:
            return self._refused("sandbox_unavailable", str(error))
        except LogTooLarge:
            return self._refused("log_too_large", bounds.log_too_large(self._job.bounds).detail)

    def _refused(self, reason: str, detail: str) -> Built:
        return Built(phase=self._progress.phase, reason=reason, detail=detail)  # type: ignore[arg-type]

    async def _build(self) -> Built:
        folder = self._folder.work
        tree, scratch = folder / "source", folder / "scratch"
        for path in (tree, scratch):
            path.mkdir(parents=True)
        await asyncio.to_thread(source.unpack, self._job, self._folder.archive, tree, self._log)
        toolchains, executor = self._setup.parts(str(self._folder.path))
        try:
            work = await self._work(toolchains, tree, scratch)
            return await executor.build(work)
        finally:
            await toolchains.release()

    async def _work(self, toolchains: Toolchains, tree: Path, scratch: Path) -> Work:
        tools = await toolchains.prepare(self._job, self._log)
        mounts = await asyncio.to_thread(self._setup.mounts, self._job)
        self._cache_hit = not self._job.fresh and any(_has_any(one.folder) for one in mounts)
        return Work(
            job=self._job, source=tree, scratch=scratch, log=self._log, tools=tools, caches=mounts
        )

    def _packed(self, built: Built) -> RunStatus:
        """The output in its archive, where there is one; every process is dead by now."""
        status = RunStatus(
            state="failed",
            phase=built.phase,
            exit_code=built.exit_code,
            reason=built.reason,
            detail=built.detail,
            image=built.image,
            image_bytes=built.image_bytes,
        )
        if built.image is not None:
            return status.model_copy(update={"state": "succeeded", "reason": None})
        if built.output is None:
            return status
        try:
            name = self._job.spec.output or "."
            work, target = self._folder.work, self._folder.output
            output.pack(built.output, work, target, self._job.bounds, name)
        except OutputRefused as error:
            return status.model_copy(update={"reason": error.reason, "detail": error.detail})
        return status.model_copy(update={"state": "succeeded", "reason": None})

    def _begin(self, phase: Phase) -> None:
        self._progress.begin(phase)
        self._write(RunStatus(state="running", phase=phase))

    def _write(self, status: RunStatus) -> None:
        told = {
            "frames": self._log.frames,
            "seconds": self._progress.seconds,
            "cache_hit": self._cache_hit,
        }
        self._folder.write_status(status.model_copy(update=told))

    def _end(self, status: RunStatus) -> None:
        """The result first: whoever reads it can rely on everything else being over."""
        self._folder.job.unlink(missing_ok=True)
        self._folder.archive.unlink(missing_ok=True)
        disk.remove(self._folder.work)
        caches.release()
        self._write(status)

    @asynccontextmanager
    async def _flushing(self) -> AsyncIterator[None]:
        async def regularly() -> None:
            while True:
                await asyncio.sleep(FRAME_SECONDS)
                self._log.flush()

        task = asyncio.create_task(regularly())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _has_any(folder: Path) -> bool:
    with os.scandir(folder) as found:
        return next(found, None) is not None


async def keep(folder: RunFolder, setup: Setup) -> None:
    """Keep a run; SIGTERM, or a folder that was canceled before we began, cancels it."""
    keeper = Keeper(folder, setup)
    task = asyncio.create_task(keeper.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task
    await asyncio.to_thread(setup.trim, keeper.cache)


def main() -> None:
    """Keep the run of the folder that is named."""
    folder = RunFolder(Path(sys.argv[1]))
    folder.lock.write_text(str(os.getpid()))
    # Commands have to read what is made for them; strangers cannot enter the run's folder anyway.
    os.umask(0o022)
    processes.adopt_orphans()
    asyncio.run(keep(folder, Setup.from_environment()))


if __name__ == "__main__":
    main()
