"""How the processes of one command come into being, and end: with and without a sandbox.

``Bare`` is for a machine of one's own where no sandbox works: it keeps bounds, but hides nothing.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

import psutil

from infrastructure.local.runner import privileges, processes, variables
from infrastructure.local.runner.executor import Work
from infrastructure.local.runner.folders import MARKER


@dataclass(frozen=True, slots=True)
class Launched:
    """A command at work, from its ``top`` process down. ``end`` returns when nothing of it is
    alive."""

    top: int | None
    ended: Awaitable[int]
    stdout: int
    stderr: int
    members: Callable[[], list[psutil.Process]]
    end: Callable[[], Awaitable[None]]


class Launcher(Protocol):
    """Starts the commands of one run."""

    async def launch(self, command: str, folder: str, *, is_build: bool) -> Launched:
        """``sh -c`` in a folder of the source; raises SandboxUnavailable."""
        ...


def limited(processes: int) -> list[str]:
    """A shell's words before a command: a bound that a bomb reaches between two looks.

    Threads count here, so it lies above the bound that is told.
    """
    count = 4 * processes
    # The letter differs between shells.
    script = f'ulimit -u {count} 2>/dev/null || ulimit -p {count} 2>/dev/null; exec sh -c "$1"'
    return ["sh", "-c", script, "sh"]


@dataclass(frozen=True, slots=True)
class Pipes:
    """Both streams of a command: it has the ends that are written to."""

    stdout: tuple[int, int] = field(default_factory=os.pipe)
    stderr: tuple[int, int] = field(default_factory=os.pipe)

    def close_written(self) -> None:
        """Leave the command alone with its ends, so that theirs is ours."""
        os.close(self.stdout[1])
        os.close(self.stderr[1])

    def close_read(self) -> None:
        os.close(self.stdout[0])
        os.close(self.stderr[0])


async def spawn(
    words: list[str],
    *,
    environment: Mapping[str, str],
    directory: Path | None,
    pipes: Pipes,
    prepare: Callable[[], None],
    descriptors: tuple[int, ...] = (),
) -> asyncio.subprocess.Process:
    """Start a process whose streams are the pipes."""
    try:
        return await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipes.stdout[1],
            stderr=pipes.stderr[1],
            env=dict(environment),
            cwd=directory,
            preexec_fn=prepare,
            pass_fds=descriptors,
        )
    except BaseException:
        pipes.close_read()
        raise
    finally:
        pipes.close_written()


class Bare:
    """Commands as plain processes of our own user, found by their parents."""

    def __init__(self, work: Work, marker: str) -> None:
        self._work, self._marker = work, marker
        self._home, self._temporary = work.scratch / "home", work.scratch / "tmp"
        for folder in (self._home, self._temporary):
            folder.mkdir(exist_ok=True)

    async def launch(self, command: str, folder: str, *, is_build: bool) -> Launched:
        """Start it; whatever it leaves behind becomes a child of ours."""
        pipes = Pipes()
        process = await spawn(
            ["sh", "-c", command],
            environment=self._environment(is_build),
            directory=self._work.source / folder,
            pipes=pipes,
            prepare=privileges.prepare(self._work.job.bounds.disk_bytes),
        )
        me = os.getpid()

        async def end() -> None:
            await processes.end(me, with_top=False)
            await process.wait()

        def members() -> list[psutil.Process]:
            return [one for one in processes.glance(me) if one.pid != me]

        return Launched(process.pid, process.wait(), pipes.stdout[0], pipes.stderr[0], members, end)

    def _environment(self, is_build: bool) -> dict[str, str]:
        source = PurePosixPath(self._work.source)
        found = variables.of_commands(
            self._work,
            home=PurePosixPath(self._home),
            temporary=PurePosixPath(self._temporary),
            caches=dict(self._caches()),
        )
        if is_build:
            found = variables.with_own_programs(found, self._work, source)
        return {**found, "PWD": "", MARKER: self._marker}

    def _caches(self) -> dict[str, str]:
        """Where a sandbox would show a cache, its folder itself is named."""
        return {
            name: value.replace(mount.target, str(mount.folder), 1)
            for mount in self._work.caches
            for name, value in mount.variables.items()
        }
