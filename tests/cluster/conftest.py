"""The stack on the real cluster, and projects with images for it."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx
import psycopg
import pytest

from tests.cluster import machine
from tests.cluster.harness import Site, kubectl
from tests.cluster.images import built, unavailable
from tests.services import api
from tests.services.stack import Stack

LIMITS = '{"replica_cpu_millis": 100, "replica_memory_bytes": 134217728}'
"""Replicas are small: a test cluster may have two cores for all of them."""

SILENT = "127.0.0.1:20599"
"""A registry that users may name, but nobody answers."""

MakeSite = Callable[[str], Awaitable[Site]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs a cluster."""
    if reason := unavailable():
        for item in items:
            if item.path.parent.name == "cluster" and item.path.parent.parent.name == "tests":
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole platform, with the real cluster for its servers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASTROCLOUD_CLUSTER", "kubernetes")
        patch.setenv("ASTROCLOUD_RUNNER", "containers")
        patch.setenv("ASTROCLOUD_REGISTRY", os.environ["TEST_REGISTRY"])
        patch.setenv("OUTGOING_ALLOWED", f"{os.environ['TEST_REGISTRY']},{SILENT}")
        running = Stack()
    try:
        with machine.services_stay_inside():
            yield running
    finally:
        running.close()


@pytest.fixture(scope="session")
def image() -> str:
    """The tests' server as an image."""
    return built("one")


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A signed-in client of the API."""
    async with api.signed_in(stack) as made:
        connection = await psycopg.AsyncConnection.connect(stack.owner_dsn, autocommit=True)
        async with connection:
            await connection.execute("UPDATE accounts SET limits = limits || %s::jsonb", [LIMITS])
        yield made


@pytest.fixture
async def new_site(stack: Stack, client: httpx.AsyncClient) -> AsyncIterator[MakeSite]:
    """Makes projects, whose namespaces are gone after the test."""
    made: list[Site] = []

    async def make(slug: str) -> Site:
        answer = await client.post("projects", json={"slug": slug})
        assert answer.status_code == 201, answer.text
        made.append(Site(stack, client, slug, answer.json()["id"]))
        return made[-1]

    yield make
    for site in made:
        await client.delete(f"projects/{site.project}")
        words = ("delete", "namespace", f"project-{site.project}")
        await kubectl(*words, "--ignore-not-found", "--wait=false")
