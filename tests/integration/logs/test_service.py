"""Lines from the writer through a real broker to the store and to readers."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition

from infrastructure.local.nodes import State
from infrastructure.local.services.kafka import PARTITIONS
from shared.clients.kafka import Producer
from shared.database import Database, Scope
from shared.errors import NotFound, Unavailable
from shared.logs.lines import encode
from shared.logs.service import Incoming, LogService
from shared.logs.store import LogStore
from tests.fakes.push import RecordingPush
from tests.integration.logs.places import Place, Places
from tests.services import handles
from tests.services.embedded import Embedded

CLOSED_PORT = "postgresql://nobody@127.0.0.1:1/nowhere"


async def texts(store: LogStore, place: Place) -> list[str]:
    """All lines of a log."""
    found: list[str] = []
    while True:
        page = await store.page(place.scope, place.deployment_id, len(found), 1_000)
        found += [line.text for line in page.lines]
        if not page.lines:
            return found


async def until_stored(store: LogStore, place: Place, count: int) -> list[str]:
    """Wait until so many lines are there."""
    async with asyncio.timeout(60):
        while True:
            found = await texts(store, place)
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


def received(brokers: str, place: Place, count: int) -> list[Incoming]:
    """The records of a deployment as they stand in the topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": str(uuid4()),
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.assign([TopicPartition("logs", number, 0) for number in range(PARTITIONS)])
    found: list[Incoming] = []
    for _ in range(600):
        if len(found) == count:
            break
        message = consumer.poll(0.1)
        if message is not None and message.key() == str(place.deployment_id).encode():
            value = message.value() or b""
            found.append(Incoming(value, message.partition(), message.offset()))
    consumer.close()
    return found


@asynccontextmanager
async def consumer(
    kafka: handles.Kafka, group: str, database: handles.Database, *kill: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A consuming process, killed at the end at the latest."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.logs.consumer"),
        *(kafka.brokers, group, database.worker, *kill),
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_lines_reach_the_store_and_the_group_of_readers(
    place: Place, service: LogService, kafka: handles.Kafka, push: RecordingPush, reader: LogStore
) -> None:
    writer = service.writer(place.account_id, place.deployment_id, "build")
    writer.write("one\ntwo", source="build")
    await writer.flush()
    writer.write("three", stream="stderr", source="build")
    await writer.end()
    batch = await asyncio.to_thread(received, kafka.brokers, place, 2)
    await service.ingest(batch)
    page = await reader.page(place.scope, place.deployment_id, 0, 10)
    assert [(line.n, line.stream, line.text) for line in page.lines] == [
        (1, "stdout", "one"),
        (2, "stdout", "two"),
        (3, "stderr", "three"),
    ]
    assert page.ended
    ((group, message),) = push.sent
    assert group == f"deployment-{place.deployment_id}"
    assert message == {
        "type": "lines",
        "deployment": str(place.deployment_id),
        "lines": [{key: getattr(line, key) for key in line.model_dump()} for line in page.lines],
        "end": True,
    }


async def test_a_batch_that_comes_again_makes_readers_look_but_repeats_no_line(
    place: Place, service: LogService, push: RecordingPush
) -> None:
    batch = [Incoming(encode(place.record(["one"], 1, end=True)))]
    await service.ingest(batch)
    await service.ingest(batch)
    assert [line["n"] for line in push.lines(place.deployment_id)] == [1]
    assert push.sent[-1][1]["lines"] == []
    assert push.sent[-1][1]["end"] is True


