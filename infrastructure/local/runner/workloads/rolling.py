"""Which replicas are to be started and stopped next, so that requests are answered meanwhile.

Pure decisions over what there is; the keeper carries them out and asks again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Seen:
    """A replica: ``slot`` counts from 0, ``is_current`` says whether it runs what is wanted."""

    slot: int
    is_current: bool
    is_ready: bool
    is_stopping: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Slots to start in, and slots to stop."""

    start: tuple[int, ...] = ()
    stop: tuple[int, ...] = ()


@dataclass(slots=True)
class _Count:
    current: list[Seen] = field(default_factory=list)
    old: list[Seen] = field(default_factory=list)

    @property
    def all(self) -> int:
        return len(self.current) + len(self.old)

    @property
    def ready(self) -> int:
        return sum(one.is_ready for one in (*self.current, *self.old))


def servers(seen: Sequence[Seen], wanted: int, slots: int) -> Plan:
    """For replicas that answer requests: one more than wanted may run while they are replaced."""
    count = _Count()
    for one in seen:
        if not one.is_stopping:
            (count.current if one.is_current else count.old).append(one)
    stop = _to_stop(count, wanted)
    room = wanted + (1 if count.old and wanted else 0) - count.all
    free = [slot for slot in range(slots) if slot not in {one.slot for one in seen}]
    start = free[: max(0, min(room, wanted - len(count.current)))]
    return Plan(tuple(start), tuple(stop))


def _to_stop(count: _Count, wanted: int) -> list[int]:
    """Whoever does not answer goes first; of those that do, so many stay as are wanted."""
    if not wanted:
        return [one.slot for one in (*count.old, *count.current)]
    stop: list[int] = []
    ready, left = count.ready, count.all
    if count.old:
        for one in sorted(count.old, key=lambda old: old.is_ready):
            if left <= wanted or (one.is_ready and ready <= wanted):
                break
            stop.append(one.slot)
            left -= 1
            ready -= one.is_ready
        return stop
    for one in sorted(count.current, key=lambda seen: (seen.is_ready, -seen.slot)):
        if left <= wanted:
            break
        stop.append(one.slot)
        left -= 1
    return stop


def workers(seen: Sequence[Seen], wanted: int) -> Plan:
    """For what nobody asks for anything: the old one ends before the new one begins."""
    stop = [
        one.slot
        for one in seen
        if not one.is_stopping and (one.slot >= wanted or not one.is_current)
    ]
    there = {one.slot for one in seen}
    return Plan(tuple(slot for slot in range(wanted) if slot not in there), tuple(stop))
