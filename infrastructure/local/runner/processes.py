"""The processes of a run: which there are, what they use, and how all of them end."""

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

from infrastructure.local.runner.folders import MARKER, KeptFolder

POLL_SECONDS = 0.02
_SUBREAPER = 36


def adopt_orphans() -> None:
    """Let whatever our descendants leave become our children: nothing slips out of the tree."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)


def tree(pid: int) -> list[psutil.Process]:
    """A process and all below it that are alive."""
    with suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        return [one for one in (top, *top.children(recursive=True)) if _is_alive(one)]
    return []


def glance(pid: int) -> list[psutil.Process]:
    """The same, but quick; what begins or ends meanwhile may be left out.

    For whoever looks again and again. Finding all processes of a tree means to look at all of
    the machine; the kernel's own lists of children cost next to nothing where it has them.
    """
    if not _lists_children():
        return tree(pid)
    pids, found = [pid], []
    while pids:
        one = pids.pop()
        pids += _children(one)
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(one))
    return [one for one in found if _is_alive(one)]


def orphans() -> list[psutil.Process]:
    """Our own children, as quickly found."""
    if not _lists_children():
        return psutil.Process().children()
    found = []
    for pid in _children(os.getpid()):
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found


def _children(pid: int) -> list[int]:
    """As the kernel lists them, by the thread that has started each; none of what is gone."""
    found: list[int] = []
    with suppress(FileNotFoundError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            # A thread may end meanwhile; its children are then another one's.
            with suppress(FileNotFoundError, ProcessLookupError):
                found += map(int, (thread / "children").read_text().split())
    return found


@cache
def _lists_children() -> bool:
    return Path(f"/proc/self/task/{os.getpid()}/children").exists()


def memory(processes: Iterable[psutil.Process]) -> int:
    """Resident bytes; what is a file's is left out, since many map the same."""
    total = 0
    for process in processes:
        with suppress(psutil.Error):
            found = process.memory_info()
            total += max(0, found.rss - getattr(found, "shared", 0))
    return total


def kills_by_kernel() -> int:
    """How often the kernel has killed for want of memory since it started."""
    with suppress(OSError), open("/proc/vmstat") as file:  # noqa: PTH123  one file of the kernel
        for line in file:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


async def end(pid: int, *, with_top: bool = True) -> None:
    """Kill a process and all below it, again and again until none is left."""
    while True:
        alive = await asyncio.to_thread(tree, pid)
        alive = alive if with_top else [one for one in alive if one.pid != pid]
        if not alive:
            return
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        await asyncio.sleep(POLL_SECONDS)


def end_marked(folder: KeptFolder, seconds: float = 20) -> None:
    """Kill what a dead keeper left; returns when nothing of it is alive."""
    deadline = time.monotonic() + seconds
    while found := marked(folder):
        members = {one for top in found for one in tree(top.pid)}
        for process in members:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(members, timeout=1)
        if time.monotonic() > deadline:
            names = ", ".join(str(one.pid) for one in found)
            raise RuntimeError(f"Processes of {folder.key} do not die: {names}.")


def marked(folder: KeptFolder) -> list[psutil.Process]:
    """The processes of a run or workload that can be seen from outside, but for its keeper."""
    found, place = [], str(folder.path)
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            marker = process.environ().get(MARKER, "")
            is_its = marker == place or marker.startswith(f"{place}/")
            if is_its and _is_alive(process):
                found.append(process)
    return found


def _is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False
