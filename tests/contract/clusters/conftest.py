"""Clusters under contract: ``place`` is one of each adapter, ``bench`` has a project on it."""

from collections.abc import AsyncIterator

import pytest

from shared.clusters.port import Capability
from tests.contract.clusters.places import PLACES, Bench, Place, module_of


@pytest.fixture(scope="module", params=sorted(PLACES))
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """A cluster; what this machine lacks is skipped, and said."""
    module = module_of(request.param)
    if reason := module.unavailable():
        pytest.skip(reason)
    async with module.opened() as opened:
        yield opened


@pytest.fixture
async def bench(place: Place) -> AsyncIterator[Bench]:
    """A project of the test's own."""
    made = Bench(place)
    yield made
    await made.close()


def needs(bench: Bench, capability: Capability) -> None:
    """Skip a test of something that this cluster does not claim."""
    if capability not in bench.cluster.capabilities:
        pytest.skip(f"{bench.place.name} has no {capability}")
