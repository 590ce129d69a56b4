"""Control groups of the kernel, where we may make them: memory and number of processes.

As root only, in version 1 or 2. Elsewhere ``bounds`` looks at the processes themselves.
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TOP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Group:
    """The folders of one run's group: one in version 2, one a controller in version 1."""

    memory: Path
    processes: Path

    def join(self) -> Callable[[], None]:
        """What a child does before anything else, so that all of its children are members."""
        paths = [os.fsencode(folder / "cgroup.procs") for folder in {self.memory, self.processes}]

        def enter() -> None:
            for path in paths:
                descriptor = os.open(path, os.O_WRONLY)
                os.write(descriptor, b"0")
                os.close(descriptor)

        return enter

    def was_out_of_memory(self) -> bool:
        """Whether the kernel ended a member for the memory it used."""
        v1, v2 = self.memory / "memory.oom_control", self.memory / "memory.events"
        return _count(v2 if v2.exists() else v1, "oom_kill") > 0

    def had_too_many(self) -> bool:
        """Whether a member was refused another process."""
        return _count(self.processes / "pids.events", "max") > 0

    def end(self) -> None:
        """Kill every member: nobody leaves a group by forking."""
        for folder in {self.memory, self.processes}:
            for pid in _members(folder):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def remove(self) -> bool:
        """Delete the group; False while it has members."""
        for folder in {self.memory, self.processes}:
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return False
        return True


def group_of(key: str, top: Path = TOP) -> Group | None:
    """Where the group of a run is; None where this machine lets us have none."""
    if os.geteuid() != 0:
        return None
    name = f"astrocloud-{key}"
    if (top / "cgroup.controllers").exists():
        return Group(top / name, top / name)
    if (top / "memory/cgroup.procs").exists() and (top / "pids/cgroup.procs").exists():
        return Group(top / "memory" / name, top / "pids" / name)
    return None


def make_group(key: str, memory_bytes: int, processes: int, top: Path = TOP) -> Group | None:
    """Make the group of a run with its bounds; None where that is not possible."""
    group = group_of(key, top)
    if group is None:
        return None
    is_v2 = group.memory == group.processes
    try:
        for folder in {group.memory, group.processes}:
            folder.mkdir(exist_ok=True)
        limit = "memory.max" if is_v2 else "memory.limit_in_bytes"
        (group.memory / limit).write_text(str(memory_bytes))
        (group.processes / "pids.max").write_text(str(processes))
    except OSError:
        # Read-only, or a controller is not given to us.
        group.remove()
        return None
    return group


def _count(path: Path, name: str) -> int:
    with suppress(OSError):
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name and value.isdigit():
                return int(value)
    return 0


def _members(folder: Path) -> list[int]:
    with suppress(OSError):
        return [int(pid) for pid in (folder / "cgroup.procs").read_text().split()]
    return []
