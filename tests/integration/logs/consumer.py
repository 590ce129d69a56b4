"""A process that consumes ``logs`` by the trigger's rules, and can be killed where it hurts.

``python -m tests.integration.logs.consumer BROKERS GROUP DATABASE_URL [KILL_AT BATCH]``; KILL_AT
is ``before`` or ``after`` the store of the BATCH-th batch: there the process kills itself.
"""

import asyncio
import os
import signal
import sys
import time

from confluent_kafka import Consumer

from shared.clients.kafka import Producer
from shared.database import Database
from shared.logs.service import Incoming, LogService
from shared.logs.store import LogStore
from tests.fakes.push import RecordingPush

BATCH_RECORDS, BATCH_SECONDS = 8, 0.1
# The embedded broker lets a member join after half of it; Apache Kafka takes none below six.
SESSION_MS = 6_000 if os.environ.get("KAFKA_BROKERS") else 2_000


def next_batch(consumer: Consumer) -> list[Incoming]:
    """Records until the batch is full or its time is over; at least one."""
    batch: list[Incoming] = []
    ends = time.monotonic() + BATCH_SECONDS
    while not batch or (len(batch) < BATCH_RECORDS and time.monotonic() < ends):
        message = consumer.poll(0.05)
        if message is not None and not message.error():
            value = message.value() or b""
            batch.append(Incoming(value, message.partition(), message.offset()))
    return batch


async def consume(
    brokers: str, group: str, database_url: str, kill_at: str, kill_batch: int
) -> None:
    """Consume for ever, or until the place to be killed at."""
    options = {"bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False}
    options |= {"auto.offset.reset": "earliest", "session.timeout.ms": SESSION_MS}
    options |= {"heartbeat.interval.ms": SESSION_MS // 5}
    consumer = Consumer(options)
    consumer.subscribe(["logs"])
    service = LogService(LogStore(Database(database_url)), Producer(brokers), RecordingPush())
    number = 0
    while True:
        batch = await asyncio.to_thread(next_batch, consumer)
        number += 1
        if (kill_at, kill_batch) == ("before", number):
            os.kill(os.getpid(), signal.SIGKILL)
        await service.ingest(batch)
        if (kill_at, kill_batch) == ("after", number):
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.to_thread(consumer.commit, asynchronous=False)


if __name__ == "__main__":
    brokers, group, database_url, *kill = sys.argv[1:]
    kill_at, kill_batch = (kill[0], int(kill[1])) if kill else ("never", 0)
    asyncio.run(consume(brokers, group, database_url, kill_at, kill_batch))
