"""The supervisor with small processes: order, readiness, restarts, ends, nothing left over."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from infrastructure.local.errors import StackError
from infrastructure.local.nodes import Service, State, Step, all_needs
from infrastructure.local.process import Records
from infrastructure.local.supervisor import Supervisor, Unit

SLEEPS = "import time; time.sleep(600)"


class Watched:
    """A supervisor and everything that it told."""

    def __init__(self, folder: Path) -> None:
        self.told: list[tuple[str, State]] = []
        self.records = folder / "processes.json"
        self.supervisor = Supervisor(
            logs=folder,
            records=self.records,
            environment=dict(os.environ),
            notify=lambda unit: self.told.append((unit.name, unit.state)),
        )

    def unit(self, name: str) -> Unit:
        return next(unit for unit in self.supervisor.units() if unit.name == name)

    async def until(self, name: str, state: State, *, restarts: int = 0) -> Unit:
        async with asyncio.timeout(30):
            while True:
                unit = self.unit(name)
                if unit.state is state and unit.restarts >= restarts:
                    return unit
                await asyncio.sleep(0.01)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    made = Watched(tmp_path)
    yield made
    await made.supervisor.stop()


async def _at_once() -> bool:
    return True


def _service(name: str, code: str = SLEEPS, **more: object) -> Service:
    return Service(
        **{"name": name, "command": [sys.executable, "-c", code], "ready": _at_once, **more}  # type: ignore[arg-type]
    )


def _is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def _until_gone(pid: int) -> None:
    async with asyncio.timeout(15):
        while not _is_gone(pid):
            await asyncio.sleep(0.02)


async def test_a_service_starts_after_all_that_it_needs(watched: Watched, tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    async def ready() -> bool:
        return mark.exists()

    async def step() -> str:
        assert watched.unit("first").state is State.READY
        return "done"

    touches = f"import pathlib; pathlib.Path({str(mark)!r}).touch(); {SLEEPS}"
    await watched.supervisor.start(
        [
            _service("last", needs=("middle",)),
            Step(name="middle", run=step, needs=("first",)),
            _service("first", touches, ready=ready),
        ]
    )
    order = [name for name, state in watched.told if state in (State.READY, State.DONE)]
    assert order == ["first", "middle", "last"]


async def test_services_stop_before_what_they_need(watched: Watched) -> None:
    await watched.supervisor.start(
        [_service("store"), _service("app", needs=("store",)), _service("gate", needs=("app",))]
    )
    await watched.supervisor.stop()
    order = [name for name, state in watched.told if state is State.STOPPED]
    assert order == ["gate", "app", "store"]


async def test_a_service_that_dies_is_started_again(watched: Watched) -> None:
    await watched.supervisor.start([_service("one")])
    before = watched.unit("one").pid or 0
    os.kill(before, signal.SIGKILL)
    after = await watched.until("one", State.READY, restarts=1)
    assert after.pid != before
    assert ("one", State.RESTARTING) in watched.told


async def test_restarts_wait_longer_each_time(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    real_sleep = asyncio.sleep

    async def record(seconds: float) -> None:
        if seconds >= 0.25:
            waited.append(seconds)
        await real_sleep(0)

    monkeypatch.setattr("infrastructure.local.supervisor.asyncio.sleep", record)
    await watched.supervisor.start([_service("brief", "pass")])
    async with asyncio.timeout(60):
        while watched.unit("brief").restarts < 9:
            await real_sleep(0.01)
    delays = [seconds for seconds in waited if seconds != 5.0]
    assert delays[:8] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]


async def test_a_service_that_never_gets_ready_fails_the_start_with_its_last_words(
    watched: Watched,
) -> None:
    async def never() -> bool:
        return False

    fails = "import sys; sys.exit('the disk is full')"
    with pytest.raises(StackError, match=r"bad ended with code 1.*the disk is full"):
        await watched.supervisor.start([_service("good"), _service("bad", fails, ready=never)])
    assert watched.unit("bad").state is State.FAILED
    assert watched.unit("good").state is State.STOPPED


async def test_a_failed_step_stops_what_was_started(watched: Watched) -> None:
    async def fail() -> str:
        raise StackError("No such table.")

    nodes: list[Service | Step] = [
        _service("store"),
        Step(name="migrations", run=fail, needs=("store",)),
    ]
    with pytest.raises(StackError, match="No such table"):
        await watched.supervisor.start(nodes)
    assert watched.unit("store").state is State.STOPPED


@pytest.mark.parametrize("phase", ["starting", "step", "ready"])
async def test_an_interrupted_start_leaves_no_process(watched: Watched, phase: str) -> None:
    async def never() -> bool:
        return phase != "starting"

    async def hang() -> str:
        await asyncio.sleep(600)
        return ""

    nodes: list[Service | Step] = [_service("one", ready=never)]
    if phase == "step":
        nodes.append(Step(name="hangs", run=hang, needs=("one",)))
    work = asyncio.create_task(watched.supervisor.start(nodes))
    wanted = State.STARTING if phase == "starting" else State.READY
    async with asyncio.timeout(15):
        while not any(u.pid and u.state is wanted for u in watched.supervisor.units()):
            await asyncio.sleep(0.01)
    pid = watched.unit("one").pid or 0
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    await watched.supervisor.stop()
    assert _is_gone(pid)


async def test_a_service_that_ignores_its_signal_is_killed(watched: Watched) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('on', flush=True); time.sleep(600)"
    )

    async def ready() -> bool:
        return "on" in watched.supervisor.log_of("stubborn").read_text()

    await watched.supervisor.start([_service("stubborn", stubborn, ready=ready, stop_seconds=0.2)])
    pid = watched.unit("stubborn").pid or 0
    await watched.supervisor.stop()
    assert _is_gone(pid)


async def test_the_children_of_a_service_end_with_it(watched: Watched, tmp_path: Path) -> None:
    child = tmp_path / "child"
    code = (
        "import pathlib, subprocess, sys, time;"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]);"
        f"pathlib.Path({str(child)!r}).write_text(str(child.pid)); time.sleep(600)"
    )

    async def ready() -> bool:
        return child.exists() and child.read_text() != ""

    await watched.supervisor.start([_service("parent", code, ready=ready)])
    await watched.supervisor.stop()
    await _until_gone(int(child.read_text()))


async def test_each_start_runs_what_belongs_to_it(watched: Watched) -> None:
    calls: list[str] = []

    async def before() -> None:
        calls.append("before")

    async def after() -> None:
        calls.append("after")

    await watched.supervisor.start([_service("one", before_start=before, after_ready=after)])
    os.kill(watched.unit("one").pid or 0, signal.SIGKILL)
    await watched.until("one", State.READY, restarts=1)
    assert calls == ["before", "after", "before", "after"]


SUPERVISED = """
import asyncio, os, pathlib, sys
from infrastructure.local.nodes import Service
from infrastructure.local.supervisor import Supervisor

