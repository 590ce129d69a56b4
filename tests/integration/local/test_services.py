"""The embedded services answer real clients, refuse wrong keys and come back when killed."""

import asyncio
import os
import signal
import time
import uuid

import psycopg
import pytest
import redis.asyncio as redis
from azure.core.exceptions import HttpResponseError
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient
from confluent_kafka import Consumer, Producer

from infrastructure.local.nodes import State
from tests.services.embedded import Embedded
from tests.services.handles import Azurite, Database, Kafka, Postgres, Valkey


async def _until_restarted(embedded: Embedded, name: str, before: int) -> None:
    async with asyncio.timeout(60):
        while True:
            unit = embedded.unit(name)
            if unit.state is State.READY and unit.pid != before:
                return
            await asyncio.sleep(0.05)


async def test_a_wrong_password_is_refused_by_postgres(postgres: Postgres) -> None:
    wrong = f"postgresql://postgres:wrong@127.0.0.1:{postgres.port}/postgres"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await psycopg.AsyncConnection.connect(wrong)


async def test_postgres_keeps_what_was_committed_when_it_is_killed(
    embedded: Embedded, postgres: Postgres
) -> None:
    table = f"kept_{uuid.uuid4().hex}"
    async with await psycopg.AsyncConnection.connect(postgres.admin_dsn) as connection:
        await connection.execute(f"CREATE TABLE {table} AS SELECT 7 AS seven")
    before = embedded.unit("postgres").pid or 0
    os.kill(before, signal.SIGKILL)
    await _until_restarted(embedded, "postgres", before)
    async with await psycopg.AsyncConnection.connect(postgres.admin_dsn) as connection:
        found = await connection.execute(f"SELECT seven FROM {table}")
        assert await found.fetchone() == (7,)


async def test_valkey_keeps_its_keys_when_it_is_killed(embedded: Embedded, valkey: Valkey) -> None:
    key = f"kept:{uuid.uuid4()}"
    async with redis.from_url(valkey.url) as client:
        await client.set(key, "7")
        await client.waitaof(1, 0, 5000)
    before = embedded.unit("valkey").pid or 0
    os.kill(before, signal.SIGKILL)
    await _until_restarted(embedded, "valkey", before)
    async with redis.from_url(valkey.url) as client:
        assert await client.get(key) == b"7"


async def test_valkey_refuses_a_client_without_password(valkey: Valkey) -> None:
    async with redis.from_url(f"redis://127.0.0.1:{valkey.port}/0") as client:
        with pytest.raises(redis.AuthenticationError):
            await client.ping()


def _round_trip(brokers: str, key: str) -> bytes | None:
    producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True})
    producer.produce("logs", key=key, value=b"hello")
    assert producer.flush(20) == 0
    # The embedded broker completes a group's first join after half the session time-out.
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": key,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000,
        }
    )
    consumer.subscribe(["logs"])
    try:
        until = time.monotonic() + 60  # other tests' records stand in the topic, too
        while time.monotonic() < until:
            message = consumer.poll(1)
            if message is not None and not message.error() and message.key() == key.encode():
                return message.value()
    finally:
        consumer.close()
    return None


async def test_kafka_has_its_topics_again_after_a_kill(embedded: Embedded, kafka: Kafka) -> None:
    if os.environ.get("KAFKA_BROKERS"):
        pytest.skip("KAFKA_BROKERS names a broker that is not ours to kill")
    assert await asyncio.to_thread(_round_trip, kafka.brokers, str(uuid.uuid4())) == b"hello"
    before = embedded.unit("kafka").pid or 0
    os.kill(before, signal.SIGKILL)
    await _until_restarted(embedded, "kafka", before)
    assert await asyncio.to_thread(_round_trip, kafka.brokers, str(uuid.uuid4())) == b"hello"


async def test_azurite_keeps_blobs_and_messages_when_it_is_killed(
    embedded: Embedded, azurite: Azurite
) -> None:
    name = f"kept-{uuid.uuid4()}"
    text = azurite.connection_string
    async with BlobServiceClient.from_connection_string(text) as blobs:
        await blobs.create_container(name)
        await blobs.get_blob_client(name, "a").upload_blob(b"bytes")
    async with QueueServiceClient.from_connection_string(text) as queues:
        queue = await queues.create_queue(name)
        await queue.send_message("hint")
    # Its catalogue is written every few seconds, or when it is asked to end.
    before = embedded.unit("azurite").pid or 0
    os.kill(before, signal.SIGTERM)
    await _until_restarted(embedded, "azurite", before)
    async with BlobServiceClient.from_connection_string(text) as blobs:
        stream = await blobs.get_blob_client(name, "a").download_blob()
        assert await stream.readall() == b"bytes"
    async with QueueServiceClient.from_connection_string(text) as queues:
        found = await queues.get_queue_client(name).peek_messages()
        assert [message.content for message in found] == ["hint"]


async def test_azurite_refuses_another_key(azurite: Azurite) -> None:
    wrong = azurite.connection_string.replace(azurite.key, "d3Jvbmc=")
    async with BlobServiceClient.from_connection_string(wrong) as blobs:
        with pytest.raises(HttpResponseError, match=r"AuthorizationFailure|AuthenticationFailed"):
            await blobs.create_container("never")


async def test_a_test_database_has_the_schema_and_each_role_its_way_in(database: Database) -> None:
    for role in (database.owner, database.api, database.admin, database.worker):
        async with await psycopg.AsyncConnection.connect(role) as connection:
            found = await connection.execute("SELECT current_database()")
            assert await found.fetchone() == (database.name,)
    async with await psycopg.AsyncConnection.connect(database.owner) as connection:
        found = await connection.execute("SELECT count(*) > 0 FROM migrations")
        assert await found.fetchone() == (True,)
