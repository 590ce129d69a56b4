"""Invariants 1, 2, 8 and 11 on the running platform: kill -9 of every service in every state.

A deployment is held at the very moment of each of its moves (a trigger waits for a lock that the
test has), the service is killed there, and the deployment must still end ready, once, served, with
its log whole.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import psycopg
import pytest

from shared.clients.blobs import Blobs
from tests.services import api
from tests.services.stack import Stack

MOVES = ("fetching", "building", "publishing", "ready")
SERVICES = ("worker", "api", "admin", "gateway", "valkey", "azurite", "webpubsub", "kafka")
SECONDS = 90

HOLD = """
CREATE OR REPLACE FUNCTION hold_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state THEN
        PERFORM pg_advisory_xact_lock_shared(hashtext('every move'), 0);
        PERFORM pg_advisory_xact_lock_shared(hashtext(NEW.id::text), hashtext(NEW.state));
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER hold_move BEFORE UPDATE ON deployments
    FOR EACH ROW EXECUTE FUNCTION hold_move();
"""


class Holds:
    """Locks that stop a deployment at its moves."""

    def __init__(self, dsn: str, deployment_id: str) -> None:
        self._dsn = dsn
        self._deployment_id = deployment_id
        self._connections: dict[str, psycopg.AsyncConnection[Any]] = {}

    async def take(self, state: str) -> None:
        """From now on the move to a state waits."""
        connection = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True)
        await connection.execute(
            "SELECT pg_advisory_lock(hashtext(%s), hashtext(%s))", [self._deployment_id, state]
        )
        self._connections[state] = connection

    async def until_reached(self, state: str) -> None:
        """Wait until somebody waits for the move."""
        query = (
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND classid = (hashtext(%s)::bigint & 4294967295)::oid"
            " AND objid = (hashtext(%s)::bigint & 4294967295)::oid)"
        )
        async with asyncio.timeout(SECONDS):
            while True:
                with suppress(psycopg.OperationalError):
                    if await ask(self._dsn, query, self._deployment_id, state) == [(True,)]:
                        return
                await asyncio.sleep(0.02)

    async def release(self, state: str) -> None:
        """Let the move go on; the lock may have died with the server."""
        connection = self._connections.pop(state, None)
        if connection is not None:
            await connection.close()


async def ask(dsn: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows of the platform's database."""
    connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    async with connection:
        found = await connection.execute(query.encode(), list(values))
        return await found.fetchall() if found.description else []


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A signed-in client of the API, through the gateway."""
    async with api.signed_in(stack) as made:
        yield made


async def start(client: httpx.AsyncClient, stack: Stack, slug: str, text: str) -> dict[str, Any]:
    """A new project's first deployment."""
    project = (await client.post("projects", json={"slug": slug})).json()
    wanted = await api.upload(client, stack, project["id"], api.zip_of({"index.html": text}))
    answer = await client.post(f"projects/{project['id']}/deployments", json=wanted)
    created: dict[str, Any] = answer.json()
    return created


async def ended(stack: Stack, deployment_id: str) -> str:
    """The state in which a deployment ends."""
    async with asyncio.timeout(SECONDS):
        while True:
            with suppress(psycopg.OperationalError):
                rows = await ask(
                    stack.owner_dsn,
                    "SELECT state FROM deployments WHERE id = %s AND finished_at IS NOT NULL",
                    deployment_id,
                )
                if rows:
                    return str(rows[0][0])
            await asyncio.sleep(0.1)


async def lapse(stack: Stack, deployment_id: str) -> None:
    """The lease of a dead worker has run out."""
    await ask(stack.owner_dsn, "UPDATE deployments SET due_at = now() WHERE id = %s", deployment_id)


async def until_saved(stack: Stack) -> None:
    """Azurite has all on disk that it acknowledged; real storage acknowledges nothing before."""
    folder = stack.embedded.paths.state / "azurite"
    tables = [folder / "__azurite_db_blob__.json", folder / "__azurite_db_blob_extent__.json"]
    begun = time.time()
    blobs = Blobs(stack.installation.storage)
    try:
        # One more change makes both tables be written after all that came before it.
        await blobs.upload("staging", f"marker-{begun}", b"x")
    finally:
        await blobs.close()
    async with asyncio.timeout(SECONDS):
        while any(table.stat().st_mtime <= begun for table in tables):
            await asyncio.sleep(0.05)


