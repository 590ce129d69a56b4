"""Watches what the processes of a replica or task use, and says which bound they have crossed.

They are looked at again and again, as those of builds are. CPU is measured, never held.
"""

import asyncio
from collections.abc import Callable, Sequence

import psutil

from infrastructure.local.runner.bounds import DiskMeter
from infrastructure.local.runner.launchers import Launched
from infrastructure.local.runner.processes import memory
from infrastructure.local.runner.workloads import problems
from infrastructure.local.runner.workloads.places import Place
from infrastructure.local.runner.workloads.problems import End

_LOOK_SECONDS = 0.25
_FIRST_LOOKS, _FIRST_LOOK_SECONDS = 40, 0.05
"""A start uses most, and a short command is over soon: these are looked at more often."""
_SLOW_LOOKS = 8
"""Disk and CPU are looked at once in so many looks."""

Seen = Callable[[Sequence[psutil.Process], int], None]


async def until_crossed(place: Place, launched: Launched, seen: Seen | None = None) -> End:
    """Never returns while all is well; ``seen`` is told members and memory now and then."""
    meter = await asyncio.to_thread(DiskMeter, place.written, place.bounds.disk_bytes)
    looks = 0
    while True:
        members = await asyncio.to_thread(launched.members)
        used = memory(members)
        if len(members) > place.bounds.processes:
            return problems.too_many_processes(place.bounds)
        if used > place.bounds.memory_bytes:
            return problems.out_of_memory(place.bounds)
        if looks % _SLOW_LOOKS == 0:
            if await asyncio.to_thread(meter.look):
                return problems.disk_full(place.bounds)
            if seen is not None:
                seen(members, used)
        looks += 1
        await asyncio.sleep(_FIRST_LOOK_SECONDS if looks < _FIRST_LOOKS else _LOOK_SECONDS)
