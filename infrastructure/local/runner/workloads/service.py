"""The workloads of one runner: what is wanted is written down, then a keeper is seen to.

Nothing is remembered that a restart would lose, so a daemon that comes back takes all of them up
again. A workload whose keeper is dead gets a new one, which ends whatever the old one left.
"""

import asyncio
import logging
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID
from weakref import WeakValueDictionary

from infrastructure.local.runner import bundles, disk, processes
from infrastructure.local.runner.nursery import Nursery
from infrastructure.local.runner.setup import Setup
from infrastructure.local.runner.workloads import problems
from infrastructure.local.runner.workloads.ports import Ports
from infrastructure.local.runner.workloads.state import Desired, Observed, WorkloadFolder, all_of
from shared.clusters.errors import ClusterRefused
from shared.clusters.port import Problem, Workload, WorkloadRef, WorkloadStatus
from shared.errors import NotFound

KEEPER = "infrastructure.local.runner.workloads.keeper"
_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.05
_END_SECONDS = 20.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_LOG, _WORDS_BYTES = "keeper.log", 2048
_ERROR = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt)\b")
_FOLDERS = re.compile(r"(?<=['\" ])/(?:[^/\s'\"]+/)+")
_SPARE = 1
"""One slot more than replicas: a replacement is there before the one that it replaces goes."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why nothing keeps a workload, and when it is tried again."""

    words: str
    pause: float
    again_at: float


