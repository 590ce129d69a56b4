"""The runner under contract on a machine without bubblewrap."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.contract.clusters import runner_place
from tests.contract.clusters.runner_place import RunnerPlace


def unavailable() -> str:
    """It works everywhere."""
    return ""


@asynccontextmanager
async def opened() -> AsyncIterator[RunnerPlace]:
    """A daemon that finds no bubblewrap."""
    async with runner_place.opened(bare=True) as place:
        yield place
