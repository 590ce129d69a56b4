"""ACR Tasks under contract: AcrBuilder against a stand-in of Azure that builds by buildah."""

import asyncio
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest

from shared.builders.acr import AcrBuilder
from tests.contract.builders.conftest import SECONDS, Runner
from tests.fakes.azure import AzureFake
from tests.fakes.azure.builds import Buildah


class Acr(Runner):
    """A builder that is made anew by ``up``, and an Azure that goes on without it."""

    def __init__(self, executor: str, folder: Path, fake: AzureFake) -> None:
        self.executor = executor
        self.fake = fake
        self.made: list[AcrBuilder] = []
        self.state, self.socket = folder / "state", folder / "runner.sock"

    async def up(self) -> None:
        """A builder without a memory."""
        self.made.append(self.fake.builder())
        self.builder = self.made[-1]  # type: ignore[assignment]

    def kill(self) -> None:
        """What it remembers is all that can be lost."""

    def down(self) -> None:
        """The same."""

    def alive(self, key: str) -> list[Any]:
        """The runs in Azure of that name that have not ended."""
        number = self.fake.management.names.get(key)
        run = self.fake.management.runs.get(number or "")
        return [run] if run and not run.has_ended else []

    def folder(self, key: str) -> NoReturn:
        """There is none."""
        pytest.skip("a run of ACR Tasks has no folder here")


async def started(executor: str, folder: Path) -> Acr:
    """A place of that kind; end it by ``ended``."""
    fake = AzureFake()
    fake.engine = lambda: Buildah(folder, fake.registry)
    await fake.up()
    place = Acr(executor, folder, fake)
    await place.up()
    return place


async def ended(place: Acr) -> None:
    """End all runs of a place."""
    for builder in place.made:
        await builder.close()
    deadline = time.monotonic() + SECONDS
    while any(not run.has_ended for run in place.fake.management.runs.values()):
        for run in place.fake.management.runs.values():
            await run.cancel()
        assert time.monotonic() < deadline
        await asyncio.sleep(0)
    await place.fake.down()
