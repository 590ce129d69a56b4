"""Invariants 1, 2, 3 and 5 of the design, under loss, repetition, reordering and death.

The chaos is drawn from a seed, so a failure can be repeated. A claim that dies is a task that is
cancelled at some await: whatever it had not committed is gone, as after a kill.
"""

import asyncio
import gc
import itertools
import random
from typing import Any
from uuid import UUID

import httpx
import pytest

from shared.deployments.advance import Hint
from shared.deployments.lifecycle import TERMINAL, TRANSITIONS
from shared.deployments.outcomes import Claim, Outcome
from shared.routes import pointer_store
from tests.integration.control_plane.archives import site
from tests.services.platform import Platform, take_hints

SEEDS = range(6)


class Recorder:
    """Stands before a step and notes which claims it worked for."""

    def __init__(self, step: Any, seen: list[tuple[UUID, str, int]]) -> None:
        self._step = step
        self._seen = seen

    async def __call__(self, claim: Claim) -> Outcome:
        self._seen.append((claim.id, claim.row["state"], claim.row["tick"]))
        outcome: Outcome = await self._step(claim)
        return outcome


async def advance_or_die(platform: Platform, hint: Hint, chance: random.Random) -> None:
    """Advance, and in half of the cases die on the way."""
    task = asyncio.create_task(platform.worker.advancer.advance(hint))
    if chance.random() < 0.5:
        await asyncio.sleep(chance.random() * 0.08)
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def pass_time(platform: Platform) -> None:
    """Every lease and every wait has run out."""
    await platform.execute(
        "UPDATE deployments SET due_at = now() - interval '1 second' WHERE finished_at IS NULL"
    )


async def states_of(platform: Platform) -> set[str]:
    """The states in which deployments are."""
    return {row[0] for row in await platform.execute("SELECT state FROM deployments")}


# What a dead claim had open is closed by nobody: that is no leak of ours.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", SEEDS)
async def test_every_deployment_ends_whatever_happens_to_its_hints(
    platform: Platform, client: httpx.AsyncClient, seed: int
) -> None:
    """Invariants 1 and 2: hints are dropped, doubled, shuffled; claims die; still all end, each
    claim works once, at most one release comes of each, and the history is one the table allows."""
    chance = random.Random(seed)
    seen: list[tuple[UUID, str, int]] = []
    steps = platform.worker.advancer._steps
    platform.worker.advancer._steps = {s: Recorder(step, seen) for s, step in steps.items()}
    projects = [
        (await client.post("projects", json={"slug": f"site-{n}"})).json()["id"] for n in range(3)
    ]
    for n in range(6):
        await platform.start(client, projects[n % 3], site({"index.html": f"{seed} {n}"}))

    for _ in range(6):
        hints = await take_hints(platform)
        hints = [h for h in hints if chance.random() > 0.3]
        hints += [h for h in hints if chance.random() < 0.5]
        chance.shuffle(hints)
        await asyncio.gather(*(advance_or_die(platform, hint, chance) for hint in hints))
        await pass_time(platform)
        await platform.worker.upkeep.sweep()

    for _ in range(2):
        await platform.work()
        await pass_time(platform)
        await platform.worker.upkeep.sweep()
    await platform.work()

    assert await states_of(platform) <= set(TERMINAL)
    assert len(seen) == len(set(seen)), "a claim was worked on twice"
    releases = await platform.execute(
        "SELECT count(*), count(DISTINCT deployment_id) FROM releases"
    )
    assert releases[0][0] == releases[0][1]
    await assert_histories_are_allowed(platform)
    gc.collect()  # here, where the warnings of the dead are expected


async def assert_histories_are_allowed(platform: Platform) -> None:
    """Each deployment's events are a walk through the table of transitions."""
    rows = await platform.execute(
        "SELECT deployment_id, array_agg(state ORDER BY id) FROM deployment_events"
        " GROUP BY deployment_id"
    )
    for _, walk in rows:
        assert walk[0] == "queued"
        for before, after in itertools.pairwise(walk):
            assert after in TRANSITIONS[before], walk


