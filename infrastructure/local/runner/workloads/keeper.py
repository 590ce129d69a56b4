"""Keeps one workload: ``python -m infrastructure.local.runner.workloads.keeper FOLDER``.

A process of its own, so that servers go on answering when the daemon dies. It does what is written
down as wanted, and ends when nothing is, or when no daemon has been there for a while. Its
processes die with it: the kernel sees to that, and the next keeper looks before it begins.
"""

import asyncio
import hashlib
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from infrastructure.local.runner import disk, processes
from infrastructure.local.runner.folders import KeptFolder
from infrastructure.local.runner.setup import Setup
from infrastructure.local.runner.workloads import rolling
from infrastructure.local.runner.workloads.calls import listening
from infrastructure.local.runner.workloads.output import Output
from infrastructure.local.runner.workloads.replica import Replica, Slot
from infrastructure.local.runner.workloads.rolling import Plan, Seen
from infrastructure.local.runner.workloads.spool import FRAME_SECONDS, SpoolWriter
from infrastructure.local.runner.workloads.state import Desired, Observed, WorkloadFolder
from shared.clusters.port import Problem, Workload

WEB = "web"
ORPHAN_SECONDS = 60.0
"""Without a daemon for so long, nobody is there who could end us: the stack was killed."""
LAST_STOP_SECONDS = 8.0
"""Most that a server has to end in where the runner goes down or the workload is deleted."""
WARM_SECONDS = 300.0
"""At zero replicas we stay for so long: whoever wakes the workload does not wait for us, too."""
DRAIN_SECONDS = 1.0
"""Between the notice that a replica is leaving and its SIGTERM: new requests go to others."""
_USAGE_SECONDS = 5.0
_ORPHAN_LOOK_SECONDS = 5.0


@dataclass(slots=True)
class Keeper:
    """One workload."""

    folder: WorkloadFolder
    setup: Setup
    _desired: Desired = field(init=False)
    _spool: SpoolWriter = field(init=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _replicas: dict[str, tuple[Replica, asyncio.Task[None]]] = field(default_factory=dict)
    _restarts: dict[str, int] = field(default_factory=dict)
    _told: Observed | None = None
    _told_at: float = 0
    _is_ending: bool = False
    _idle_since: float = field(default_factory=time.monotonic)

    async def run(self) -> None:
        """Until nothing is wanted, or ``end`` is called."""
        self._spool = SpoolWriter(self.folder.spool, self._flush_soon, self.folder.tell_spooled)
        self._restarts = self._earlier_restarts()
        finding = asyncio.create_task(self._find_daemon())
        with listening(self.folder.wake, lambda _: self._changed.set()):
            try:
                while self._step():
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_USAGE_SECONDS):
                            await self._changed.wait()
            finally:
                finding.cancel()
                await asyncio.gather(finding, return_exceptions=True)
                self._spool.flush()
                self._spool.close()

    def end(self) -> None:
        """Stop everything soon; what is wanted stays so."""
        self._is_ending = True
        self._changed.set()

    def _step(self) -> bool:
        """Do what is to be done next; False when nothing is left to keep."""
        self._changed.clear()
        desired = self.folder.desired()
        if desired is None:
            self._is_ending = True
        else:
            self._desired = desired
        self._reap()
        self._carry_out()
        self._tell()
        if self._is_ending or self._desired.deleted:
            return bool(self._replicas)
        now = time.monotonic()
        if self._desired.replicas or self._replicas:
            self._idle_since = now
        return now - self._idle_since < WARM_SECONDS

    def _reap(self) -> None:
        for name, (_, task) in list(self._replicas.items()):
            if task.done():
                del self._replicas[name]
                task.result()

    def _carry_out(self) -> None:
        desired = self._desired
        wanted = 0 if self._is_ending else desired.replicas
        plan = rolling.servers(self._seen(WEB), wanted, len(desired.ports))
        self._follow(WEB, plan)
        known = {replica.slot.process for replica, _ in self._replicas.values()} - {WEB}
        for process in sorted(known | set(desired.workload.workers)):
            worker = desired.workload.workers.get(process)
            count = worker.replicas if worker and wanted else 0
            self._follow(process, rolling.workers(self._seen(process), count))
        for replica, _ in self._replicas.values():
            if replica.slot.version == self._version(replica.slot.process):
                replica.workload = desired.workload

    def _seen(self, process: str) -> list[Seen]:
        version = self._version(process)
        return [
            Seen(
                slot=int(name.rpartition("-")[2]),
                is_current=replica.slot.version == version,
                is_ready=replica.ready,
                is_stopping=replica.is_stopping,
            )
            for name, (replica, _) in self._replicas.items()
            if replica.slot.process == process
        ]

    def _follow(self, process: str, plan: Plan) -> None:
        is_last = self._is_ending or self._desired.deleted
        seconds = float(self._desired.workload.stop_seconds)
        for number in plan.stop:
            replica, _ = self._replicas[f"{process}-{number}"]
            replica.output.say("Stopping.")
            replica.stop(min(seconds, LAST_STOP_SECONDS) if is_last else seconds)
            if process == WEB and self._desired.replicas and not is_last:
                replica.drain_seconds = DRAIN_SECONDS
        if is_last:
            for replica, _ in self._replicas.values():
                if replica.is_stopping:
                    replica.stop(LAST_STOP_SECONDS)
        for number in plan.start:
            self._start(process, number)

    def _start(self, process: str, number: int) -> None:
        name = f"{process}-{number}"
        slot = Slot(
            name=name,
            process=process,
            version=self._version(process),
            command=_command(self._desired.workload, process),
            folder=self.folder.replica(name),
            bundles=self.setup.bundles,
            allow_bare=self.setup.is_local,
            port=self._desired.ports[number] if process == WEB else None,
        )
        replica = Replica(
            slot=slot,
            workload=self._desired.workload,
            output=Output(self._spool, name),
            changed=self._changed.set,
            restarts=self._restarts.pop(name, 0),
        )
        task = asyncio.create_task(replica.run())
        task.add_done_callback(lambda _: self._changed.set())
        self._replicas[name] = (replica, task)

    def _version(self, process: str) -> str:
        return version(self._desired, process)

    def _tell(self) -> None:
        """Write down how it stands, where that has changed; what is used is told now and then."""
        replicas = [replica for replica, _ in self._replicas.values()]
        servers = [one for one in replicas if one.slot.process == WEB and not one.is_stopping]
        current = [one for one in servers if one.slot.version == self._version(WEB)]
        is_current = len(current) == len(servers) and len(current) >= self._desired.replicas
        observed = Observed(
            keeper=os.getpid(),
            revision=self._desired.revision,
            ready=sum(one.ready for one in (current if is_current else servers)),
            current=is_current,
            replicas=tuple(one.status() for one in sorted(replicas, key=lambda one: one.slot.name)),
            problem=_problem(replicas, self._desired),
            leaving=tuple(one.slot for one in self._seen(WEB) if one.is_stopping),
        )
        now = time.monotonic()
        if observed != self._told and (
            now - self._told_at >= 0.9 * _USAGE_SECONDS or not _same(observed, self._told)
        ):
            self.folder.write_observed(observed)
            self._told, self._told_at = observed, now

    def _earlier_restarts(self) -> dict[str, int]:
        """An earlier keeper was killed, and its replicas with it: they are started again."""
        found = self.folder.last_observed()
        alive = [one for one in found.replicas if one.started_at] if found else []
        return {one.name: one.restarts + 1 for one in alive}

    def _flush_soon(self) -> None:
        asyncio.get_running_loop().call_later(FRAME_SECONDS, self._spool.flush)

    async def _find_daemon(self) -> None:
        daemon = KeptFolder(Path(self.setup.state))
        last = time.monotonic()
        while True:
            await asyncio.sleep(_ORPHAN_LOOK_SECONDS)
            if daemon.is_kept():
                last = time.monotonic()
            elif time.monotonic() - last > ORPHAN_SECONDS:
                self.end()


