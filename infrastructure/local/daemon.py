"""The process behind the stack: the supervisor, and the socket by which ``./dev`` talks to it.

It outlives the command that started it. Until the stack is ready it lives only as long as
someone watches: when ``./dev up`` is interrupted or killed, everything ends with it.
"""

import asyncio
import fcntl
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from infrastructure.local import ports, stack
from infrastructure.local.errors import StackError
from infrastructure.local.installation import Installation
from infrastructure.local.nodes import Node
from infrastructure.local.paths import Paths, short
from infrastructure.local.supervisor import Supervisor, Unit

FIRST_WATCHER_SECONDS = 5.0
BUSY = 75


class Daemon:
    """One stack from its start to its end."""

    def __init__(self, paths: Paths, compose: Callable[[Installation], Sequence[Node]]) -> None:
        self._paths = paths
        self._compose = compose
        self._watchers: set[asyncio.StreamWriter] = set()
        self._leaving: set[asyncio.StreamWriter] = set()
        self._notes: list[str] = []
        self._watched = asyncio.Event()
        self._abandoned = asyncio.Event()
        self._stop = asyncio.Event()
        self._base = 0
        self._reservation: ports.Reservation | None = None
        self._phase = "starting"
        environment = Installation(paths, ports.Ports(0), dict(os.environ)).environment()
        os.environ.update(NO_PROXY=environment["NO_PROXY"], no_proxy=environment["no_proxy"])
        self._supervisor = Supervisor(
            logs=paths.logs,
            records=paths.run / "processes.json",
            environment=environment,
            notify=self._tell,
        )

    async def run(self) -> int:
        """Serve until we are stopped or the start fails; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        self._paths.socket.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve, short(self._paths.socket))
        loop.call_later(FIRST_WATCHER_SECONDS, self._look_after_watchers)
        try:
            return await self._live()
        finally:
            self._paths.socket.unlink(missing_ok=True)
            server.close()
            await _close(self._watchers | self._leaving)
            if self._reservation:
                self._reservation.release()

    async def _live(self) -> int:
        work = asyncio.create_task(self._bring_up())
        stopped = asyncio.create_task(self._stop.wait())
        abandoned = asyncio.create_task(self._abandoned.wait())
        try:
            await asyncio.wait((work, stopped, abandoned), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                self._phase = "stopping"
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
            elif error := work.exception():
                if not isinstance(error, StackError):
                    raise error
                self._send({"event": "failed", "text": str(error)})
                return 1
            else:
                self._phase = "ready"
                self._send({"event": "ready", "base": self._base})
                await stopped
                self._phase = "stopping"
                await self._supervisor.stop()
        finally:
            stopped.cancel()
            abandoned.cancel()
        self._send({"event": "stopped"})
        return 0

    async def _bring_up(self) -> None:
        # Whoever started us may be gone already: nothing starts before someone watches.
        await self._watched.wait()
        if found := await asyncio.to_thread(self._supervisor.end_leftovers):
            self._note(f"Ended what an earlier run had left: {', '.join(found)}.")
        memory = self._paths.state / "ports.json"
        before = ports.remembered(memory) or ports.DEFAULT_BASE
        self._reservation = ports.reserve(memory, os.environ)
        self._base = self._reservation.ports.base
        if self._base != before and "ASTROCLOUD_PORT_BASE" not in os.environ:
            self._note(f"A port from {before} on is taken: using {self._base} and the next ones.")
        installation = Installation(self._paths, self._reservation.ports, dict(os.environ))
        await self._supervisor.start(self._compose(installation))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self._handle(json.loads(line), writer)
        except (ConnectionError, ValueError) as error:
            print(f"A command went away: {error}", flush=True)
        self._watchers.discard(writer)
        self._look_after_watchers()
        if self._phase == "ready":
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        else:
            # Its other half stays open: so the command that was interrupted sees our end.
            self._leaving.add(writer)

    def _handle(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        match request.get("ask"):
            case "watch":
                self._watchers.add(writer)
                self._watched.set()
                for text in self._notes:
                    _write(writer, {"event": "note", "text": text})
                for unit in self._supervisor.units():
                    _write(writer, {"event": "unit", **unit.snapshot()})
                if self._phase == "ready":
                    _write(writer, {"event": "ready", "base": self._base})
            case "status":
                units = [unit.snapshot(memory=True) for unit in self._supervisor.units()]
                _write(writer, {"phase": self._phase, "base": self._base, "units": units})
            case "stop":
                self._watchers.add(writer)
                self._stop.set()
            case other:
                _write(writer, {"event": "failed", "text": f"The daemon cannot {other!r}."})

    def _look_after_watchers(self) -> None:
        if self._phase == "starting" and not self._watchers:
            self._abandoned.set()

    def _tell(self, unit: Unit) -> None:
        print(f"{unit.name}: {unit.state} {unit.detail}".rstrip(), flush=True)
        self._send({"event": "unit", **unit.snapshot()})

    def _note(self, text: str) -> None:
        print(text, flush=True)
        self._notes.append(text)
        self._send({"event": "note", "text": text})

    def _send(self, event: dict[str, Any]) -> None:
        for watcher in self._watchers:
            _write(watcher, event)


def _write(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    if not writer.is_closing():
        writer.write(json.dumps(message).encode() + b"\n")


async def _close(writers: set[asyncio.StreamWriter]) -> None:
    for writer in writers:
        writer.close()
    ends = (writer.wait_closed() for writer in writers)
    await asyncio.gather(*ends, return_exceptions=True)


def main(arguments: list[str]) -> int:
    """Run the stack of this checkout; at most one does."""
    paths = Paths.of_checkout()
    paths.make()
    with (paths.run / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return BUSY
        core_tools = Path(arguments[0]) if arguments else None
        compose = partial(stack.compose, core_tools=core_tools, sample_servers=True)
        code = asyncio.new_event_loop().run_until_complete(Daemon(paths, compose).run())
        sys.stdout.flush()
        # A thread may still wait for a service that is gone; nobody waits for that thread.
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
