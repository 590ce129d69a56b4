"""The Kafka producer: acknowledged means kept, an outage is told soon and costs one wait."""

import asyncio
import os
import time
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition

from infrastructure.local.services.kafka import PARTITIONS
from shared.clients.kafka import MAX_RECORD_BYTES, Producer
from shared.errors import TooLarge, Unavailable
from tests.services import handles
from tests.services.embedded import Embedded
from tests.services.stack import RunningService


def values(brokers: str, key: str, count: int) -> list[bytes]:
    """The records of a key in the topic, in order."""
    consumer = Consumer(
        {"bootstrap.servers": brokers, "group.id": key, "auto.offset.reset": "earliest"}
    )
    consumer.assign([TopicPartition("events", number, 0) for number in range(PARTITIONS)])
    found: list[bytes] = []
    until = time.monotonic() + 60  # other tests' records stand in the topic, too
    while len(found) < count and time.monotonic() < until:
        message = consumer.poll(0.1)
        if message is not None and message.key() == key.encode():
            found.append(message.value() or b"")
    consumer.close()
    return found


async def test_records_of_a_key_arrive_in_order(producer: Producer, kafka: handles.Kafka) -> None:
    key = str(uuid4())
    await producer.ping()
    await asyncio.gather(*(producer.send("events", key, str(i).encode()) for i in range(500)))
    found = await asyncio.to_thread(values, kafka.brokers, key, 500)
    assert found == [str(i).encode() for i in range(500)]


async def test_a_record_of_nearly_a_megabyte_arrives(
    producer: Producer, kafka: handles.Kafka
) -> None:
    key = str(uuid4())
    value = b"x" * (MAX_RECORD_BYTES - 100)
    await producer.send("events", key, value)
    assert await asyncio.to_thread(values, kafka.brokers, key, 1) == [value]


async def test_a_record_that_is_too_large_is_refused_with_the_bound(producer: Producer) -> None:
    with pytest.raises(TooLarge, match="1,000,000 bytes"):
        await producer.send("events", "key", b"x" * (MAX_RECORD_BYTES + 1))


async def test_an_outage_is_told_and_later_records_are_refused_at_once() -> None:
    producer = Producer("127.0.0.1:1", delivery_seconds=0.5)
    with pytest.raises(Unavailable):
        await producer.send("events", "key", b"first")
    for _ in range(100):
        with pytest.raises(Unavailable):
            await producer.send("events", "key", b"later")
    assert producer._connection is None, "nothing was handed to a client"
    with pytest.raises(Unavailable):
        await producer.ping()
    await producer.close()


async def test_a_broker_that_forgot_its_producers_takes_records_of_the_same_one_again(
    kafka: handles.Kafka, embedded: Embedded
) -> None:
    if os.environ.get("KAFKA_BROKERS"):
        pytest.skip("KAFKA_BROKERS names a broker that is not ours to kill")
    producer = Producer(kafka.brokers, delivery_seconds=1, rest_seconds=0.2)
    key = str(uuid4())
    for _ in range(3):
        await producer.send("events", key, b"before")
    broker = RunningService("kafka", embedded)
    await broker.until_back(broker.kill())
    async with asyncio.timeout(60):
        while not await is_sent(producer, key):
            await asyncio.sleep(0.1)
    assert await asyncio.to_thread(values, kafka.brokers, key, 1) == [b"after"]
    await producer.close()


async def is_sent(producer: Producer, key: str) -> bool:
    """Whether a record is taken."""
    try:
        await producer.send("events", key, b"after")
    except Unavailable:
        return False
    return True


async def test_a_closed_producer_ends_its_thread_and_opens_again(kafka: handles.Kafka) -> None:
    producer = Producer(kafka.brokers)
    await producer.close()
    for _ in range(2):
        await producer.send("events", str(uuid4()), b"x")
        connection = producer._connection
        await producer.close()
        assert connection is not None
        assert not connection._thread.is_alive()
