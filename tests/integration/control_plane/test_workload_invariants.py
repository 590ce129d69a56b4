"""Invariants 1, 2 and 5 for what runs, under loss, repetition, death and a bad cluster.

The chaos is drawn from a seed, so a failure can be repeated; see ``test_invariants``.
"""

import asyncio
import gc
import random
from typing import Any
from uuid import UUID

import httpx
import pytest

from shared.clusters.port import Problem
from shared.deployments.lifecycle import TERMINAL
from tests.fakes import builder as builders
from tests.fakes import cluster as clusters
from tests.fakes.builder import ScriptedBuilder
from tests.fakes.cluster import ScriptedCluster
from tests.integration.control_plane.archives import site
from tests.integration.control_plane.test_invariants import (
    advance_or_die,
    assert_histories_are_allowed,
    pass_time,
    states_of,
)
from tests.integration.control_plane.test_rollouts import EXPRESS, rest, route_of
from tests.services.platform import Platform, take_hints, take_messages

BROKEN, FINE = 4001, 4000


def app(number: int, *, broken: bool) -> bytes:
    """A server, of which some never get ready."""
    port = BROKEN if broken else FINE
    toml = f'port = {port}\nrelease = "migrate {number}"'
    return site({**EXPRESS, "astrocloud.toml": toml})


async def look_or_die(platform: Platform, release: UUID, tick: int, chance: random.Random) -> None:
    """A look that may be killed at any of its waits."""
    look = asyncio.ensure_future(platform.worker.workload_looks.look(release, tick))
    if chance.random() < 0.4:
        await asyncio.wait({look}, timeout=chance.random() * 0.05)
        look.cancel()
    await asyncio.gather(look, return_exceptions=True)


async def one_round(platform: Platform, chance: random.Random) -> None:
    """Hints are dropped, doubled and shuffled; claims die; time passes."""
    hints = [hint for hint in await take_hints(platform) if chance.random() > 0.3]
    looks = [one for one in await take_messages(platform, "workloads") if chance.random() > 0.3]
    looks += [one for one in looks if chance.random() < 0.5]
    chance.shuffle(looks)
    await asyncio.gather(
        *(advance_or_die(platform, hint, chance) for hint in hints),
        *(look_or_die(platform, UUID(one["workload"]), one["tick"], chance) for one in looks),
    )
    await pass_time(platform)
    await platform.execute("UPDATE workloads SET due_at = now() WHERE state <> 'deleted'")
    await platform.worker.upkeep.sweep()


async def act(client: httpx.AsyncClient, project: str, chance: random.Random) -> None:
    """Something that a member may do at any time; what is refused changes nothing."""
    action = chance.choice(["rollback", "unpin", "workload/stop", "workload/start"])
    answer = await client.post(f"projects/{project}/{action}", json={})
    assert answer.status_code < 500, answer.text


# What a dead claim had open is closed by nobody: that is no leak of ours.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", range(4))
async def test_in_the_end_what_is_live_runs_and_nothing_else(
    platform: Platform, client: httpx.AsyncClient, seed: int
) -> None:
    chance = random.Random(seed)
    builder: ScriptedBuilder = builders.install(platform.worker, ScriptedBuilder())
    cluster: ScriptedCluster = clusters.install(platform, ScriptedCluster())
    builder.failing = cluster.failing = chance
    cluster.becomes_ready = lambda workload: workload.port != BROKEN
    cluster.problem = Problem(reason="start_failed", detail="There is no such command.")
    project = (await client.post("projects", json={"slug": "shop"})).json()
    for number in range(4):
        await platform.start(client, project["id"], app(number, broken=chance.random() < 0.3))
        for _ in range(3):
            await one_round(platform, chance)
        await act(client, project["id"], chance)

    builder.failing = cluster.failing = None
    async with asyncio.timeout(90):
        while not await states_of(platform) <= set(TERMINAL):
            await pass_time(platform)
            await platform.worker.upkeep.sweep()
            await platform.work_once()
    await client.post(f"projects/{project['id']}/workload/start", json={})
    await rest(platform)
    await rest(platform)
    await assert_consistent(platform, client, cluster, project)
    await assert_histories_are_allowed(platform)
    gc.collect()  # here, where the warnings of the dead are expected


async def assert_consistent(
    platform: Platform,
    client: httpx.AsyncClient,
    cluster: ScriptedCluster,
    project: dict[str, Any],
) -> None:
    """The pointer, the route and the cluster say the same."""
    found = (await client.get(f"projects/{project['id']}")).json()
    live = found["live"]["release_id"] if found["live"] else None
    running = [str(one) for one in cluster.running()]
    assert running == ([live] if live else [])
    route = await route_of(platform, httpx.URL(found["url"]).host)
    assert (route["release"], route["asleep"]) == (live, False)
    ended = await platform.execute(
        "SELECT w.release_id FROM workloads w JOIN deployments d ON d.id = w.deployment_id"
        " WHERE d.state IN ('failed', 'canceled') AND w.state <> 'deleted'"
    )
    assert ended == []
    commands = [task.command for task in cluster.tasks.values() if task.workload]
    assert len(commands) == len(set(commands)), "a release command ran twice"
    highest = await platform.execute(
        "SELECT live_sequence, r.number, pinned_at IS NOT NULL FROM environments e"
        " LEFT JOIN releases r ON r.id = e.live_release_id WHERE name = 'production'"
    )
    sequence, number, pinned = highest[0]
    assert pinned or number is None or number == sequence
