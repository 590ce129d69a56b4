"""``python -m infrastructure.local.runner.keeper RUN_DIR``: one run, from source to output.

It outlives the daemon that started it: everything that it knows is in the run's folder. SIGTERM
ends it with everything below it.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from infrastructure.local.runner import bounds, disk, executors, output, processes, source
from infrastructure.local.runner.executor import (
    Built,
    LogTooLarge,
    SandboxUnavailable,
    Tools,
    ToolsUnavailable,
    Work,
)
from infrastructure.local.runner.folders import RunFolder
from infrastructure.local.runner.log import FRAME_SECONDS, LogWriter
from infrastructure.local.runner.state import State
from infrastructure.local.runner.toolchains import Installed, caches
from shared.builders.port import BuildJob, Phase, RunStatus
from shared.errors import AstroCloudError


class Keeper:
    """Drives one run and writes how it stands."""

    def __init__(self, folder: RunFolder, executor: str, environment: str) -> None:
        self._folder = folder
        self._state = State.of_run(folder)
        self._job = BuildJob.model_validate_json(folder.job.read_bytes())
        self._executor = executors.create(executor, environment, str(folder.path))
        self._status = RunStatus(state="running")
        self._begun: tuple[Phase, float] | None = None
        self._log = LogWriter(folder.log, self._job.bounds.log_bytes, self._begin)

    async def run(self) -> None:
        """Build, tell how it ended, and leave nothing but log and output."""
        flushing = asyncio.create_task(self._flush())
        try:
            built = await self._build_in_time()
        except asyncio.CancelledError:
            built = None
        finally:
            flushing.cancel()
        self._end_phase()
        self._log.close()
        self._folder.job.unlink(missing_ok=True)
        self._folder.write_status(self._final(built))
        self._clean()

    def _final(self, built: Built | None) -> RunStatus:
        frames = self._log.frames
        if built is None:
            return ended_from_outside(self._folder, self._status, frames)
        return self._status.model_copy(
            update={
                "state": "failed" if built.reason else "succeeded",
                "phase": built.phase or self._status.phase,
                "exit_code": built.exit_code,
                "reason": built.reason,
                "detail": built.detail,
                "frames": frames,
            }
        )

    async def _build_in_time(self) -> Built:
        try:
            async with asyncio.timeout(self._job.bounds.seconds):
                built = await self._build()
        except TimeoutError:
            crossed = bounds.timed_out(self._job.bounds)
            return Built(phase=self._status.phase, reason=crossed.reason, detail=crossed.detail)
        except AstroCloudError as error:
            return Built(reason="source_refused", detail=error.detail)
        except ToolsUnavailable as error:
            return Built(reason="tools_unavailable", detail=str(error))
        except SandboxUnavailable as error:
            return Built(
                reason="sandbox_unavailable",
                detail=f"Commands cannot be kept apart from this machine: {error}."
                " Next: install bubblewrap where the runner runs.",
            )
        except LogTooLarge:
            crossed = bounds.log_too_large(self._job.bounds)
            return Built(phase=self._status.phase, reason=crossed.reason, detail=crossed.detail)
        return built

    async def _build(self) -> Built:
        folder, job = self._folder, self._job
        tree, scratch = folder.work / "source", folder.work / "scratch"
        for made in (folder.work, tree, scratch):
            made.mkdir(mode=0o755)
        await asyncio.to_thread(source.unpack, job, folder.archive, tree, self._log)
        folder.archive.unlink()
        tools = Tools()
        if job.spec.ignore or job.spec.install or job.spec.build:
            tools = await Installed(self._state.toolchains).prepare(job, self._log)
        mounts = await asyncio.to_thread(caches.mounts, job, self._state.caches)
        hit = not job.fresh and any(any(mount.folder.iterdir()) for mount in mounts)
        self._update(cache_hit=hit)
        app = tree / job.spec.root
        before = output.folders(app)
        work = Work(
            job=job, source=tree, scratch=scratch, log=self._log, tools=tools, caches=mounts
        )
        built = await self._executor.build(work)
        if built.reason or built.output is None:
            return built
        return await asyncio.to_thread(self._pack, built, app, before)

    def _pack(self, built: Built, app: Path, before: frozenset[str]) -> Built:
        assert built.output is not None  # noqa: S101  narrows the type; the caller has looked
        folder = self._folder
        try:
            packed = output.pack(built.output, folder.work, folder.output, self._job.bounds)
        except output.OutputRefused as error:
            detail = error.detail or output.missing(self._job.spec, app, before)
            return replace(built, reason=error.reason, detail=detail)
        self._log.say(f"Output: {packed.files:,} files, {bounds.in_words(packed.bytes)}.")
        return built

    def _begin(self, phase: Phase) -> None:
        self._end_phase()
        self._begun = phase, time.monotonic()
        self._update(phase=phase)

    def _end_phase(self) -> None:
        if self._begun is not None:
            phase, since = self._begun
            seconds = {**self._status.seconds, phase: round(time.monotonic() - since, 3)}
            self._status = self._status.model_copy(update={"seconds": seconds})
            self._begun = None

    def _update(self, **values: object) -> None:
        self._status = self._status.model_copy(update=values)
        self._folder.write_status(self._status)

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FRAME_SECONDS)
            self._log.flush()

    def _clean(self) -> None:
        caches.release()
        self._folder.archive.unlink(missing_ok=True)
        disk.remove(self._folder.work)


def ended_from_outside(folder: RunFolder, status: RunStatus, frames: int) -> RunStatus:
    """The end of a run that did not come to one: it was canceled, or what kept it was ended."""
    if folder.canceled.exists():
        update: dict[str, object] = {"state": "canceled", "detail": "The build was canceled."}
    else:
        detail = "The runner was stopped while this was building. Next: deploy again."
        update = {"state": "lost", "detail": detail}
    return status.model_copy(update={**update, "frames": frames})


async def _keep(folder: RunFolder, executor: str, environment: str) -> None:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  we are in it
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    if folder.canceled.exists():
        task.cancel()
    await Keeper(folder, executor, environment).run()


def main() -> int:
    parser = argparse.ArgumentParser(prog="keeper", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--executor", required=True, choices=executors.NAMES)
    parser.add_argument("--environment", required=True)
    parser.add_argument("--lock", type=int, required=True, help="descriptor of the run's lock")
    options = parser.parse_args()
    os.set_inheritable(options.lock, False)
    os.pwrite(options.lock, str(os.getpid()).encode(), 0)
    processes.adopt_orphans()
    try:
        asyncio.run(_keep(RunFolder(options.folder), options.executor, options.environment))
    except asyncio.CancelledError:
        return 1
    except Exception:  # noqa: BLE001  told to the runner's log; the daemon finds the run lost
        with suppress(OSError):
            traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
