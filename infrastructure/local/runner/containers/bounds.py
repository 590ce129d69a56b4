"""The runner's bounds for engines: what the kernel's groups know comes on top of looking."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from infrastructure.local.runner import processes
from infrastructure.local.runner.bounds import (
    Crossed,
    DiskMeter,
    Watch,
    out_of_memory,
    too_many,
)
from infrastructure.local.runner.containers.groups import Group
from shared.builders.port import BuildBounds

_SECONDS = 0.2


class BoundBroken(Exception):
    """A run used more than it may; it has been ended."""

    def __init__(self, crossed: Crossed) -> None:
        super().__init__(crossed.detail)
        self.reason, self.detail = crossed


@dataclass(slots=True)
class Bounds:
    """One run's; ``folders`` count for the disk, what was in them before does not."""

    bounds: BuildBounds
    folders: Sequence[Path]
    group: Group | None = None
    _meter: DiskMeter | None = field(default=None, init=False)

    async def watch(self, pid: int) -> None:
        """Look at all below a process, until one of the bounds breaks."""
        if self._meter is None:
            self._meter = await asyncio.to_thread(DiskMeter, self.folders, self.bounds.disk_bytes)

        def members() -> list[psutil.Process]:
            return [one for one in processes.tree(pid) if one.pid != pid]

        looking = Watch(self.bounds, self._meter, members)
        while True:
            if found := await asyncio.to_thread(looking.look):
                raise BoundBroken(found)
            if self.group and self.group.had_too_many():
                raise BoundBroken(too_many(self.bounds))
            await asyncio.sleep(_SECONDS)

    def explain(self) -> BoundBroken | None:
        """After a command has failed: whether the kernel had a part in it."""
        if self.group and self.group.was_out_of_memory():
            return BoundBroken(out_of_memory(self.bounds))
        if self.group and self.group.had_too_many():
            return BoundBroken(too_many(self.bounds))
        return None
