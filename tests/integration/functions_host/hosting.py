"""Runs the local functions host as a process, as the stack does, and looks at what it did."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[3]
APPS = Path(__file__).parent / "apps"
DEADLINE = 30.0


class App:
    """A copy of a test app with its own settings, host.json and record of calls."""

    def __init__(
        self,
        folder: Path,
        name: str,
        settings: Mapping[str, str] | None = None,
        host: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.record = folder / "calls.jsonl"
        shutil.copytree(APPS / name, folder, dirs_exist_ok=True)
        shutil.copy(APPS / "recording.py", folder)
        values = {"CALLS": str(self.record), **(settings or {})}
        self._write("local.settings.json", {"IsEncrypted": False, "Values": values})
        self._write("host.json", {"version": "2.0", **(host or {})})

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        (self.folder / name).write_text(json.dumps(document))

    def calls(self, key: str) -> list[Any]:
        """The recorded values of one key, in order."""
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        return [call[key] for line in lines if key in (call := json.loads(line))]

    def release(self) -> None:
        """Let held functions go on."""
        self.record.with_name("release").touch()


class Process:
    """A running host."""

    def __init__(self, app: App, log: Path, *arguments: str) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "infrastructure.local.functions_host"),
                    *("--app", str(app.folder), "--port", "0", *arguments),
                ],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    def text(self) -> str:
        """All that the host has written."""
        return self.log.read_text()

    async def url(self) -> str:
        """Where it answers; waits until it listens."""
        await until(lambda: re.search(r"port \d+", self.text()), self)
        port = re.findall(r"port (\d+)", self.text())[-1]
        return f"http://127.0.0.1:{port}"

    async def ready(self) -> str:
        """Wait until every trigger listens."""
        url = await self.url()
        async with httpx.AsyncClient() as client:
            deadline = time.monotonic() + DEADLINE
            while (answer := await client.get(f"{url}/admin/host/status")).status_code != 200:
                assert time.monotonic() < deadline, f"{answer.text}\n{self.text()}"
                await asyncio.sleep(0.05)
        return url

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    async def ended(self) -> int:
        """The exit code, waited for."""
        await until(lambda: self.process.poll() is not None)
        return self.process.returncode

    def kill(self) -> None:
        """End it without a chance to clean up."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running(app: App, *arguments: str) -> Iterator[Process]:
    """A host that does not outlive the test."""
    host = Process(app, app.folder / f"host-{time.monotonic_ns()}.log", *arguments)
    try:
        yield host
    finally:
        host.kill()


async def until(
    condition: Callable[[], object], host: Process | None = None, seconds: float = DEADLINE
) -> None:
    """Poll a condition up to a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        told = host.text() if host else ""
        assert time.monotonic() < deadline, f"nothing within {seconds:g} s\n{told}"
        assert host is None or host.process.poll() is None, f"the host ended\n{told}"
        await asyncio.sleep(0.05)
