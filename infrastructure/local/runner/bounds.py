"""Watches what a run uses, and says which bound it has crossed and what to do about it.

Memory and processes are counted by looking again and again: it works without rights and without
control groups. What the kernel can bound itself is set where the processes are started.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import psutil

from infrastructure.local.runner import disk
from infrastructure.local.runner.processes import kills_by_kernel, memory
from shared.builders.port import BuildBounds, Reason
from shared.sites.models import MIB

LOOK_SECONDS = 0.2
_RESERVE_BYTES = 64 * MIB
"""Left to everybody else on the disk."""


class Crossed(NamedTuple):
    """A bound that was crossed, as the port and the user are told."""

    reason: Reason
    detail: str


@dataclass(slots=True)
class DiskMeter:
    """Bytes that a run has written: walked only when the disk has become noticeably fuller."""

    folders: Sequence[Path]
    most: int
    _before: int = field(init=False)
    _free: int = field(init=False)
    _unseen: int = field(init=False)
    _walk_again: float = 0

    def __post_init__(self) -> None:
        self._before = disk.used(self.folders)
        self._free = disk.free(self.folders[0])
        self._unseen = self.most // 2

    def look(self) -> Crossed | None:
        """Whether more was written than is allowed."""
        free = disk.free(self.folders[0])
        if free < _RESERVE_BYTES and free < self._free:
            return Crossed(
                "disk_full",
                "The disk of the machine that builds is full. Next: free space there, then deploy"
                " again.",
            )
        if self._free - free < self._unseen or time.monotonic() < self._walk_again:
            return None
        begun = time.monotonic()
        written = disk.used(self.folders) - self._before
        now = time.monotonic()
        self._walk_again = now + 5 * (now - begun)
        if written > self.most:
            return Crossed(
                "disk_full",
                f"The build wrote more than {in_words(self.most)}. Next: write less, such as no"
                " source maps and fewer intermediate files, or raise the plan's bound on disk.",
            )
        self._free, self._unseen = free, (self.most - written) // 2
        return None


@dataclass(frozen=True, slots=True)
class Watch:
    """Looks at a phase's processes until one of its bounds is crossed."""

    bounds: BuildBounds
    meter: DiskMeter
    members: Callable[[], list[psutil.Process]]

    async def until_crossed(self) -> Crossed:
        """Never returns while all is well."""
        while True:
            if found := await asyncio.to_thread(self.look):
                return found
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> Crossed | None:
        """One look; blocks."""
        members = self.members()
        if len(members) > self.bounds.processes:
            return too_many(self.bounds)
        if memory(members) > self.bounds.memory_bytes:
            return out_of_memory(self.bounds)
        return self.meter.look()


class KernelKills:
    """Whether the kernel has killed for want of memory since this was made."""

    def __init__(self) -> None:
        self._before = kills_by_kernel()

    def happened(self) -> bool:
        return kills_by_kernel() > self._before


def too_many(bounds: BuildBounds) -> Crossed:
    """More processes than are allowed."""
    return Crossed(
        "too_many_processes",
        f"The build ran more than {bounds.processes:,} processes at once. Next: look for a script"
        " that starts itself, or lower the number of workers.",
    )


def out_of_memory(bounds: BuildBounds) -> Crossed:
    """More memory than is allowed, or than there is."""
    return Crossed(
        "out_of_memory",
        f"The build needed more memory than the {in_words(bounds.memory_bytes)} that it may use."
        " Next: have it use fewer workers, leave out source maps, or raise the plan's bound.",
    )


def log_too_large(bounds: BuildBounds) -> Crossed:
    """More output than is kept."""
    return Crossed(
        "log_too_large",
        f"The build printed more than {in_words(bounds.log_bytes)}. Next: lower the log level of"
        " what it runs.",
    )


def timed_out(bounds: BuildBounds) -> Crossed:
    """Longer than is allowed."""
    return Crossed(
        "timeout",
        f"The build was not done after {_duration(bounds.seconds)}. Next: see in the log's last"
        " lines what it was at: a command that waits for input or serves, such as `dev` or"
        " `--watch`, never ends.",
    )


def in_words(count: int) -> str:
    """Bytes as people say them."""
    for size, unit in ((1024 * MIB, "GiB"), (MIB, "MiB"), (1024, "KiB")):
        if count >= size:
            return f"{count / size:,.1f} {unit}".replace(".0 ", " ")
    return f"{count} bytes"


def _duration(seconds: int) -> str:
    if seconds >= 120 and seconds % 60 == 0:
        return f"{seconds // 60} minutes"
    return "1 second" if seconds == 1 else f"{seconds} seconds"
