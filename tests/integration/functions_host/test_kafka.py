"""Kafka triggers against a real broker: batches, order, tries, offsets, rebalance, outages."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from infrastructure.local import binaries, ports
from tests.integration.functions_host.hosting import App, running, until
from tests.services.handles import Kafka

OPTIONS = {"maxBatchSize": 64, "SubscriberIntervalInSeconds": 1}
# Apache Kafka allows no less than six seconds.
SESSION = ("--kafka-session", "6" if os.environ.get("KAFKA_BROKERS") else "2")
RETRY = {"commitOnFailure": False, "maxRetries": -1}


class Topic:
    """A topic with four partitions and a group of the test's own."""

    def __init__(self, brokers: str, folder: Path) -> None:
        self.name = f"test-{uuid4().hex}"
        self.brokers = brokers
        self._folder = folder

    async def create(self) -> None:
        """Make it; returns when the broker has it."""
        admin = AdminClient({"bootstrap.servers": self.brokers})
        made = admin.create_topics([NewTopic(self.name, 4, 1)])
        await asyncio.to_thread(made[self.name].result, 20)

    def app(self, name: str = "app", cardinality: str = "MANY", **options: object) -> App:
        """The Kafka app; options are those of ``extensions.kafka``."""
        settings = {
            "TOPIC": self.name,
            "BROKERS": self.brokers,
            "GROUP": f"{self.name}-group",
            "CARDINALITY": cardinality,
        }
        host = {"extensions": {"kafka": {**OPTIONS, **options}}}
        return App(self._folder / name, "kafka", settings, host)

    async def send(self, bodies: Iterable[Mapping[str, Any]], partition: int | None = None) -> None:
        """Produce records and wait until they are acknowledged."""
        producer = Producer({"bootstrap.servers": self.brokers, "linger.ms": 0})
        for number, body in enumerate(bodies):
            producer.produce(
                self.name,
                json.dumps(body),
                key=f"key-{number}",
                partition=number % 4 if partition is None else partition,
                headers=[("kind", b"test")],
            )
        assert await asyncio.to_thread(producer.flush, 20) == 0


@pytest.fixture
async def topic(kafka: Kafka, tmp_path: Path) -> Topic:
    """A fresh topic."""
    made = Topic(kafka.brokers, tmp_path)
    await made.create()
    return made


def numbers(app: App, key: str = "batch") -> list[int]:
    """The numbers of all records that were seen, in order."""
    return [item["body"]["n"] for batch in app.calls(key) for item in batch]


def has(app: App, count: int, key: str = "batch") -> Callable[[], bool]:
    """A condition: so many different records were seen."""
    return lambda: len(set(numbers(app, key))) >= count


async def test_batches_hold_what_came_within_the_interval_in_order(topic: Topic) -> None:
    """All records come once, each partition in order, none above maxBatchSize."""
    app = topic.app(maxBatchSize=10)
    await topic.send({"n": n} for n in range(100))
    with running(app, *SESSION) as host:
        await host.ready()
        await until(has(app, 100), host)
    batches = app.calls("batch")
    seen = [item for batch in batches for item in batch]
    assert max(len(batch) for batch in batches) == 10
    assert len(seen) == 100
    for partition in range(4):
        offsets = [item["offset"] for item in seen if item["partition"] == partition]
        assert offsets == list(range(25))


async def test_an_event_carries_key_time_headers_and_place(topic: Topic) -> None:
    """Key as text, time as .NET writes it, header values in base64."""
    app = topic.app()
    await topic.send([{"n": 1}], partition=2)
    with running(app, *SESSION) as host:
        await until(has(app, 1), host)
    [[item]] = app.calls("batch")
    assert (item["key"], item["partition"], item["offset"]) == ("key-0", 2, 0)
    assert item["topic"] == topic.name
    assert item["timestamp"].endswith("Z")
    assert item["headers"] == [{"Key": "kind", "Value": "dGVzdA=="}]


async def test_cardinality_one_runs_each_record_in_partition_order(topic: Topic) -> None:
    """One call a record; a partition's records in turn."""
    app = topic.app(cardinality="ONE")
    await topic.send({"n": n} for n in range(20))
    with running(app, *SESSION) as host:
        await until(has(app, 20), host)
    assert [len(batch) for batch in app.calls("batch")] == [1] * 20
    for partition in range(4):
        offsets = [b[0]["offset"] for b in app.calls("batch") if b[0]["partition"] == partition]
        assert offsets == sorted(offsets)


async def test_a_failed_batch_is_tried_again_until_it_succeeds(topic: Topic) -> None:
    """commitOnFailure false, maxRetries -1: nothing later overtakes it, nothing is lost."""
    app = topic.app(**RETRY)
    await topic.send([{"n": 0, "fail": 3}, {"n": 1}], partition=0)
    with running(app, *SESSION) as host:
        await until(has(app, 2), host)
    assert numbers(app) == [0, 1]
    assert len(app.calls("failed")) == 3


