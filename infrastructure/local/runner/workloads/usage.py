"""What the processes of a replica use, where they listen, and which of them are told to stop."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

_SHELLS = {"sh", "dash", "bash", "ash", "busybox"}
_MANAGERS = {"npm", "npx", "yarn", "pnpm", "npm-cli.js", "npx-cli.js", "yarn.js", "pnpm.cjs"}


@dataclass(slots=True)
class CpuMeter:
    """CPU time from one look to the next, in thousandths of a processor."""

    _before: float | None = None
    _at: float = field(default_factory=time.monotonic)

    def look(self, members: Sequence[psutil.Process]) -> int | None:
        """None at the first look; processes that ended between two looks count nothing."""
        now, used = time.monotonic(), 0.0
        for process in members:
            with suppress(psutil.Error):
                found = process.cpu_times()
                used += found.user + found.system
        before, since = self._before, now - self._at
        self._before, self._at = used, now
        if before is None or since <= 0:
            return None
        return max(0, round(1000 * (used - before) / since))


def listening(members: Sequence[psutil.Process]) -> set[int] | None:
    """The TCP ports where they listen; None where the system does not tell."""
    found: set[int] = set()
    is_told = False
    for process in members:
        with suppress(psutil.Error, OSError):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    found.add(connection.laddr.port)
            is_told = True
    return found if is_told else None


def leaders(top: int) -> list[psutil.Process]:
    """Who is to hear that it has to stop.

    A shell that waits for the server, and npm, would end by the signal without telling it, and
    the server would be killed with them: so what they wait for is told instead.
    """
    try:
        return _leaders(psutil.Process(top))
    except psutil.Error:
        return []


def _leaders(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        below = process.children()
        if below and _only_waits(process):
            return [leader for child in below for leader in _leaders(child)]
    return [process]


def _only_waits(process: psutil.Process) -> bool:
    words = process.cmdline()
    names = {word.rpartition("/")[2] for word in words[:3]}
    return process.name() in {*_SHELLS, "bwrap"} or (
        bool(names & _MANAGERS) or (bool(words) and words[0].startswith("npm "))
    )
