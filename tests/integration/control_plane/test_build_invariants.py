"""Invariants 1 to 4 for deployments with a build, under loss, repetition, death and a bad builder.

The chaos is drawn from a seed, so a failure can be repeated; see ``test_invariants``.
"""

import asyncio
import gc
import random

import httpx
import pytest

from shared.builders.port import RunStatus
from shared.deployments.lifecycle import TERMINAL
from tests.fakes.builder import DONE, ScriptedBuilder, install
from tests.integration.control_plane.archives import site
from tests.integration.control_plane.test_invariants import (
    advance_or_die,
    assert_histories_are_allowed,
    pass_time,
    states_of,
)
from tests.services.platform import Platform, take_hints

ENDS = (DONE, DONE, RunStatus(state="lost"), RunStatus(state="failed", reason="timeout"))
BOUND = 2  # of an account, by its plan


def project_files(text: str) -> bytes:
    """A source that has a build."""
    return site(
        {
            "package.json": '{"scripts": {"build": "sh build.sh"}}',
            "build.sh": f"echo {text}",
            "astrocloud.toml": 'install = false\noutput = "dist"',
        }
    )


def end_some(builder: ScriptedBuilder, chance: random.Random) -> None:
    """Let runs come to their end, in whatever way."""
    for key in builder.alive():
        if chance.random() < 0.5:
            builder.finish(key, chance.choice(ENDS))


async def one_round(platform: Platform, builder: ScriptedBuilder, chance: random.Random) -> None:
    """Hints are dropped, doubled and shuffled; claims die; runs end; time passes."""
    hints = [hint for hint in await take_hints(platform) if chance.random() > 0.3]
    hints += [hint for hint in hints if chance.random() < 0.5]
    chance.shuffle(hints)
    await asyncio.gather(*(advance_or_die(platform, hint, chance) for hint in hints))
    deployments = [key.rpartition("-")[0] for key in builder.alive()]
    assert len(deployments) == len(set(deployments)), "two runs of one deployment are alive"
    assert len(deployments) <= BOUND
    end_some(builder, chance)
    await pass_time(platform)
    await platform.worker.upkeep.sweep()


# What a dead claim had open is closed by nobody: that is no leak of ours.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", range(4))
async def test_every_build_ends_and_none_runs_on(
    platform: Platform, client: httpx.AsyncClient, seed: int
) -> None:
    chance = random.Random(seed)
    builder = install(platform.worker, ScriptedBuilder())
    builder.then, builder.follow_seconds, builder.failing = None, 0.05, chance
    builder.log_text = ("one", "two")
    projects = [
        (await client.post("projects", json={"slug": f"site-{n}"})).json()["id"] for n in range(3)
    ]
    created = [
        await platform.start(client, projects[n % 3], project_files(f"{seed} {n}"))
        for n in range(6)
    ]
    for n in range(8):
        await one_round(platform, builder, chance)
        if n == 4:
            await client.post(f"deployments/{chance.choice(created)['id']}/cancel")

    builder.failing = None
    async with asyncio.timeout(60):
        while not await states_of(platform) <= set(TERMINAL):
            for key in builder.alive():
                builder.finish(key)
            await pass_time(platform)
            await platform.worker.upkeep.sweep()
            await platform.work_once()
    await platform.execute("UPDATE deliveries SET due_at = now() WHERE done_at IS NULL")
    await platform.worker.upkeep.sweep()
    await platform.work_deliveries()

    assert builder.alive() == []
    assert len(builder.begun) == len(set(builder.begun))
    rows = await platform.execute("SELECT run ->> 'key' FROM deployments WHERE run IS NOT NULL")
    assert {key for (key,) in rows} <= set(builder.deleted)
    await assert_histories_are_allowed(platform)
    gc.collect()  # here, where the warnings of the dead are expected


async def test_two_accounts_that_flood_the_line_are_served_in_turn(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """Invariants 3 and 4: no bound is crossed, and neither account waits for all of the other."""
    builder = install(platform.worker, ScriptedBuilder())
    builder.then, builder.follow_seconds = None, 0.02
    async with await platform.stranger() as stranger:
        owners: dict[str, str] = {}
        for name, who in (("a", client), ("b", stranger)):
            for n in range(4):
                body = {"slug": f"{name}-{n}"}
                project = (await who.post("projects", json=body)).json()
                made = await platform.start(who, project["id"], project_files(name))
                owners[made["id"]] = name
        most = 0
        async with asyncio.timeout(120):
            while not await states_of(platform) <= set(TERMINAL):
                await platform.work_once()
                alive = builder.alive()
                most = max(most, len(alive))
                counts = [sum(owners[k.rpartition("-")[0]] == n for k in alive) for n in "ab"]
                assert max(counts, default=0) <= BOUND
                for key in alive[:1]:
                    builder.finish(key)
    # As they were admitted: how fast each then came to its build is not the line's business.
    rows = await platform.execute("SELECT id::text FROM deployments ORDER BY started_at")
    order = "".join(owners[identity] for (identity,) in rows)
    assert sorted(order) == sorted("aaaabbbb")
    assert most <= 2 * BOUND
    # From the moment that both wait, neither is begun three times in a row.
    assert "aaa" not in order[2:-2]
    assert "bbb" not in order[2:-2]
