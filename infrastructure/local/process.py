"""One child process: how it is started, that it never outlives us, how it is ended.

A child leads its own process group, is named in the records before anything else happens, and
on Linux is signalled by the kernel when the thread that started it is gone.
"""

import asyncio
import json
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from infrastructure.local.errors import StackError
from infrastructure.local.parentage import follow_parent


class Records:
    """The processes that we started, on disk: what a killed supervisor leaves is found again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[int, tuple[str, float]] = {}

    def add(self, name: str, pid: int) -> None:
        with suppress(psutil.NoSuchProcess):
            self._known[pid] = (name, psutil.Process(pid).create_time())
            self._write()

    def remove(self, pid: int) -> None:
        if self._known.pop(pid, None):
            self._write()

    def end_leftovers(self, seconds: float = 10) -> list[str]:
        """End what an earlier supervisor left; the names of what was found alive."""
        found = self._leftovers()
        trees = [member for _, process in found for member in _tree(process)]
        for member in trees:
            with suppress(psutil.NoSuchProcess):
                member.terminate()
        _, alive = psutil.wait_procs(trees, timeout=seconds)
        for member in alive:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(alive, timeout=seconds)
        self._path.unlink(missing_ok=True)
        return [name for name, _ in found]

    def _leftovers(self) -> list[tuple[str, psutil.Process]]:
        try:
            entries = json.loads(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return []
        found = []
        for pid, (name, created) in entries.items():
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(int(pid))
                # A pid is used again after a while; its time of birth tells them apart.
                if abs(process.create_time() - created) < 1:
                    found.append((name, process))
        return found

    def _write(self) -> None:
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(self._known))
        draft.replace(self._path)


@dataclass(frozen=True, slots=True)
class Child:
    """A running process and what it takes to end it."""

    name: str
    process: asyncio.subprocess.Process
    records: Records

    @property
    def pid(self) -> int:
        return self.process.pid

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        return await self.process.wait()

    async def end(self, stop_signal: int, seconds: float) -> None:
        """Ask it to end its own way, wait, then leave nothing of its group alive."""
        if self.process.returncode is None:
            members = _members(self.pid)
            with suppress(ProcessLookupError):
                self.process.send_signal(stop_signal)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), seconds)
            for member in members:
                with suppress(psutil.NoSuchProcess):
                    member.kill()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        await self.process.wait()
        self.records.remove(self.pid)


async def spawn(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    records: Records,
    environment: Mapping[str, str],
    directory: Path | None = None,
    death_signal: int = signal.SIGTERM,
) -> Child:
    """Start a process that writes to its log file."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            cwd=directory,
            start_new_session=True,
            preexec_fn=follow_parent(death_signal),
        )
    records.add(name, process.pid)
    return Child(name, process, records)


async def run_to_end(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    directory: Path | None = None,
) -> None:
    """Run a command that ends by itself; a StackError with its last words when it fails."""
    begun = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            cwd=directory,
            start_new_session=True,
            preexec_fn=follow_parent(signal.SIGTERM),
        )
    try:
        code = await process.wait()
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if code:
        said = log.read_bytes()[begun:].decode("utf-8", "replace").strip().splitlines()
        last = f": {said[-1].strip()}" if said else "."
        raise StackError(f"{name} {describe_exit(code)}{last} (all of it in {log})")


def describe_exit(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"ended with code {code}"
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def memory_of(pid: int) -> int:
    """Resident bytes of a process and its descendants; shared pages count in each."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        for member in _tree(psutil.Process(pid)):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += member.memory_info().rss
    return total


def _members(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def _tree(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return [process]