class Workloads:
    """Everything below the folder of workloads.

    ``farewell`` is called with one whose last process has ended, before its files are deleted.
    """

    def __init__(self, setup: Setup, ports: range, nursery: Nursery) -> None:
        self.farewell: Callable[[WorkloadFolder], Awaitable[None]] | None = None
        self._setup = setup
        self._nursery = nursery
        self._folder = Path(setup.state, "workloads")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._ports = Ports(ports, self._folder / "resting-ports.json")
        self._locks: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()
        self._is_ending = False
        self._failures: dict[Path, _Failure] = {}
        for folder in self.all():
            if desired := _readable(folder):
                self._ports.know(desired.ports)

    @property
    def path(self) -> Path:
        """The folder of all."""
        return self._folder

    def folder(self, ref: WorkloadRef) -> WorkloadFolder:
        """Where a workload lies, whether it is there or not."""
        return WorkloadFolder(self._folder / str(ref.project) / str(ref.release))

    def all(self) -> list[WorkloadFolder]:
        """Those that are there."""
        return list(all_of(self._folder))

    async def apply(self, workload: Workload, replicas: int) -> None:
        """Write down what is wanted, and have it done."""
        _check(workload)
        folder = self.folder(workload.ref)
        async with self._alone(folder):
            before = folder.desired()
            if before is None:
                folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
                before = Desired(workload=workload, replicas=0, ports=(), revision=0)
            slots = max(workload.scaling.maximum, replicas) + _SPARE
            wanted = before.model_copy(
                update={"workload": workload, "replicas": replicas, "deleted": False}
            )
            await self._want(folder, before, wanted, slots)

    async def scale(self, ref: WorkloadRef, replicas: int) -> None:
        """So many replicas from now on; raises NotFound."""
        folder = self.folder(ref)
        async with self._alone(folder):
            before = _there(folder)
            slots = max(before.workload.scaling.maximum, replicas) + _SPARE
            wanted = before.model_copy(update={"replicas": replicas})
            await self._want(folder, before, wanted, slots)

    async def restart(self, ref: WorkloadRef) -> None:
        """Replace every process, one after another; raises NotFound."""
        folder = self.folder(ref)
        async with self._alone(folder):
            before = _there(folder)
            wanted = before.model_copy(update={"generation": before.generation + 1})
            await self._want(folder, before, wanted, len(before.ports))

    async def _want(
        self, folder: WorkloadFolder, before: Desired, wanted: Desired, slots: int
    ) -> None:
        more = self._ports.take(max(0, slots - len(before.ports)))
        wanted = wanted.model_copy(update={"ports": (*before.ports, *more)})
        if wanted != before:
            wanted = wanted.model_copy(update={"revision": before.revision + 1})
            try:
                folder.write_desired(wanted)
            except OSError:
                self._ports.give_back(more)
                raise
        await self._see_to(folder, wanted)

    async def _see_to(self, folder: WorkloadFolder, desired: Desired) -> None:
        """Call the keeper, or start one where it takes one."""
        if self._is_ending:
            return
        if folder.is_kept():
            folder.call()
        elif desired.replicas and not desired.deleted:
            await self._keep(folder)

    async def _keep(self, folder: WorkloadFolder) -> None:
        try:
            await self._spawn(folder)
        except OSError:
            if folder.is_kept():
                return
            try:
                await self._spawn(folder)
            except OSError as error:
                self._fail(folder, problems.reason_of(error))

    async def _spawn(self, folder: WorkloadFolder) -> None:
        lock = folder.take()
        try:
            await self._nursery.keep(KEEPER, folder.path, lock)
        finally:
            os.close(lock)

    def _fail(self, folder: WorkloadFolder, words: str) -> None:
        """It cannot be kept: say so, and try it again less and less often."""
        _log.error("The workload %s cannot be kept: %s", folder.key, words)
        before = self._failures.get(folder.path)
        pause = min(2 * before.pause, _LONGEST_PAUSE) if before else _FIRST_PAUSE
        self._failures[folder.path] = _Failure(words, pause, time.monotonic() + pause)

    def _problem(self, folder: WorkloadFolder) -> Problem | None:
        """Why it has no keeper, where one has said that or could not be started."""
        failure = self._failures.get(folder.path)
        words = failure.words if failure else _last_words(folder)
        return problems.not_started("start_failed", words).problem(()) if words else None

    async def status(self, ref: WorkloadRef) -> WorkloadStatus | None:
        """How a workload stands; None where there is none."""
        folder = self.folder(ref)
        desired = folder.desired()
        if desired is None or desired.deleted:
            return None
        observed = folder.observed()
        addresses = _addresses(desired.ports, observed)
        if observed is None:
            is_off = not desired.replicas
            return WorkloadStatus(
                wanted=desired.replicas,
                ready=0,
                current=is_off,
                addresses=addresses,
                problem=None if is_off else self._problem(folder),
            )
        self._failures.pop(folder.path, None)
        return WorkloadStatus(
            wanted=desired.replicas,
            ready=observed.ready,
            current=observed.current and observed.revision == desired.revision,
            addresses=addresses,
            replicas=observed.replicas,
            problem=observed.problem,
        )

    async def delete(self, ref: WorkloadRef) -> None:
        """End and forget a workload; silent where there is none."""
        folder = self.folder(ref)
        async with self._alone(folder):
            desired = folder.desired()
            if desired is not None:
                await self._delete(folder, desired)
            elif folder.path.exists():
                await asyncio.to_thread(disk.remove, folder.path)

    async def _delete(self, folder: WorkloadFolder, desired: Desired) -> None:
        # Written down first: whoever comes after a kill goes on with it.
        if not desired.deleted:
            update = {"deleted": True, "replicas": 0, "revision": desired.revision + 1}
            folder.write_desired(desired.model_copy(update=update))
        folder.call()
        await self._until_ended(folder, folder.call)
        await asyncio.to_thread(processes.end_marked, folder)
        if self.farewell is not None:
            await self.farewell(folder)
        await asyncio.to_thread(disk.remove, folder.path)
        self._failures.pop(folder.path, None)
        self._ports.give_back(desired.ports)
        with suppress(OSError):  # other releases are there
            folder.path.parent.rmdir()

    async def _until_ended(self, folder: WorkloadFolder, again: Callable[[], object]) -> None:
        """Wait for a keeper's end, and kill it where it does not come."""
        until = time.monotonic() + _END_SECONDS
        while folder.is_kept():
            if time.monotonic() > until:
                await asyncio.to_thread(_kill, folder)
            again()
            await asyncio.sleep(_POLL_SECONDS)

    async def delete_project(self, project: UUID) -> None:
        """End and forget all workloads of a project."""
        refs = [folder.ref for folder in self.all() if folder.path.parent.name == str(project)]
        await asyncio.gather(*(self.delete(ref) for ref in refs))

    async def sweep(self) -> None:
        """See to every workload: a keeper may have died, a deletion may have been cut off."""
        for folder in self.all():
            try:
                await self._look_after(folder)
            except Exception:  # noqa: BLE001  told to the log
                # One that cannot be looked after must not keep all others from it.
                _log.exception("The workload %s cannot be looked after", folder.key)

    async def _look_after(self, folder: WorkloadFolder) -> None:
        async with self._alone(folder):
            desired = folder.desired()
            if desired is None or self._is_ending:
                return
            if desired.deleted:
                await self._delete(folder, desired)
            elif desired.replicas and not folder.is_kept():
                await self._keep_again(folder)

    async def _keep_again(self, folder: WorkloadFolder) -> None:
        """A keeper that has ended with an error will do so again: not at once, then."""
        failure = self._failures.get(folder.path)
        if failure is not None and time.monotonic() < failure.again_at:
            return
        if words := _last_words(folder):
            self._fail(folder, words)
            (folder.path / _LOG).unlink(missing_ok=True)
        else:
            await self._keep(folder)

    async def end_all(self) -> None:
        """The runner goes down: servers end, and begin again when it is back."""
        self._is_ending = True
        await asyncio.gather(*(self._end(folder) for folder in self.all() if folder.is_kept()))

    async def _end(self, folder: WorkloadFolder) -> None:
        keeper = folder.keeper()
        if keeper is not None:
            with suppress(ProcessLookupError):
                os.kill(keeper, signal.SIGTERM)
        await self._until_ended(folder, lambda: None)
        await asyncio.to_thread(processes.end_marked, folder)

    @asynccontextmanager
    async def _alone(self, folder: WorkloadFolder) -> AsyncIterator[None]:
        """One change of a workload at a time."""
        lock = self._locks.setdefault(folder.path, asyncio.Lock())
        async with lock:
            yield