async def test_a_push_that_fails_does_not_fail_the_batch(
    place: Place,
    service: LogService,
    push: RecordingPush,
    reader: LogStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    push.failing = True
    await service.ingest([Incoming(encode(place.record(["one"], 1)))])
    assert await texts(reader, place) == ["one"]
    assert "not pushed" in caplog.text


async def test_records_that_cannot_be_stored_are_set_aside_and_the_others_go_on(
    place: Place, service: LogService, reader: LogStore, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = Place(uuid4(), uuid4(), uuid4())
    with caplog.at_level(logging.WARNING):
        await service.ingest(
            [
                Incoming(b'{"password": "hunter2"}', 3, 17),
                Incoming(encode(nobody.record(["hunter2"], 1)), 3, 18),
                Incoming(encode(place.record(["good"], 1)), 3, 19),
            ]
        )
    assert await texts(reader, place) == ["good"]
    assert "Record 17 of partition 3 of topic logs was set aside" in caplog.text
    assert str(nobody.deployment_id) in caplog.text
    assert "hunter2" not in caplog.text


async def test_an_unreachable_database_makes_the_trigger_repeat_the_batch(
    place: Place, store: LogStore, producer: Producer, push: RecordingPush, reader: LogStore
) -> None:
    away = Database(CLOSED_PORT)
    batch = [Incoming(encode(place.record(["one"], 1)))]
    with pytest.raises(Unavailable):
        await LogService(LogStore(away), producer, push, first_pause=0.01).ingest(batch)
    await away.close()
    assert push.sent == []
    await LogService(store, producer, push).ingest(batch)
    assert await texts(reader, place) == ["one"]


async def test_secrets_are_masked_on_both_ways_to_the_store(
    place: Place, store: LogStore, kafka: handles.Kafka, push: RecordingPush, reader: LogStore
) -> None:
    async def secrets(_deployment: object) -> list[str]:
        return ["hunter2hunter2"]

    refusing = Producer("127.0.0.1:1", delivery_seconds=0.5)
    service = LogService(store, refusing, push, secrets)
    writer = service.writer(place.account_id, place.deployment_id, "build")
    writer.write("direct hunter2hun\nter2 done")
    await writer.flush()
    await service.ingest([Incoming(encode(place.record(["kafka hunter2hunter2"], 1)))])
    await refusing.close()
    assert await texts(reader, place) == ["direct ***", "*** done", "kafka ***"]
    assert "hunter2" not in str(push.sent)


async def test_the_whole_log_as_text(
    place: Place, service: LogService, database: handles.Database
) -> None:
    await service.ingest([Incoming(encode(place.record([str(i) for i in range(7_000)], 1)))])
    read = Database(database.api)
    reading = LogService(LogStore(read), Producer("127.0.0.1:1"), RecordingPush())
    pieces = [piece async for piece in reading.text(place.scope, place.deployment_id)]
    lines = "".join(pieces).splitlines()
    assert len(lines) == 7_000
    assert lines[6_999] == "2026-11-24T07:20:00.000Z 6999"
    with pytest.raises(NotFound):
        await anext(reading.text(place.scope, uuid4()))
    await read.close()


@pytest.mark.parametrize("place_of_death", ["before", "after"])
async def test_a_consumer_killed_around_the_store_loses_and_repeats_nothing(
    place_of_death: str,
    place: Place,
    service: LogService,
    kafka: handles.Kafka,
    database: handles.Database,
    reader: LogStore,
) -> None:
    group, written = str(uuid4()), []
    writer = service.writer(place.account_id, place.deployment_id, "build")

    async def write() -> None:
        for number in range(400):
            written.append(f"line {number}")
            writer.write(written[-1])
            if number % 5 == 0:
                await writer.flush()
        await writer.end()

    writing = asyncio.create_task(write())
    for batch in ("1", "3"):
        async with consumer(kafka, group, database, place_of_death, batch) as process:
            async with asyncio.timeout(60):
                assert await process.wait() == -signal.SIGKILL
    await writing
    async with consumer(kafka, group, database):
        await until_stored(reader, place, len(written))
    assert await texts(reader, place) == written
    assert (await reader.page(place.scope, place.deployment_id, len(written), 1)).ended


async def until_ready(embedded: Embedded, name: str, before: int) -> None:
    """Wait until the supervisor has brought a killed service back."""
    async with asyncio.timeout(60):
        while True:
            unit = embedded.unit(name)
            if unit.state is State.READY and unit.pid != before:
                return
            await asyncio.sleep(0.05)


async def test_a_broker_that_is_killed_costs_no_line(
    places: Places,
    store: LogStore,
    kafka: handles.Kafka,
    embedded: Embedded,
    database: handles.Database,
    reader: LogStore,
) -> None:
    if os.environ.get("KAFKA_BROKERS"):
        pytest.skip("KAFKA_BROKERS names a broker that is not ours to kill")
    place = await places.make()
    producer = Producer(kafka.brokers, delivery_seconds=1, rest_seconds=0.2)
    service = LogService(store, producer, RecordingPush())
    writer = service.writer(place.account_id, place.deployment_id, "build")
    written: list[str] = []

    async def write(count: int) -> None:
        for _ in range(count):
            written.append(f"line {len(written)}")
            writer.write(written[-1])
            await asyncio.sleep(0)
        await writer.flush()

    await write(100)
    before = embedded.unit("kafka").pid or 0
    os.kill(before, signal.SIGKILL)
    while embedded.unit("kafka").state is not State.READY or embedded.unit("kafka").pid == before:
        await write(20)
    # The broker keeps nothing over a restart, nobody had consumed: all came by the direct way.
    assert await texts(reader, place) == written
    await until_ready(embedded, "kafka", before)
    async with consumer(kafka, str(uuid4()), database):
        await asyncio.to_thread(partial(asyncio.run, until_sent(kafka.brokers)))
        await write(100)
        await writer.end()
        await until_stored(reader, place, len(written))
    assert await texts(reader, place) == written
    await producer.close()


async def until_sent(brokers: str) -> None:
    """Wait until the topic is there again."""
    producer = Producer(brokers, rest_seconds=0)
    async with asyncio.timeout(60):
        while True:
            try:
                await producer.send("logs", "probe", b"{}")
            except Unavailable:
                continue
            break
    await producer.close()


async def test_the_end_of_a_deployment_closes_its_log(
    place: Place, store: LogStore, push: RecordingPush, reader: LogStore
) -> None:
    refusing = Producer("127.0.0.1:1", delivery_seconds=0.5)
    service = LogService(store, refusing, push)
    payload = {"account": str(place.account_id), "deployment": str(place.deployment_id)}
    for _ in range(2):
        await service.deliver_end(Scope(), payload)
    await refusing.close()
    assert (await reader.page(place.scope, place.deployment_id, 0, 10)).ended
    assert [message["end"] for _, message in push.sent] == [True, True]
