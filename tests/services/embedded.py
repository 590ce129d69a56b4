"""Runs a supervisor in a thread of its own, so that any test, async or not, may use services.

State and ports are the tests' own: a stack of ``./dev up`` goes on beside them untouched.
"""

import asyncio
import os
import shutil
import threading
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil

from infrastructure.local import ports
from infrastructure.local.installation import Installation
from infrastructure.local.nodes import Node
from infrastructure.local.paths import Paths
from infrastructure.local.process import Records
from infrastructure.local.secrets import Secrets
from infrastructure.local.supervisor import Supervisor, Unit

T = TypeVar("T")


class Embedded:
    """The services of one test session, with their folder, ports and keys."""

    def __init__(self, name: str) -> None:
        self.paths = Paths.of_tests(f"{name}-{os.getpid()}")
        remove_abandoned(self.paths.state.parent)
        self.paths.make()
        self._reservation = ports.reserve(
            self.paths.state / "ports.json", {}, start=ports.TEST_BASE
        )
        self.ports = self._reservation.ports
        self.secrets = Secrets(self.paths.secrets)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()
        self.supervisor = self.run(self._make())

    async def _make(self) -> Supervisor:
        return Supervisor(
            logs=self.paths.logs,
            records=self.paths.run / "processes.json",
            environment=Installation(self.paths, self.ports, os.environ).environment(),
        )

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 120) -> T:
        """Run a coroutine beside the services and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def start(self, nodes: Sequence[Node]) -> None:
        """Bring services up; returns when they are ready."""
        self.run(self.supervisor.start(nodes))

    def unit(self, name: str) -> Unit:
        """What is known of a service: its pid, its state."""
        return next(unit for unit in self.supervisor.units() if unit.name == name)

    def close(self) -> None:
        """End every service and remove the folder."""
        try:
            self.run(self.supervisor.stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._reservation.release()
            shutil.rmtree(self.paths.state, ignore_errors=True)


def remove_abandoned(folder: Path) -> None:
    """End and remove what a test session left that was killed before its end."""
    for state in folder.glob("*-*"):
        pid = state.name.rpartition("-")[2]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            Records(state / "run" / "processes.json").end_leftovers()
            with suppress(OSError):
                shutil.rmtree(state)
