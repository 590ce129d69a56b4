"""A deployment to log for, and the service over the real database and broker."""

from collections.abc import AsyncIterator

import pytest

from shared.clients.kafka import Producer
from shared.database import Database
from shared.logs.service import LogService
from shared.logs.store import LogStore
from tests.fakes.push import RecordingPush
from tests.integration.logs.places import Place, Places
from tests.services import handles


@pytest.fixture
def places(database: handles.Database) -> Places:
    return Places(database.worker)


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