def version(desired: Desired, process: str) -> str:
    """What a process runs: another version means that it has to be replaced."""
    workload = desired.workload
    told = (
        str(desired.generation),
        workload.image,
        _command(workload, process) or "",
        repr(sorted(workload.environment.items())),
        repr(sorted(workload.secrets.items())),
        workload.bounds.model_dump_json(),
    )
    return hashlib.sha256("\0".join(told).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _command(workload: Workload, process: str) -> str | None:
    if process == WEB:
        return workload.start
    worker = workload.workers.get(process)
    return worker.command if worker else None


def _problem(replicas: list[Replica], desired: Desired) -> Problem | None:
    """The first one of what is to run now; a server's goes before a worker's."""
    found = [
        one
        for one in replicas
        if one.problem
        and not one.is_stopping
        and one.slot.version == version(desired, one.slot.process)
    ]
    for one in sorted(found, key=lambda replica: (replica.slot.process != WEB, replica.slot.name)):
        assert one.problem is not None
        if one.slot.process == WEB:
            return one.problem
        detail = f"The worker {one.slot.process}: {one.problem.detail}"
        return one.problem.model_copy(update={"detail": detail})
    return None


def _same(one: Observed, other: Observed | None) -> bool:
    """Whether they differ in nothing but what is used."""
    return other is not None and _without_usage(one) == _without_usage(other)


def _without_usage(observed: Observed) -> Observed:
    update = {"cpu_millis": None, "memory_bytes": None}
    replicas = tuple(one.model_copy(update=update) for one in observed.replicas)
    return observed.model_copy(update={"replicas": replicas})


async def keep(folder: WorkloadFolder, setup: Setup) -> None:
    """Keep a workload; SIGTERM ends what runs."""
    await asyncio.to_thread(processes.end_marked, folder)
    await asyncio.to_thread(disk.remove, folder.path / "replicas")
    keeper = Keeper(folder, setup)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, keeper.end)
    await keeper.run()


def main() -> None:
    """Keep the workload of the folder that is named."""
    folder = WorkloadFolder(Path(sys.argv[1]))
    folder.lock.write_text(str(os.getpid()))
    # Servers have to read what is made for them; strangers cannot enter the folder anyway.
    os.umask(0o022)
    processes.adopt_orphans()
    asyncio.run(keep(folder, Setup.from_environment()))


if __name__ == "__main__":
    main()
