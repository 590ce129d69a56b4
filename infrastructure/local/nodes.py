"""What a stack consists of, as data: services that run, and steps that are done once."""

import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class State(StrEnum):
    """Where a service or step is."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


async def _nothing() -> None:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A process that is kept running.

    ``ready`` answers whether it can be used now. ``before_start`` and ``after_ready`` run at
    every start, so also when it was restarted. ``death_signal`` is what the kernel sends when
    the supervisor is gone; where it is left out, the stop signal. ``own_logs`` are files that
    it writes besides its output, and that must not grow for ever either.
    """

    name: str
    command: Sequence[str]
    ready: Callable[[], Awaitable[bool]]
    port: int | None = None
    needs: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    before_start: Callable[[], Awaitable[None]] = _nothing
    after_ready: Callable[[], Awaitable[None]] = _nothing
    stop_signal: int = signal.SIGTERM
    death_signal: int | None = None
    stop_seconds: float = 10
    ready_seconds: float = 60
    own_logs: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Something that must have happened before others can go on; may be done again.

    One ``in_background`` begins when all others are done, and is waited for by nobody.
    """

    name: str
    run: Callable[[], Awaitable[str]]
    needs: tuple[str, ...] = ()
    in_background: bool = False


Node = Service | Step


def all_needs(nodes: Sequence[Node]) -> dict[str, set[str]]:
    """For each node everything that it needs, directly or through others."""
    direct = {node.name: set(node.needs) for node in nodes}
    closed: dict[str, set[str]] = {}

    def close(name: str, path: tuple[str, ...]) -> set[str]:
        if name in path:
            raise ValueError(f"these need each other: {' → '.join((*path, name))}")
        if name not in closed:
            needs = direct[name]
            closed[name] = needs.union(*(close(need, (*path, name)) for need in needs))
        return closed[name]

    for name in direct:
        close(name, ())
    return closed