async def assert_whole(
    client: httpx.AsyncClient, stack: Stack, deployment: dict[str, Any], text: str
) -> None:
    """Ready once, served as it is, and its log complete and without gaps."""
    identity = deployment["id"]
    assert await ended(stack, identity) == "ready"
    releases = "SELECT count(*) FROM releases WHERE deployment_id = %s"
    assert await ask(stack.owner_dsn, releases, identity) == [(1,)]
    await until_served(stack, deployment["project_slug"], text)
    async with asyncio.timeout(SECONDS):
        while True:
            with suppress(httpx.TransportError, json.JSONDecodeError):
                log = (await client.get(f"deployments/{identity}/logs")).json()
                if log.get("ended"):
                    break
            await asyncio.sleep(0.2)
    numbers = [line["n"] for line in log["lines"]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert any("1 of 1 files uploaded" in line["text"] for line in log["lines"])


async def until_served(stack: Stack, slug: str, text: str) -> None:
    """The gateway answers the site's host with its page."""
    async with asyncio.timeout(SECONDS):
        while True:
            with suppress(httpx.TransportError):
                answer = await api.visit(stack, slug)
                if answer.status_code == 200 and answer.text == text:
                    return
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_killed_at_every_move_harms_no_deployment(
    stack: Stack, client: httpx.AsyncClient, service: str
) -> None:
    """The same deployment is held at each of its moves, and the service killed there."""
    await ask(stack.owner_dsn, HOLD)
    await stack_is_well(stack)
    text = f"<h1>{service} was killed</h1>"
    deployment = await start_held(client, stack, f"kill-{service}", text)
    holds = deployment["holds"]
    for state in MOVES:
        await holds.until_reached(state)
        if service == "azurite":
            await until_saved(stack)
        killed = stack.service(service).kill()
        await holds.release(state)
        if service == "worker":
            await lapse(stack, deployment["id"])
        await stack.service(service).until_back(killed)

    await assert_whole(client, stack, deployment, text)


@pytest.mark.parametrize("state", MOVES)
async def test_postgres_killed_at_a_move_harms_no_deployment(
    stack: Stack, client: httpx.AsyncClient, state: str
) -> None:
    """What was not committed is done again, what was is kept."""
    await ask(stack.owner_dsn, HOLD)
    await stack_is_well(stack)
    text = f"<h1>Postgres was killed before {state}</h1>"
    slug = f"kill-postgres-{state}".replace("_", "-")
    deployment = await start_held(client, stack, slug, text, moves=(state,))
    await deployment["holds"].until_reached(state)
    killed = stack.service("postgres").kill()
    await stack.service("postgres").until_back(killed)
    with suppress(psycopg.OperationalError):
        await deployment["holds"].release(state)
    await lapse(stack, deployment["id"])

    await assert_whole(client, stack, deployment, text)


async def start_held(
    client: httpx.AsyncClient,
    stack: Stack,
    slug: str,
    text: str,
    moves: tuple[str, ...] = MOVES,
) -> dict[str, Any]:
    """A deployment whose moves are held, with its holds."""
    async with holding_all_moves(stack):
        deployment = await start(client, stack, slug, text)
        holds = Holds(stack.owner_dsn, deployment["id"])
        for state in moves:
            await holds.take(state)
    return {**deployment, "holds": holds}


@asynccontextmanager
async def holding_all_moves(stack: Stack) -> AsyncIterator[None]:
    """No deployment moves, so that the holds of a new one are taken in time."""
    connection = await psycopg.AsyncConnection.connect(stack.owner_dsn, autocommit=True)
    async with connection:
        await connection.execute("SELECT pg_advisory_lock(hashtext('every move'), 0)")
        yield


async def stack_is_well(stack: Stack) -> None:
    """Every service runs; what a test before this one killed is back."""
    async with asyncio.timeout(SECONDS):
        for name in (*SERVICES, "postgres"):
            while not stack.service(name).is_ready:
                await asyncio.sleep(0.05)
