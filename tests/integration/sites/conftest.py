"""What tests of sites share: clients of the real services and a project to publish for."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest

from shared.clients.blobs import Blobs
from shared.database import Database
from tests.services.handles import Azurite
from tests.services.handles import Database as DatabaseHandle

CONTAINERS = ("objects", "manifests", "staging")


@dataclass(frozen=True, slots=True)
class Project:
    """A project and the account that owns it."""

    account_id: UUID
    id: UUID


@pytest.fixture
async def blobs(azurite: Azurite) -> AsyncIterator[Blobs]:
    """Blob storage with the platform's containers."""
    client = Blobs(azurite.connection_string)
    await client.ensure_containers(CONTAINERS)
    yield client
    await client.close()


@pytest.fixture
async def worker(database: DatabaseHandle) -> AsyncIterator[Database]:
    """The database as the worker reaches it."""
    pool = Database(database.worker)
    yield pool
    await pool.close()


async def make_project(dsn: str, slug: str) -> Project:
    """A project in an account of its own."""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        rows = await connection.execute(
            "WITH a AS (INSERT INTO accounts (slug, name) VALUES (%s, %s) RETURNING id)"
            " INSERT INTO projects (account_id, slug, name) SELECT id, %s, %s FROM a"
            " RETURNING account_id, id",
            [slug] * 4,
        )
        row = await rows.fetchone()
    assert row is not None
    return Project(row[0], row[1])


@pytest.fixture
async def project(database: DatabaseHandle) -> Project:
    """A project without anything in it."""
    return await make_project(database.owner, "shop")
