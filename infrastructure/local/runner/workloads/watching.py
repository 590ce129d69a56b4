"""Watches what the processes of a replica or task use, and says which bound they have crossed.

They are looked at again and again, as those of builds are. CPU is measured, never held.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from infrastructure.local.runner.bounds import DiskMeter
from infrastructure.local.runner.launchers import Launched
from infrastructure.local.runner.processes import memory
from infrastructure.local.runner.workloads import problems
from infrastructure.local.runner.workloads.places import Place
from infrastructure.local.runner.workloads.problems import End
from shared.clusters.port import ReplicaBounds
from shared.sites.models import MIB

_LOOK_SECONDS, _CALM_LOOK_SECONDS = 0.25, 1.0
_FIRST_LOOKS, _FIRST_LOOK_SECONDS = 40, 0.05
"""A start uses most, and a short command is over soon: these are looked at more often."""
_SLOW_SECONDS = 2.0
"""Disk and CPU are looked at this often."""
_CALM_SHARE, _CALM_BYTES = 0.5, 1 * MIB
"""Whoever uses less than this share of its memory, and hardly more than before, is looked at less
often."""

Seen = Callable[[Sequence[psutil.Process], int], None]


@dataclass(slots=True)
class _Pace:
    """When to look again."""

    bounds: ReplicaBounds
    looks: int = 0
    before: int = 0
    pause: float = _LOOK_SECONDS

    def after(self, used: int) -> float:
        """Seconds until the next look, after one that saw so much memory in use."""
        self.looks += 1
        grown, self.before = used - self.before, used
        if self.looks <= _FIRST_LOOKS:
            return _FIRST_LOOK_SECONDS
        is_calm = grown < _CALM_BYTES and used < _CALM_SHARE * self.bounds.memory_bytes
        self.pause = min(1.5 * self.pause, _CALM_LOOK_SECONDS) if is_calm else _LOOK_SECONDS
        return self.pause


async def until_crossed(place: Place, launched: Launched, seen: Seen | None = None) -> End:
    """Never returns while all is well; ``seen`` is told members and memory now and then."""
    meter = await asyncio.to_thread(DiskMeter, place.written, place.bounds.disk_bytes)
    pace, slow_at = _Pace(place.bounds), 0.0
    while True:
        members, used = await asyncio.to_thread(_look, launched)
        if len(members) > place.bounds.processes:
            return problems.too_many_processes(place.bounds)
        if used > place.bounds.memory_bytes:
            return problems.out_of_memory(place.bounds)
        if time.monotonic() >= slow_at:
            is_first, slow_at = not slow_at, time.monotonic() + _SLOW_SECONDS
            if await asyncio.to_thread(meter.look):
                return problems.disk_full(place.bounds)
            if seen is not None and not is_first:  # at its start it is nothing but a shell
                seen(members, used)
        await asyncio.sleep(pace.after(used))


def _look(launched: Launched) -> tuple[list[psutil.Process], int]:
    members = launched.members()
    return members, memory(members)