async def test_a_batch_that_fails_too_often_is_given_up(topic: Topic) -> None:
    """maxRetries 1: one try and one more, then the offset moves on."""
    app = topic.app(commitOnFailure=False, maxRetries=1)
    await topic.send([{"n": 0, "fail": 99}], partition=0)
    with running(app, *SESSION) as host:
        await until(lambda: "given up after 2 tries" in host.text(), host)
        await topic.send([{"n": 1}], partition=0)
        await until(has(app, 1), host)
    assert numbers(app) == [1]
    assert len(app.calls("failed")) == 2


async def test_with_commit_on_failure_a_failed_batch_is_lost(topic: Topic) -> None:
    """Azure's default: one try only."""
    app = topic.app()
    await topic.send([{"n": 0, "fail": 99}], partition=0)
    with running(app, *SESSION) as host:
        await until(lambda: app.calls("failed"), host)
        await topic.send([{"n": 1}], partition=0)
        await until(has(app, 1), host)
    assert numbers(app) == [1]
    assert len(app.calls("failed")) == 1


async def test_a_drained_host_commits_and_the_next_goes_on_behind_it(topic: Topic) -> None:
    """SIGTERM during a batch: it ends, is committed, and is not read again."""
    app = topic.app(**RETRY)
    await topic.send([{"n": 0, "hold": True}], partition=0)
    with running(app, *SESSION) as first:
        await until(lambda: app.calls("held"), first)
        first.signal(signal.SIGTERM)
        await until(lambda: "draining" in first.text(), first)
        app.release()
        assert await first.ended() == 0
    await topic.send([{"n": 1}], partition=0)
    with running(app, *SESSION) as second:
        await until(has(app, 2), second)
    assert numbers(app) == [0, 1]


async def test_a_killed_host_s_batch_is_read_again(topic: Topic) -> None:
    """kill -9 during a batch: its offset was not moved."""
    app = topic.app(**RETRY)
    await topic.send([{"n": 0, "hold": True}], partition=0)
    with running(app, *SESSION) as first:
        await until(lambda: app.calls("held"), first)
        first.kill()
    app.release()
    with running(app, *SESSION) as second:
        await until(has(app, 1), second)
    assert len(app.calls("held")) == 2


async def test_partitions_move_to_a_second_host_without_loss(topic: Topic) -> None:
    """A rebalance in the middle of the stream: every record is seen, order kept a host."""
    apps = [topic.app("one", **RETRY), topic.app("two", **RETRY)]
    with running(apps[0], *SESSION) as first:
        await first.ready()
        await topic.send({"n": n} for n in range(40))
        await until(has(apps[0], 1), first)
        with running(apps[1], *SESSION) as second:
            await second.ready()
            await topic.send({"n": n} for n in range(40, 80))
            await until(lambda: set(numbers(apps[0]) + numbers(apps[1])) == set(range(80)))
            # Both take part: four partitions for two hosts.
            await until(lambda: numbers(apps[1]), second)
    for app in apps:
        seen = [item for batch in app.calls("batch") for item in batch]
        for partition in range(4):
            offsets = [item["offset"] for item in seen if item["partition"] == partition]
            assert len(offsets) == len(set(offsets))
            assert offsets == sorted(offsets)


async def test_a_broker_may_come_later_and_be_lost(tmp_path: Path) -> None:
    """Absent at the start, then restarted: the host says so, waits, and goes on each time."""
    reservation = ports.reserve(tmp_path / "ports.json", {}, start=ports.TEST_BASE)
    port = reservation.ports["kafka"]
    topic = Topic(f"127.0.0.1:{port}", tmp_path)
    app = topic.app(**RETRY)
    try:
        with running(app, *SESSION) as host:
            await until(lambda: "no broker answers" in host.text(), host)
            async with _broker(port):
                await topic.create()
                await topic.send([{"n": 1}])
                await until(has(app, 1), host)
                await host.ready()
            await until(lambda: host.text().count("no broker answers") == 2, host)
            # The broker keeps nothing: its topic begins anew.
            async with _broker(port):
                await topic.create()
                await topic.send([{"n": 2}])
                await until(lambda: 2 in numbers(app), host)
    finally:
        reservation.release()


@asynccontextmanager
async def _broker(port: int) -> AsyncIterator[None]:
    address = f"tcp://127.0.0.1:{port}"
    broker = await asyncio.create_subprocess_exec(
        str(binaries.kafka()),
        *("--listener-url", address, "--advertised-listener-url", address),
        *("--storage-engine", "memory://tansu/"),
        env={"RUST_LOG": "warn"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(20):
            while ports.is_free(port):
                await asyncio.sleep(0.05)
        yield
    finally:
        broker.kill()
        await broker.wait()
