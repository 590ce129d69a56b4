"""A deployment to log for, and the service over the real database and broker."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg
import pytest

from shared.clients.kafka import Producer
from shared.database import Database, Scope
from shared.logs.lines import Line, Record
from shared.logs.service import LogService
from shared.logs.store import LogStore
from tests.fakes.push import RecordingPush
from tests.services import handles


@dataclass(frozen=True, slots=True)
class Place:
    """A deployment with its account and a member who may read."""

    deployment_id: UUID
    account_id: UUID
    user_id: UUID

    @property
    def scope(self) -> Scope:
        """The member's view."""
        return Scope(user_id=self.user_id)

    def record(
        self, texts: Sequence[str], sequence: int, writer: str = "w", *, end: bool = False
    ) -> Record:
        """A record of its log."""
        return Record(
            stream=self.deployment_id,
            account=self.account_id,
            writer=writer,
            sequence=sequence,
            lines=tuple(
                Line(source="build", time="2026-11-24T07:20:00.000Z", stream="stdout", text=text)
                for text in texts
            ),
            end=end,
        )


class Places:
    """Makes accounts with a deployment each."""

    def __init__(self, database: handles.Database) -> None:
        self._database = database

    async def make(self) -> Place:
        """A new account, its member, project, environment and deployment."""
        name = uuid4().hex
        async with await psycopg.AsyncConnection.connect(self._database.worker) as connection:
            found = await connection.execute(
                """
                WITH account AS (
                  INSERT INTO accounts (slug, name) VALUES (%(n)s, %(n)s) RETURNING id),
                person AS (
                  INSERT INTO users (login, name) VALUES (%(n)s, %(n)s) RETURNING id),
                member AS (
                  INSERT INTO members (account_id, user_id, role)
                  SELECT account.id, person.id, 'viewer' FROM account, person),
                project AS (
                  INSERT INTO projects (account_id, slug, name)
                  SELECT id, %(n)s, %(n)s FROM account RETURNING id, account_id),
                place AS (
                  INSERT INTO environments (account_id, project_id, name)
                  SELECT account_id, id, 'production' FROM project
                  RETURNING id, project_id, account_id),
                deployment AS (
                  INSERT INTO deployments (account_id, project_id, environment_id, environment,
                                           number, lane, source, deadline_at)
                  SELECT account_id, project_id, id, 'production', 1, 'main', '{}', now() FROM place
                  RETURNING id, account_id)
                SELECT deployment.id, deployment.account_id, person.id
                FROM deployment, person
                """,
                {"n": name},
            )
            row = await found.fetchone()
        assert row is not None
        return Place(*row)


@pytest.fixture
def places(database: handles.Database) -> Places:
    return Places(database)


@pytest.fixture
async def place(places: Places) -> Place:
    return await places.make()


@pytest.fixture
async def store(database: handles.Database) -> AsyncIterator[LogStore]:
    """The store in the worker's role."""
    pool = Database(database.worker)
    yield LogStore(pool)
    await pool.close()


@pytest.fixture
async def reader(database: handles.Database) -> AsyncIterator[LogStore]:
    """The store in the API's role, beneath row-level security."""
    pool = Database(database.api)
    yield LogStore(pool)
    await pool.close()


@pytest.fixture
def push() -> RecordingPush:
    return RecordingPush()


@pytest.fixture
async def producer(kafka: handles.Kafka) -> AsyncIterator[Producer]:
    client = Producer(kafka.brokers)
    yield client
    await client.close()


@pytest.fixture
def service(store: LogStore, producer: Producer, push: RecordingPush) -> LogService:
    return LogService(store, producer, push)
