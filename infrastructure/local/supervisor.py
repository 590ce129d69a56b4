"""Brings services up in the order of what they need, keeps them up, takes them down.

It knows nothing of what the services are: ``stack`` composes them, ``daemon`` runs this
behind a socket, and the tests run it in a thread.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infrastructure.local.errors import StackError
from infrastructure.local.logs import rotate, tail
from infrastructure.local.nodes import Node, Service, State, Step, all_needs
from infrastructure.local.process import Child, Records, describe_exit, memory_of, spawn

FIRST_DELAY = 0.25
LONGEST_DELAY = 30.0
CALM_SECONDS = 60.0
TRIES_BEFORE_READY = 3
PROBE_SECONDS = 0.05
ROTATE_SECONDS = 5.0


@dataclass(slots=True)
class Unit:
    """What is known of one service or step right now."""

    name: str
    port: int | None = None
    is_service: bool = True
    state: State = State.WAITING
    pid: int | None = None
    since: float = field(default_factory=time.time)
    restarts: int = 0
    detail: str = ""
    seconds: float = 0

    def snapshot(self, *, memory: bool = False) -> dict[str, object]:
        """The same as plain data."""
        return {
            "name": self.name,
            "service": self.is_service,
            "state": str(self.state),
            "pid": self.pid,
            "port": self.port,
            "memory": memory_of(self.pid) if memory and self.pid else 0,
            "since": self.since,
            "restarts": self.restarts,
            "detail": self.detail,
            "seconds": round(self.seconds, 3),
        }


class Supervisor:
    """Runs a graph of services and steps; more may be added while it runs."""

    def __init__(
        self,
        *,
        logs: Path,
        records: Path,
        environment: Mapping[str, str],
        notify: Callable[[Unit], None] = lambda unit: None,
    ) -> None:
        self._logs = logs
        self._records = Records(records)
        self._environment = environment
        self._notify = notify
        self._nodes: dict[str, Node] = {}
        self._units: dict[str, Unit] = {}
        self._up: dict[str, asyncio.Future[None]] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._background: list[asyncio.Task[None]] = []
        self._rotation: asyncio.Task[None] | None = None

    def end_leftovers(self) -> list[str]:
        """End what an earlier supervisor of this installation left running."""
        return self._records.end_leftovers()

    def units(self) -> list[Unit]:
        """Every service and step in the order they were added."""
        return list(self._units.values())

    def log_of(self, name: str) -> Path:
        """The file that a service writes to."""
        return self._logs / f"{name}.log"

    async def start(self, nodes: Sequence[Node]) -> None:
        """Bring these up, side by side; on the first failure stop everything and raise it."""
        self._add(nodes)
        if self._rotation is None:
            self._rotation = asyncio.create_task(self._rotate_logs())
        awaited = [node for node in nodes if not _is_in_background(node)]
        tasks = [asyncio.create_task(self._bring_up(node)) for node in awaited]
        try:
            await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.stop()
            raise
        for node in nodes:
            if _is_in_background(node):
                self._background.append(asyncio.create_task(self._in_background(node)))

    async def stop(self) -> None:
        """End everything, each after those that need it."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        self._background.clear()
        if self._rotation:
            self._rotation.cancel()
            await asyncio.gather(self._rotation, return_exceptions=True)
            self._rotation = None
        needs = all_needs(list(self._nodes.values()))
        stopping: dict[str, asyncio.Task[None]] = {}
        # Those that need most come first, so that a task exists for each one waited for.
        for name in sorted(self._keepers, key=lambda name: -len(needs[name])):
            users = [stopping[other] for other in stopping if name in needs[other]]
            stopping[name] = asyncio.create_task(self._stop_one(name, users))
        await asyncio.gather(*stopping.values())
        self._keepers.clear()

    def _add(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            if node.name in self._nodes:
                raise ValueError(f"{node.name} is there already")
            self._nodes[node.name] = node
            is_service = isinstance(node, Service)
            port = node.port if isinstance(node, Service) else None
            self._units[node.name] = Unit(node.name, port=port, is_service=is_service)
            self._up[node.name] = asyncio.get_running_loop().create_future()
        all_needs(list(self._nodes.values()))

    async def _bring_up(self, node: Node) -> None:
        for need in node.needs:
            await asyncio.shield(self._up[need])
        unit, begun = self._units[node.name], time.monotonic()
        if isinstance(node, Service):
            keeper = asyncio.create_task(self._keep(node))
            self._keepers[node.name] = keeper
            up = self._up[node.name]
            await asyncio.wait((keeper, up), return_when=asyncio.FIRST_COMPLETED)
            if not up.done():
                keeper.result()
                raise StackError(f"{node.name} was stopped while it started.")
        else:
            self._set(unit, State.STARTING)
            unit.detail = await self._run_step(node.name, node.run())
            unit.seconds = time.monotonic() - begun
            self._set(unit, State.DONE)
            self._up[node.name].set_result(None)

    async def _in_background(self, node: Node) -> None:
        """A failure is told, and ends nothing else."""
        try:
            await self._bring_up(node)
        except StackError as error:
            self._set(self._units[node.name], State.FAILED, str(error))

    async def _run_step(self, name: str, work: Awaitable[str]) -> str:
        try:
            return await work
        except Exception as error:
            self._set(self._units[name], State.FAILED)
            if isinstance(error, StackError):
                raise
            raise StackError(f"The step {name!r} failed: {error}") from error

    async def _keep(self, service: Service) -> None:
        """Start it, and again whenever it ends, until we are cancelled."""
        unit, delay = self._units[service.name], FIRST_DELAY
        while True:
            begun = time.monotonic()
            try:
                reason = await self._run_once(service, unit)
            except StackError as error:
                reason = str(error)
                if self._gives_up(service, unit):
                    self._set(unit, State.FAILED, reason)
                    raise
            delay = FIRST_DELAY if time.monotonic() - begun > CALM_SECONDS else delay
            unit.restarts, unit.pid = unit.restarts + 1, None
            self._set(unit, State.RESTARTING, reason)
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)

    async def _run_once(self, service: Service, unit: Unit) -> str:
        """One life of a service, from start to end; how it ended."""
        begun = time.monotonic()
        self._set(unit, State.STARTING)
        child = await self._spawn(service, unit)
        try:
            await self._until_ready(service, child)
            unit.seconds = time.monotonic() - begun
            self._set(unit, State.READY, "")
            self._mark_up(service.name)
            return describe_exit(await child.wait())
        finally:
            await child.end(service.stop_signal, service.stop_seconds)

    def _gives_up(self, service: Service, unit: Unit) -> bool:
        never_ready = not self._up[service.name].done()
        return never_ready and unit.restarts + 1 >= TRIES_BEFORE_READY

    def _mark_up(self, name: str) -> None:
        if not self._up[name].done():
            self._up[name].set_result(None)

    async def _spawn(self, service: Service, unit: Unit) -> Child:
        await service.before_start()
        try:
            child = await spawn(
                service.name,
                service.command,
                log=self.log_of(service.name),
                records=self._records,
                environment={**self._environment, **service.environment},
                directory=service.directory,
                death_signal=service.death_signal or service.stop_signal,
            )
        except OSError as error:
            raise StackError(f"{service.name} cannot be started: {error}.") from error
        unit.pid = child.pid
        return child

    async def _until_ready(self, service: Service, child: Child) -> None:
        """Return when it can be used; raise when it ended, or took too long."""
        ended = asyncio.create_task(child.wait())
        probing = asyncio.create_task(self._probe(service))
        try:
            await asyncio.wait(
                (ended, probing),
                timeout=service.ready_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if ended.done():
                raise StackError(self._explain(service, describe_exit(ended.result())))
            if not probing.done():
                reason = f"was not ready after {service.ready_seconds:.0f} s"
                raise StackError(self._explain(service, reason))
            await probing
        finally:
            for task in (ended, probing):
                task.cancel()
            await asyncio.gather(ended, probing, return_exceptions=True)

    async def _probe(self, service: Service) -> None:
        while not await service.ready():  # noqa: ASYNC110  another process: only asking tells
            await asyncio.sleep(PROBE_SECONDS)
        try:
            await service.after_ready()
        except StackError:
            raise
        except Exception as error:
            raise StackError(f"{service.name} came up, but is not usable: {error}") from error

    def _explain(self, service: Service, reason: str) -> str:
        log = self.log_of(service.name)
        last = tail(log, 1)
        said = f" Its last words: {last[0]}" if last else ""
        return f"{service.name} {reason}.{said} See `./dev logs {service.name}`."

    async def _stop_one(self, name: str, users: Sequence[asyncio.Task[None]]) -> None:
        if users:
            await asyncio.wait(users)
        unit, keeper = self._units[name], self._keepers[name]
        if unit.state is not State.FAILED:
            self._set(unit, State.STOPPING)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        unit.pid = None
        if unit.state is not State.FAILED:
            self._set(unit, State.STOPPED)

    def _set(self, unit: Unit, state: State, detail: str | None = None) -> None:
        unit.state, unit.since = state, time.time()
        if detail is not None:
            unit.detail = detail
        self._notify(unit)

    async def _rotate_logs(self) -> None:
        while True:
            await asyncio.sleep(ROTATE_SECONDS)
            services = [node for node in self._nodes.values() if isinstance(node, Service)]
            own = [log for service in services for log in service.own_logs if log.exists()]
            for log in (*self._logs.glob("*.log"), *own):
                rotate(log)


def _is_in_background(node: Node) -> bool:
    return isinstance(node, Step) and node.in_background