async def test_of_many_hints_with_one_tick_one_claims(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """Invariant 2: twenty at once, one step runs."""
    seen: list[tuple[UUID, str, int]] = []
    steps = platform.worker.advancer._steps
    platform.worker.advancer._steps = {s: Recorder(step, seen) for s, step in steps.items()}
    project = (await client.post("projects", json={"slug": "shop"})).json()
    await platform.start(client, project["id"], site())
    (hint,) = await take_hints(platform)

    await asyncio.gather(*(platform.worker.advancer.advance(hint) for _ in range(20)))

    assert [state for _, state, _ in seen] == ["queued", "fetching", "building", "publishing"]


async def test_a_claim_that_lost_its_lease_changes_nothing(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """Another claim came while a step was at work: the first one's answer is thrown away."""
    project = (await client.post("projects", json={"slug": "shop"})).json()
    created = await platform.start(client, project["id"], site())
    entered, go_on = asyncio.Event(), asyncio.Event()
    build = platform.worker.advancer._steps["building"]

    async def slow(claim: Claim) -> Outcome:
        entered.set()
        await go_on.wait()
        return await build(claim)

    platform.worker.advancer._steps = {**platform.worker.advancer._steps, "building": slow}
    (hint,) = await take_hints(platform)
    first = asyncio.create_task(platform.worker.advancer.advance(hint))
    await asyncio.wait_for(entered.wait(), 20)
    await platform.execute("UPDATE deployments SET tick = tick + 1")
    go_on.set()
    await first

    assert await states_of(platform) == {"building"}
    rows = await platform.execute(
        "SELECT count(*) FROM deployment_events WHERE deployment_id = %s", created["id"]
    )
    assert rows == [(3,)]


async def test_a_cancel_while_publishing_really_ends_the_work(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """The step stops at its next sign of life, and nothing goes live."""
    project = (await client.post("projects", json={"slug": "shop"})).json()
    created = await platform.start(client, project["id"], site())
    entered, go_on = asyncio.Event(), asyncio.Event()
    publish = platform.worker.advancer._steps["publishing"]

    async def slow(claim: Claim) -> Outcome:
        entered.set()
        await go_on.wait()
        return await publish(claim)

    platform.worker.advancer._steps = {**platform.worker.advancer._steps, "publishing": slow}
    (hint,) = await take_hints(platform)
    work = asyncio.create_task(platform.worker.advancer.advance(hint))
    await asyncio.wait_for(entered.wait(), 20)
    await client.post(f"deployments/{created['id']}/cancel")
    go_on.set()
    await work
    await platform.work()

    seen = (await client.get(f"deployments/{created['id']}")).json()
    assert (seen["state"], seen["live"]) == ("canceled", False)


async def test_a_deployment_past_its_deadline_fails(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """Whatever state it is in, it ends with a reason."""
    project = (await client.post("projects", json={"slug": "shop"})).json()
    created = await platform.start(client, project["id"], site())
    await platform.execute("UPDATE deployments SET deadline_at = now() - interval '1 second'")
    await platform.work()

    seen = (await client.get(f"deployments/{created['id']}")).json()
    assert (seen["state"], seen["failure"]["code"]) == ("failed", "deadline_exceeded")


async def test_a_fault_that_stays_ends_after_bounded_attempts(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """A step that always breaks fails the deployment, and tells nothing of its inside."""
    project = (await client.post("projects", json={"slug": "shop"})).json()
    created = await platform.start(client, project["id"], site())

    async def broken(_: Claim) -> Outcome:
        raise RuntimeError("secret detail")

    platform.worker.advancer._steps = {**platform.worker.advancer._steps, "building": broken}
    for _ in range(12):
        await platform.work()
        await pass_time(platform)
        await platform.worker.upkeep.sweep()

    seen = (await client.get(f"deployments/{created['id']}")).json()
    assert (seen["state"], seen["failure"]["code"]) == ("failed", "internal_error")
    assert "secret detail" not in str(seen)


@pytest.mark.parametrize("empty_redis", [False, True])
async def test_active_deployments_never_exceed_a_bound(
    platform: Platform, client: httpx.AsyncClient, empty_redis: bool
) -> None:
    """Invariant 3: an account's bound holds while many are admitted, Redis emptied or not."""
    most = 0
    publish = platform.worker.advancer._steps["publishing"]

    async def watched(claim: Claim) -> Outcome:
        nonlocal most
        rows = await platform.execute(
            "SELECT count(*) FROM deployments WHERE state IN"
            " ('fetching', 'building', 'publishing') AND finished_at IS NULL"
        )
        most = max(most, rows[0][0])
        return await publish(claim)

    platform.worker.advancer._steps = {**platform.worker.advancer._steps, "publishing": watched}
    for n in range(6):
        project = (await client.post("projects", json={"slug": f"site-{n}"})).json()
        await platform.start(client, project["id"], site({"index.html": str(n)}))
    for _ in range(4):
        if empty_redis:
            await platform.worker.redis.run("redis.call('FLUSHDB') return 0", [], [])
        await platform.work()
        await pass_time(platform)
        await platform.worker.upkeep.sweep()
    await platform.work()

    assert await states_of(platform) == {"ready"}
    assert 1 <= most <= 2


async def test_with_redis_away_deployments_still_go_live(
    platform: Platform, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is a matter of fairness: without it the longest waiting goes first."""
    from shared.errors import Unavailable

    async def away(*_: object) -> None:
        raise Unavailable("Redis does not answer")

    monkeypatch.setattr(platform.worker.redis, "run", away)
    project = (await client.post("projects", json={"slug": "shop"})).json()

    deployment = await platform.deploy(client, project["id"], site())

    assert deployment["state"] == "ready"


@pytest.mark.parametrize("seed", SEEDS)
async def test_automatic_promotion_lowers_nothing_and_breaks_no_pin(
    platform: Platform, client: httpx.AsyncClient, seed: int
) -> None:
    """Invariant 5: in any order of finishes and members' choices, the highest live number only
    grows, an automatic finish never moves a pinned pointer, and never goes below that number."""
    chance = random.Random(seed)
    project = (await client.post("projects", json={"slug": "shop"})).json()
    releases = {}
    for n in range(1, 7):
        await platform.execute("UPDATE environments SET pinned_at = now()")
        deployment = await platform.deploy(client, project["id"], site({"index.html": str(n)}))
        releases[n] = UUID(deployment["release_id"])
    await platform.execute("UPDATE environments SET pinned_at = NULL, live_release_id = NULL")

    highest = 0
    for _ in range(30):
        async with platform.worker.database.transaction() as connection:
            before = await pointer_store.lock_environment(
                connection, UUID(project["id"]), "production"
            )
            assert before is not None
            n = chance.choice(list(releases))
            move = chance.choice(["finish", "finish", "finish", "promote", "rollback", "unpin"])
            if move == "finish":
                moved = await pointer_store.go_live(connection, before["id"], releases[n], n)
                assert moved == (before["pinned_at"] is None and n > before["live_sequence"])
            elif move == "unpin":
                await pointer_store.unpin(connection, before["id"])
            else:
                pin = move == "rollback"
                await pointer_store.point_at(connection, before["id"], releases[n], n, pin=pin)
            after = await pointer_store.lock_environment(
                connection, UUID(project["id"]), "production"
            )
        assert after is not None
        assert after["live_sequence"] >= highest
        highest = after["live_sequence"]
        if move == "finish" and before["pinned_at"] is not None:
            assert after["live_release_id"] == before["live_release_id"]
