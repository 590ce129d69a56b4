"""One replica: started, watched, asked for its health, ended, and started again when it dies."""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from infrastructure.local.runner import bundles, disk
from infrastructure.local.runner.bounds import KernelKills
from infrastructure.local.runner.bundles import BundleMissing
from infrastructure.local.runner.executor import SandboxUnavailable
from infrastructure.local.runner.launchers import Launched
from infrastructure.local.runner.workloads import health, output, places, problems, usage, watching
from infrastructure.local.runner.workloads.health import Unwell
from infrastructure.local.runner.workloads.output import Output
from infrastructure.local.runner.workloads.places import Place
from infrastructure.local.runner.workloads.problems import End
from shared.clusters.port import Problem, ReplicaStatus, Workload
from shared.detection.run_settings import HealthCheck

FIRST_PAUSE, LONGEST_PAUSE, CALM_SECONDS = 1.0, 60.0, 60.0
_LOOK_SECONDS = 0.25
_FIRST_ASK, _LONGEST_ASK = 0.05, 1.0
_KILLED = 137
_ENDS_OF_PROBLEM = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where one replica runs: ``version`` tells what it runs, ``port`` is None for a worker.

    Without a ``command`` the bundle's own is run.
    """

    name: str
    process: str
    version: str
    command: str | None
    folder: Path
    bundles: Path
    allow_bare: bool
    port: int | None = None


@dataclass(slots=True)
class Replica:
    """All lives of one slot until it is told to stop; ``changed`` is called whenever it changes.

    ``workload`` may be replaced by one that differs in its health checks only.
    """

    slot: Slot
    workload: Workload
    output: Output
    changed: Callable[[], None]
    restarts: int = 0
    ready: bool = False
    problem: Problem | None = None
    started_at: datetime | None = None
    cpu_millis: int | None = None
    memory_bytes: int | None = None
    last_end: End | None = None
    stop_seconds: float = 0
    drain_seconds: float = 0
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _ready_since: float | None = None
    _ends: int = 0
    _pause: float = FIRST_PAUSE

    @property
    def is_stopping(self) -> bool:
        """Whether it is on its way out."""
        return self._stopping.is_set()

    def stop(self, seconds: float) -> None:
        """Have it end: by SIGTERM, after so many seconds by SIGKILL; ``run`` returns then."""
        if self.is_stopping:
            self.stop_seconds = min(self.stop_seconds, seconds)
            return
        self.stop_seconds = seconds
        self.ready = False
        self._stopping.set()

    async def told_to_stop(self) -> None:
        """Wait until it is."""
        await self._stopping.wait()

    def status(self) -> ReplicaStatus:
        """As the port tells it."""
        last = self.last_end
        return ReplicaStatus(
            name=self.slot.name,
            process=self.slot.process,
            ready=self.ready,
            restarts=self.restarts,
            started_at=self.started_at,
            cpu_millis=self.cpu_millis,
            memory_bytes=self.memory_bytes,
            last_end=last.words if last else None,
            last_exit_code=last.exit_code if last else None,
        )

    async def run(self) -> None:
        """One life after another; nothing of it is alive when this returns."""
        while not self.is_stopping:
            end = await self._live()
            if end is None or self.is_stopping:
                return
            self._after(end)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause_now()):
                    await self._stopping.wait()
            if not self.is_stopping:
                self.restarts += 1

    def _after(self, end: End) -> None:
        self.last_end, self.started_at = end, None
        self.cpu_millis = self.memory_bytes = None
        self._ends += 1
        is_known = end.reason in {"out_of_memory", "start_failed", "image_unavailable", "unhealthy"}
        if is_known or self._ends >= _ENDS_OF_PROBLEM:
            self.problem = end.problem(self.output.last_lines)
        self.output.say(f"Ended: {end.words}. It is started again in {self._pause:.0f} s.")
        self.changed()

    def _pause_now(self) -> float:
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
        return pause

    async def _live(self) -> End | None:
        """From a start to an end; None where it was told to stop."""
        self.output.forget()
        try:
            place = self._place()
            command = self.slot.command or place.bundle.manifest.start
            if command is None:
                return problems.NO_COMMAND
            started = await places.start(place, command)
        except BundleMissing as error:
            return problems.not_started("image_unavailable", str(error))
        except SandboxUnavailable as error:
            return problems.not_started("start_failed", str(error))
        except OSError as error:
            return problems.not_started("start_failed", problems.reason_of(error))
        life = _Life(self, place, command, started.launched)
        self.started_at = datetime.now(UTC)
        if started.warning:
            self.output.say(started.warning)
        self.output.say("Started." if not self.restarts else f"Restarted ({self.restarts}).")
        self.changed()
        try:
            return await life.run()
        finally:
            self.ready, self._ready_since = False, None
            self.output.end()
            await asyncio.to_thread(disk.remove, place.folder)
            self.changed()

    def _place(self) -> Place:
        return Place(
            folder=self.slot.folder,
            bundle=bundles.find(self.slot.bundles, self.workload.image),
            workload=self.workload,
            port=self.slot.port,
            allow_bare=self.slot.allow_bare,
        )

    def mark_ready(self) -> None:
        """It answers."""
        self.ready, self.problem = True, None
        self._ready_since = time.monotonic()
        self.changed()

    def mark_unready(self, problem: Problem) -> None:
        """It does not answer, or not well."""
        if self.problem is None or self.problem.reason != problem.reason:
            self.output.say(f"Not ready: {problem.detail}")
        self.ready, self.problem = False, problem
        self._ready_since = None
        self.changed()

    def calm_down(self) -> None:
        """After a while without trouble earlier ends count no more."""
        since = self._ready_since
        if since is not None and time.monotonic() - since >= CALM_SECONDS:
            self._ends, self._pause = 0, FIRST_PAUSE


@dataclass(slots=True)
class _Life:
    """The processes of a replica from one start to their end."""

    replica: Replica
    place: Place
    command: str
    launched: Launched
    _kills: KernelKills = field(default_factory=KernelKills)

    async def run(self) -> End | None:
        """How it ended; None where it was told to."""
        replica, launched = self.replica, self.launched
        ended = asyncio.ensure_future(launched.ended)
        reading = asyncio.gather(
            output.read(launched.stdout, replica.output, "stdout"),
            output.read(launched.stderr, replica.output, "stderr"),
        )
        stopping = asyncio.create_task(replica.told_to_stop())
        judges = [asyncio.create_task(one) for one in self._judges()]
        try:
            waiting: set[asyncio.Future[Any]] = {ended, stopping, *judges}
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if stopping in done and not ended.done():
                await self._stop(ended)
                return None
            for judge in judges:
                if judge in done:
                    return judge.result()
            return self._ended(ended.result())
        except SandboxUnavailable as error:
            return problems.not_started("start_failed", str(error))
        finally:
            for task in (stopping, *judges):
                task.cancel()
            await asyncio.shield(launched.end())
            await asyncio.gather(ended, reading, stopping, *judges, return_exceptions=True)

    def _judges(self) -> list[Coroutine[Any, Any, End]]:
        """What may find a reason to end it."""
        found = [self._watch()]
        if self.replica.slot.port is None:
            self.replica.mark_ready()
            return found
        found.append(self._ask_ready(self.replica.slot.port))
        if self.replica.workload.liveness is not None:
            found.append(self._ask_alive(self.replica.slot.port))
        return found

    def _ended(self, code: int) -> End:
        code = 128 - code if code < 0 else code
        bounds = self.place.bounds
        if code == _KILLED and self._kills.happened():
            return problems.out_of_memory(bounds)
        is_server = self.replica.slot.port is not None
        return problems.exited(code, self.command, is_server=is_server)

    async def _stop(self, ended: "asyncio.Future[int]") -> None:
        """SIGTERM, and the time that it has to end in."""
        if self.replica.drain_seconds:
            await asyncio.wait({ended}, timeout=self.replica.drain_seconds)
        if self.launched.top is not None:
            for leader in await asyncio.to_thread(usage.leaders, self.launched.top):
                with suppress(psutil.Error):
                    leader.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        while time.monotonic() - begun < self.replica.stop_seconds:
            left = self.replica.stop_seconds - (time.monotonic() - begun)
            await asyncio.wait({ended}, timeout=min(_LOOK_SECONDS, max(0.0, left)))
            if ended.done():
                return
        self.replica.output.say(
            f"Killed: it did not end within {self.replica.stop_seconds:.0f} s of SIGTERM."
        )

    async def _watch(self) -> End:
        """Returns when a bound is crossed."""
        replica, cpu = self.replica, usage.CpuMeter()

        def seen(members: Sequence[psutil.Process], used: int) -> None:
            replica.memory_bytes, replica.cpu_millis = used, cpu.look(members)
            replica.output.tell_dropped()
            replica.calm_down()

        return await watching.until_crossed(self.place, self.launched, seen)

    async def _ask_ready(self, port: int) -> End:
        """Again and again; never returns, but tells the replica."""
        begun, failures, pause = time.monotonic(), 0, _FIRST_ASK
        while True:
            check = self.replica.workload.readiness
            try:
                await self._ask(check, port)
                await self._owned(port)
            except Unwell as error:
                failures += 1
                is_over = time.monotonic() - begun >= check.grace_seconds
                if failures >= check.failures and (self.replica.ready or is_over):
                    others = await asyncio.to_thread(self._listening)
                    self.replica.mark_unready(
                        problems.not_ready(check, error.words, others, port).model_copy(
                            update={"last_lines": self.replica.output.last_lines}
                        )
                    )
            else:
                failures = 0
                if not self.replica.ready:
                    self.replica.mark_ready()
            pause = min(pause * 1.5, _LONGEST_ASK)
            settled = self.replica.ready or time.monotonic() - begun > check.grace_seconds
            await asyncio.sleep(
                check.period_seconds if settled else min(pause, check.period_seconds)
            )

    async def _ask(self, check: HealthCheck, port: int) -> None:
        workload = self.replica.workload
        await health.ask(check, check_port(workload, check.port, port), workload.host)

    async def _owned(self, port: int) -> None:
        """Whoever answers at the port has to be ours: it may be a stranger's by now."""
        if self.replica.ready or self.replica.workload.readiness.port is not None:
            return
        found = await asyncio.to_thread(self._listening)
        if found is not None and port not in found:
            raise Unwell(f"nothing listens at port {port}", listens=False)

    def _listening(self) -> set[int] | None:
        return usage.listening(self.launched.members())

    async def _ask_alive(self, port: int) -> End:
        """Returns when it is alive no more."""
        begun, failures, was_alive = time.monotonic(), 0, False
        while True:
            check = self.replica.workload.liveness
            if check is None:
                await asyncio.sleep(_LONGEST_ASK)
                continue
            try:
                await self._ask(check, port)
            except Unwell as error:
                in_grace = not was_alive and time.monotonic() - begun < check.grace_seconds
                failures = 0 if in_grace else failures + 1
                if failures >= check.failures:
                    return problems.unhealthy_end(error.words)
            else:
                failures, was_alive = 0, True
            await asyncio.sleep(check.period_seconds)


def check_port(workload: Workload, asked: int | None, port: int) -> int:
    """The app's own port has another number here; one of its own for health stays what it is."""
    return port if asked is None or asked == workload.port else asked
