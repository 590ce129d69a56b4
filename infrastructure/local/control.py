"""How ``./dev`` talks to the daemon: one JSON object a line over its Unix socket."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infrastructure.local.daemon import BUSY
from infrastructure.local.errors import StackError
from infrastructure.local.logs import tail
from infrastructure.local.paths import Paths, short

CONNECT_SECONDS = 20.0
STOP_SECONDS = 90.0


class Connection:
    """An open line to the daemon."""

    def __init__(self, line: socket.socket) -> None:
        self._socket = line
        self._file = line.makefile("r", encoding="utf-8")

    def ask(self, what: str) -> None:
        self._socket.sendall(json.dumps({"ask": what}).encode() + b"\n")

    def answer(self) -> dict[str, Any]:
        """The next message; empty when the daemon has gone."""
        try:
            line = self._file.readline()
        except (ConnectionError, TimeoutError):
            return {}
        message: dict[str, Any] = json.loads(line) if line else {}
        return message

    def events(self) -> Iterator[dict[str, Any]]:
        """Messages until the daemon has gone."""
        while message := self.answer():
            yield message

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def leave(self, seconds: float = STOP_SECONDS) -> None:
        """Watch no longer, and wait until a daemon that nobody watches has ended."""
        self._socket.shutdown(socket.SHUT_WR)
        self._socket.settimeout(seconds)
        for _ in self.events():
            continue


def connect(paths: Paths) -> Connection | None:
    """A line to the daemon, if it runs."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line.connect(short(paths.socket))
    except (FileNotFoundError, ConnectionError):
        line.close()
        return None
    return Connection(line)


def start(paths: Paths, core_tools: Path | None) -> Connection:
    """Start the daemon, or find the one that another command has started, and connect."""
    deadline = time.monotonic() + CONNECT_SECONDS
    while time.monotonic() < deadline:
        daemon = _spawn(paths, core_tools)
        try:
            if connection := _connect_to(daemon, paths, deadline):
                return connection
        except BaseException:
            daemon.terminate()
            daemon.wait(STOP_SECONDS)
            raise
    log = paths.logs / "supervisor.log"
    raise StackError(f"The supervisor does not answer: see {log}, then try `./dev down`.")


def _spawn(paths: Paths, core_tools: Path | None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "infrastructure.local.daemon"]
    with (paths.logs / "supervisor.log").open("ab") as output:
        return subprocess.Popen(
            [*command, *([str(core_tools)] if core_tools else [])],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=paths.root,
            start_new_session=True,
        )


def _connect_to(
    daemon: subprocess.Popen[bytes], paths: Paths, deadline: float
) -> Connection | None:
    """A line to this daemon, or to the one that was there before it; None to try again."""
    while time.monotonic() < deadline:
        if connection := connect(paths):
            return connection
        code = daemon.poll()
        if code == BUSY:
            return None
        if code is not None:
            log = paths.logs / "supervisor.log"
            raise StackError(f"The supervisor ended: {' '.join(tail(log, 1))} (see {log})")
        time.sleep(0.03)
    return None
