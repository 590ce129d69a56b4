"""A runner that runs servers: each module has a daemon of its own, each test a project."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from infrastructure.local.runner.workloads.spool import frames, segments
from shared.clusters.port import WorkloadRef
from tests.contract.clusters import runner_place
from tests.contract.clusters.places import Bench
from tests.contract.clusters.runner_place import RunnerPlace

APP = Path(__file__).with_name("app.py").read_text()


@pytest.fixture(scope="module", params=["sandbox", "bare"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[RunnerPlace]:
    """A daemon, with and without a sandbox."""
    if request.param == "sandbox" and (reason := runner_place.unavailable()):
        pytest.skip(reason)
    async with runner_place.opened(bare=request.param == "bare") as opened:
        yield opened


@pytest.fixture
async def bench(place: RunnerPlace) -> AsyncIterator[Bench]:
    """A project of the test's own."""
    made = Bench(place)
    yield made
    await made.close()


def lines(place: RunnerPlace, ref: WorkloadRef, source: str = "") -> list[str]:
    """What the log of a workload holds, as far as it is on this machine."""
    found = []
    for segment in segments(place.daemon.workload(ref).spool):
        for frame in frames(segment.path, 0):
            found += [
                line["text"] for line in frame.lines if not source or line["source"] == source
            ]
    return found


async def until(check: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"not so after {seconds} s: {what}"
        await asyncio.sleep(0.05)