def check_image(workload: Workload) -> None:
    """Raises ClusterRefused for what is no bundle."""
    if not bundles.is_reference(workload.image):
        raise ClusterRefused(
            f"{workload.label}: the runner starts what it has built itself, and {workload.image} is"
            " a container image: it needs a cluster with images; ask the operators to set CLUSTER"
        )


def _check(workload: Workload) -> None:
    check_image(workload)
    if workload.schedules:
        raise ClusterRefused(
            f"{workload.label}: the runner runs no schedules: leave them out, or ask the operators"
            " for a cluster that does"
        )


def _there(folder: WorkloadFolder) -> Desired:
    desired = folder.desired()
    if desired is None or desired.deleted:
        raise NotFound(f"There is no workload {folder.key} on the runner")
    return desired


def _addresses(ports: Sequence[int], observed: Observed | None) -> tuple[str, ...]:
    """By slot, but those that are about to go come last: they still answer for a moment."""
    leaving = observed.leaving if observed else ()
    slots = sorted(range(len(ports)), key=lambda slot: (slot in leaving, slot))
    return tuple(f"127.0.0.1:{ports[slot]}" for slot in slots)


def _last_words(folder: WorkloadFolder) -> str:
    """The reason of a keeper that has ended with an error; one that was killed has said nothing."""
    with suppress(OSError), (folder.path / _LOG).open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _WORDS_BYTES))
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
        if lines and _ERROR.match(lines[-1]):
            return _FOLDERS.sub("", lines[-1])[:_WORDS_BYTES]
    return ""


def _readable(folder: WorkloadFolder) -> Desired | None:
    try:
        return folder.desired()
    except ValueError:
        _log.error("What is wanted of %s cannot be read: it is left alone", folder.path)
        return None


def _kill(folder: WorkloadFolder) -> None:
    keeper = folder.keeper()
    if keeper is not None and folder.is_kept():
        with suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGKILL)
    processes.end_marked(folder)
