"""kill -9 of what runs the cluster and of what runs us, while a release rolls out and while one
is live."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.cluster import machine
from tests.cluster.conftest import MakeSite
from tests.cluster.harness import SECONDS, Site, failures, kubectl, release_of

ANSWERS = 300
PARTS = ("kube-apiserver", "kubelet", "kube-proxy")
SERVICES = ("worker", "api")
SLOW = "LATE=3000 node server.js"
# A kubelet that comes back calls every pod not ready until its next probe, and visitors are held
# for three seconds at most.
READINESS = {"period_seconds": 1}


@asynccontextmanager
async def killed(site: Site, name: str) -> AsyncIterator[None]:
    """While this is away; it is back and the cluster well in the end, whatever happens."""
    if name in SERVICES:
        pid = site.stack.service(name).kill()
        yield
        await site.stack.service(name).until_back(pid)
        return
    part = machine.Part.of(name)
    try:
        part.kill()
        yield
    finally:
        part.start_again()
        await until_cluster_is_well()


async def until_cluster_is_well() -> None:
    """The API server answers, and the node is ready."""
    path = "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}"
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                if await kubectl("get", "nodes", "--output", path) == "True":
                    return
            except RuntimeError:
                pass
            await asyncio.sleep(0.5)


def skip_elsewhere(name: str) -> None:
    """Another machine's processes cannot be killed."""
    if name in PARTS and not machine.is_here(name):
        pytest.skip(f"{name} is no process of this machine")


async def until_rolls_out(site: Site, deployment: dict[str, object]) -> None:
    """The deployment's replicas are being started."""
    await site.until(
        f"deployments/{deployment['id']}", lambda found: found["state"] == "rolling_out"
    )


async def many(seen: Counter[str]) -> None:
    """Visitors get some hundred more answers, good or bad."""
    wanted = seen.total() + ANSWERS
    async with asyncio.timeout(SECONDS):
        while seen.total() < wanted:
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("name", [*PARTS, *SERVICES])
async def test_killed_while_a_release_rolls_out(new_site: MakeSite, image: str, name: str) -> None:
    skip_elsewhere(name)
    site = await new_site(f"rolls-{name}")
    first = await site.live(image, readiness=READINESS)
    async with site.visitors() as seen:
        begun = await site.begin(image, start=SLOW, readiness=READINESS)
        await until_rolls_out(site, begun)
        async with killed(site, name):
            await many(seen)
        second = await site.ended(begun)
        assert second["state"] == "ready", second["failure"]
        await site.until_answers(second["release_id"])
        bad = await site.deploy(image, start="EXIT=3 node server.js")
        assert bad["failure"]["code"] == "rollout_crashing"
    assert not failures(seen), seen
    assert set(seen) == {first["release_id"], second["release_id"]}
    await site.until_only(first["release_id"], second["release_id"])


@pytest.mark.parametrize("name", [*PARTS, *SERVICES])
async def test_killed_while_a_release_is_live(new_site: MakeSite, image: str, name: str) -> None:
    skip_elsewhere(name)
    site = await new_site(f"lives-{name}")
    first = await site.live(image, readiness=READINESS)
    async with site.visitors() as seen:
        async with killed(site, name):
            await many(seen)
        second = await site.live(image, readiness=READINESS)
    assert not failures(seen), seen
    await site.until_only(first["release_id"], second["release_id"])


async def test_a_release_that_begins_while_the_api_server_is_away_is_waited_for(
    new_site: MakeSite, image: str
) -> None:
    skip_elsewhere("kube-apiserver")
    site = await new_site("begins")
    first = await site.live(image, readiness=READINESS)
    async with site.visitors() as seen:
        async with killed(site, "kube-apiserver"):
            begun = await site.begin(image)
            await until_rolls_out(site, begun)
            await many(seen)
        second = await site.ended(begun)
        assert second["state"] == "ready", second["failure"]
        assert second["release_id"] == release_of(begun)
        await site.until_answers(second["release_id"])
    assert not failures(seen), seen
    await site.until_only(first["release_id"], second["release_id"])


async def test_a_release_goes_live_before_the_node_knows_its_address(
    new_site: MakeSite, image: str
) -> None:
    skip_elsewhere("kube-proxy")
    site = await new_site("unknown")
    first = await site.live(image)
    async with site.visitors() as seen:
        async with killed(site, "kube-proxy"):
            second = await site.deploy(image)
            assert second["state"] == "ready", second["failure"]
            await many(seen)
            assert set(seen) == {first["release_id"]}
        await site.until_answers(second["release_id"])
    assert not failures(seen), seen
