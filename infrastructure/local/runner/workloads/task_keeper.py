"""Keeps one task: ``python -m infrastructure.local.runner.workloads.task_keeper FOLDER``."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infrastructure.local.runner import bundles, disk, processes
from infrastructure.local.runner.bounds import KernelKills, in_words
from infrastructure.local.runner.bundles import BundleMissing
from infrastructure.local.runner.executor import LogTooLarge, SandboxUnavailable
from infrastructure.local.runner.folders import RunFolder
from infrastructure.local.runner.launchers import Launched
from infrastructure.local.runner.log import FRAME_SECONDS, LogWriter
from infrastructure.local.runner.sandbox import tell_both
from infrastructure.local.runner.setup import Setup
from infrastructure.local.runner.workloads import places, problems, watching
from infrastructure.local.runner.workloads.places import Place
from infrastructure.local.runner.workloads.tasks import LOG_BYTES, Task
from shared.builders.port import RunStatus

_KILLED = 137


@dataclass(slots=True)
class TaskKeeper:
    """One task."""

    folder: RunFolder
    setup: Setup
    _task: Task = field(init=False)
    _log: LogWriter = field(init=False)

    async def run(self) -> None:
        """To its end; the status says how it ended."""
        self._task = Task.model_validate_json(self.folder.job.read_bytes())
        self._log = LogWriter(self.folder.log, LOG_BYTES, lambda _: None, as_written=True)
        self.folder.write_status(RunStatus(state="running"))
        async with self._flushing():
            try:
                if self.folder.canceled.exists():
                    raise asyncio.CancelledError
                status = await self._attended()
            except asyncio.CancelledError:
                status = RunStatus(state="canceled")
        self._log.close()
        self.folder.job.unlink(missing_ok=True)
        disk.remove(self.folder.work)
        self.folder.write_status(status.model_copy(update={"frames": self._log.frames}))

    async def _attended(self) -> RunStatus:
        try:
            async with asyncio.timeout(self._task.seconds):
                return await self._attend()
        except TimeoutError:
            return _failed(
                f"The command was not done after {self._task.seconds} s, and was ended. Next: see"
                " in its last lines what it was at, or allow it more time."
            )
        except LogTooLarge:
            return _failed(
                f"The command printed more than {in_words(LOG_BYTES)}, and was ended. Next: have it"
                " print less."
            )
        except (BundleMissing, SandboxUnavailable, OSError) as error:
            words = problems.reason_of(error) if isinstance(error, OSError) else str(error)
            return _failed(f"The command could not be started: {words}. Next: deploy again.")

    async def _attend(self) -> RunStatus:
        place = self._place()
        kills = KernelKills()
        # What there is to warn of stands in the log of the build and of the servers already.
        started = await places.start(place, self._task.command)
        code, end = await self._ended(place, started.launched)
        if end is None and code == _KILLED and kills.happened():
            end = problems.out_of_memory(place.bounds)
        if end is not None:
            return _failed(end.detail)
        return RunStatus(state="failed" if code else "succeeded", exit_code=code)

    def _place(self) -> Place:
        workload = self._task.workload
        return Place(
            folder=self.folder.work,
            bundle=bundles.find(self.setup.bundles, workload.image),
            workload=workload,
            port=None,
            allow_bare=self.setup.is_local,
        )

    async def _ended(
        self, place: Place, launched: Launched
    ) -> tuple[int | None, problems.End | None]:
        """Its exit code, or the bound that it has crossed."""
        ended = asyncio.ensure_future(launched.ended)
        telling = asyncio.ensure_future(tell_both(launched, self._log))
        watch = asyncio.create_task(watching.until_crossed(place, launched))
        try:
            waiting: set[asyncio.Future[Any]] = {ended, telling, watch}
            while not ended.done():
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if watch in done:
                    return None, watch.result()
                if telling in done:
                    telling.result()  # raises what telling raised
                    waiting.discard(telling)
            await launched.end()  # whatever the command left behind would keep its pipes open
            await telling
            code = ended.result()
            return (128 - code if code < 0 else code), None
        finally:
            await asyncio.shield(launched.end())
            watch.cancel()
            await asyncio.gather(ended, telling, watch, return_exceptions=True)

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


def _failed(detail: str) -> RunStatus:
    return RunStatus(state="failed", detail=detail)


async def keep(folder: RunFolder, setup: Setup) -> None:
    """Keep a task; SIGTERM, or a folder that was canceled before we began, cancels it."""
    task = asyncio.create_task(TaskKeeper(folder, setup).run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


def main() -> None:
    """Keep the task of the folder that is named."""
    folder = RunFolder(Path(sys.argv[1]))
    folder.lock.write_text(str(os.getpid()))
    # Commands have to read what is made for them; strangers cannot enter the folder anyway.
    os.umask(0o022)
    processes.adopt_orphans()
    asyncio.run(keep(folder, Setup.from_environment()))


if __name__ == "__main__":
    main()
