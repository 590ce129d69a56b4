"""The daemon serves commands, and without one that watches its start it ends everything."""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from infrastructure.local import daemon
from infrastructure.local.daemon import Daemon
from infrastructure.local.installation import Installation
from infrastructure.local.nodes import Node, Service, State
from infrastructure.local.paths import Paths, short

PROGRAM = [sys.executable, "-c", "import time; time.sleep(600)"]


class Command:
    """A command that watches."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def ask(self, what: str) -> None:
        self.writer.write(json.dumps({"ask": what}).encode() + b"\n")

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while line := await self.reader.readline():
                message: dict[str, Any] = json.loads(line)
                if wanted(message):
                    return message
        return {}

    async def leave(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths.of_checkout(tmp_path)
    made.make()
    return made


def _nodes(*, ready: bool) -> Callable[[Installation], Sequence[Node]]:
    async def answer() -> bool:
        return ready

    def compose(installation: Installation) -> Sequence[Node]:
        return [Service(name="one", command=PROGRAM, ready=answer, ready_seconds=60)]

    return compose


async def _watch(paths: Paths) -> Command:
    async with asyncio.timeout(20):
        while not paths.socket.exists():
            await asyncio.sleep(0.01)
    command = Command(*await asyncio.open_unix_connection(short(paths.socket)))
    command.ask("watch")
    return command


def _has_started(message: dict[str, Any]) -> bool:
    return message.get("state") == State.STARTING and message["pid"] is not None


def _pid_of_one(paths: Paths) -> int:
    return int(next(iter(json.loads((paths.run / "processes.json").read_text()))))


async def _until_running(paths: Paths) -> int:
    async with asyncio.timeout(20):
        while True:
            try:
                return _pid_of_one(paths)
            except (FileNotFoundError, StopIteration):
                await asyncio.sleep(0.01)


async def test_an_interrupted_start_ends_everything_and_the_command_sees_the_end(
    paths: Paths,
) -> None:
    running = asyncio.create_task(Daemon(paths, _nodes(ready=False)).run())
    command = await _watch(paths)
    pid = await _until_running(paths)
    command.writer.write_eof()
    await command.until(lambda message: False)
    assert await running == 0
    assert not psutil.pid_exists(pid)
    assert not paths.socket.exists()
    await command.leave()


async def test_nothing_starts_for_a_command_that_was_killed_before_it_could_watch(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "FIRST_WATCHER_SECONDS", 0.2)
    assert await Daemon(paths, _nodes(ready=True)).run() == 0
    assert not (paths.run / "processes.json").exists()


async def test_a_start_goes_on_while_another_command_watches(paths: Paths) -> None:
    running = asyncio.create_task(Daemon(paths, _nodes(ready=False)).run())
    first, second = await _watch(paths), await _watch(paths)
    pid = await _until_running(paths)
    await first.leave()
    second.ask("status")
    answer = await second.until(lambda message: "units" in message)
    assert answer["phase"] == "starting"
    assert answer["units"][0]["pid"] == pid
    await second.leave()
    assert await running == 0
    assert not psutil.pid_exists(pid)


async def test_a_ready_stack_outlives_its_command_and_stops_when_asked(paths: Paths) -> None:
    running = asyncio.create_task(Daemon(paths, _nodes(ready=True)).run())
    first = await _watch(paths)
    assert (await first.until(lambda message: message["event"] == "ready"))["base"] > 0
    await first.leave()
    second = await _watch(paths)
    assert await second.until(lambda message: message["event"] == "ready")
    pid = _pid_of_one(paths)
    second.ask("stop")
    assert await second.until(lambda message: message.get("state") == State.STOPPED)
    assert await second.until(lambda message: message["event"] == "stopped")
    assert await running == 0
    assert not psutil.pid_exists(pid)
    await second.leave()


async def test_a_start_that_fails_tells_why_and_ends(paths: Paths) -> None:
    async def never() -> bool:
        return False

    def compose(installation: Installation) -> Sequence[Node]:
        program = [sys.executable, "-c", "import sys; sys.exit('no such disk')"]
        return [Service(name="one", command=program, ready=never)]

    running = asyncio.create_task(Daemon(paths, compose).run())
    command = await _watch(paths)
    failed = await command.until(lambda message: message["event"] == "failed")
    assert "no such disk" in failed["text"]
    assert await running == 1
    await command.leave()


async def test_what_an_earlier_daemon_left_is_ended_and_told(paths: Paths) -> None:
    left = await asyncio.create_subprocess_exec(*PROGRAM)
    born = psutil.Process(left.pid).create_time()
    (paths.run / "processes.json").write_text(json.dumps({left.pid: ["old", born]}))
    running = asyncio.create_task(Daemon(paths, _nodes(ready=True)).run())
    command = await _watch(paths)
    await command.until(lambda message: message["event"] == "ready")
    assert await left.wait() != 0
    command.ask("stop")
    assert await running == 0
    await command.leave()


async def test_the_socket_is_closed_to_other_users(paths: Paths) -> None:
    running = asyncio.create_task(Daemon(paths, _nodes(ready=True)).run())
    command = await _watch(paths)
    assert paths.run.stat().st_mode & 0o077 == 0
    command.ask("stop")
    assert await running == 0
    await command.leave()
