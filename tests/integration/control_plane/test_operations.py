"""What operators see: an overview that counts everyone's, and only where everyone is operator."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from shared.errors import NotFound
from shared.health.service import HealthService
from shared.operations.service import OperationsService
from tests.integration.control_plane.archives import site
from tests.services.handles import Database
from tests.services.platform import Platform


def operations(platform: Platform, **changes: str) -> OperationsService:
    """The service as the admin app has it."""
    worker = platform.worker
    return OperationsService(worker.database, worker.queues, replace(worker.settings, **changes))


async def test_the_overview_shows_what_waits_and_what_is_live(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """A live site and a deployment that waits are both counted, and the latter is named."""
    project = (await client.post("projects", json={"slug": "shop"})).json()
    await platform.deploy(client, project["id"], site())
    await platform.start(client, project["id"], site({"index.html": "2"}))

    overview = await operations(platform).overview()

    assert (overview.live_sites, overview.waiting, overview.active) == (1, 1, 0)
    assert [running.name for running in overview.running] == ["shop #2"]


async def test_the_overview_exists_only_locally(platform: Platform) -> None:
    """Without operators' sign-in nobody elsewhere may see all tenants' names."""
    with pytest.raises(NotFound):
        await operations(platform, environment="production").overview()


async def test_the_admin_role_reads_and_cannot_write(
    platform: Platform, client: httpx.AsyncClient, database: Database
) -> None:
    """The admin app's database role sees every tenant's rows and changes none."""
    import psycopg

    await client.post("projects", json={"slug": "shop"})
    connection = await psycopg.AsyncConnection.connect(database.admin, autocommit=True)
    async with connection:
        found = await connection.execute("SELECT slug FROM projects")
        assert await found.fetchall() == [("shop",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("UPDATE projects SET name = 'mine'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("SELECT * FROM sessions")


async def test_health_names_what_does_not_answer(platform: Platform) -> None:
    """A dependency that is away is told with a reason; the others are still asked."""
    health: HealthService = platform.services.health

    found = {d.name: d for d in (await health.ready()).dependencies}

    assert found["postgres"].status == "ok"
    assert (found["web pubsub"].status, bool(found["web pubsub"].detail)) == ("failed", True)
    assert found["worker"].status == "failed"
    await platform.worker.health.beat()
    async with asyncio.timeout(10):
        while found["worker"].status != "ok":
            found = {d.name: d for d in (await health.ready()).dependencies}
            await asyncio.sleep(0.05)


async def test_many_who_ask_at_once_cost_one_look(platform: Platform) -> None:
    """The state of dependencies is public; asking for it must not be a way to load them."""
    asked = 0

    async def ping() -> None:
        nonlocal asked
        asked += 1

    health = HealthService(platform.services.redis, {"counted": ping})
    await asyncio.gather(*(health.ready() for _ in range(50)))

    assert asked == 1


async def test_liveness_asks_nothing(platform: Platform) -> None:
    """The process answers even when the database does not."""
    await platform.services.database.close()
    async with platform.client() as anyone:
        answer = await anyone.get("health/live")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