async def ready():
    return True

async def main(folder):
    supervisor = Supervisor(
        logs=folder, records=folder / "processes.json", environment=dict(os.environ)
    )
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    await supervisor.start([Service(name="one", command=command, ready=ready)])
    print(supervisor.units()[0].pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main(pathlib.Path(sys.argv[1])))
"""


async def test_a_killed_supervisor_leaves_nothing_that_the_next_does_not_end(
    watched: Watched, tmp_path: Path
) -> None:
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen(  # noqa: ASYNC220  it is killed at once
        [sys.executable, "-c", SUPERVISED, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    ) as other:
        assert other.stdout is not None
        pid = int(await asyncio.to_thread(other.stdout.readline))
        other.kill()
    if sys.platform == "linux":
        await _until_gone(pid)
    watched.supervisor.end_leftovers()
    await _until_gone(pid)


def test_leftovers_are_told_from_strangers_by_their_time_of_birth(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEPS]) as stranger:
        records = tmp_path / "processes.json"
        born = psutil.Process(stranger.pid).create_time()
        records.write_text(json.dumps({str(stranger.pid): ["old", born - 60]}))
        assert Records(records).end_leftovers() == []
        assert stranger.poll() is None
        records.write_text(json.dumps({str(stranger.pid): ["ours", born]}))
        assert Records(records).end_leftovers() == ["ours"]


def test_services_that_need_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="need each other"):
        all_needs([_service("a", needs=("b",)), _service("b", needs=("a",))])


async def test_a_step_in_the_background_is_not_waited_for(watched: Watched) -> None:
    """It begins after the others; its failure is told and ends nothing."""
    go = asyncio.Event()

    async def late() -> str:
        await go.wait()
        raise StackError("It cannot be built.")

    step = Step(name="late", run=late, needs=("one",), in_background=True)
    await watched.supervisor.start([step, _service("one")])
    assert watched.unit("one").state is State.READY
    await watched.until("late", State.STARTING)
    go.set()
    failed = await watched.until("late", State.FAILED)
    async with asyncio.timeout(10):
        while not failed.detail:
            await asyncio.sleep(0.01)
    assert failed.detail == "It cannot be built."
    assert watched.unit("one").state is State.READY


async def test_a_step_in_the_background_ends_with_the_stack(watched: Watched) -> None:
    """Whatever it waits for."""
    ended: list[str] = []

    async def endless() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("endless")
        return ""

    await watched.supervisor.start([Step(name="endless", run=endless, in_background=True)])
    await watched.until("endless", State.STARTING)
    await watched.supervisor.stop()
    assert ended == ["endless"]
