"""Lines of servers reach Kafka in order and once, also where it was away or the daemon killed."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest
from confluent_kafka import Consumer

from shared.clusters.port import Workload
from shared.logs.lines import TOPIC, Record, decode
from tests.contract.clusters.places import App, Bench
from tests.contract.clusters.runner_place import RunnerPlace
from tests.integration.workloads.conftest import APP
from tests.services.handles import Kafka
from tests.services.runner import RunnerDaemon

COUNTING = """
import http.server, os, threading, time
server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])),
                                http.server.BaseHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
for number in range(400):
    print("line", number, flush=True)
    time.sleep(0.01)
print("all said", flush=True)
threading.Event().wait()
"""


@pytest.fixture
async def place(kafka: Kafka) -> AsyncIterator[RunnerPlace]:
    """A daemon that knows the brokers."""
    with tempfile.TemporaryDirectory(prefix="runner-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        daemon = RunnerDaemon(Path(folder), bare=True, kafka=kafka.brokers)
        await daemon.up()
        try:
            yield RunnerPlace(daemon, "runner-bare")
        finally:
            await asyncio.to_thread(daemon.down)


def records(kafka: Kafka, release: UUID, until: str, seconds: float = 60) -> list[Record]:
    """What the topic holds of a release, until a line is there."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.brokers,
            "group.id": f"test-{release}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([TOPIC])
    found: list[Record] = []
    deadline = time.monotonic() + seconds
    try:
        while not any(line.text == until for record in found for line in record.lines):
            assert time.monotonic() < deadline, [line.text for r in found for line in r.lines][-5:]
            message = consumer.poll(0.2)
            if message is None or message.error() or message.key() != str(release).encode():
                continue
            found.append(decode(message.value() or b""))
    finally:
        consumer.close()
    return found


def once(found: list[Record]) -> list[Record]:
    """Without repetitions, as the store knows them."""
    last: dict[str, int] = {}
    kept = []
    for record in found:
        if record.sequence > last.get(record.writer, 0):
            last[record.writer] = record.sequence
            kept.append(record)
    return kept


def runtime(found: list[Record]) -> list[str]:
    """The lines that the server wrote."""
    return [line.text for record in found for line in record.lines if line.source == "runtime"]


async def _up(bench: Bench) -> Workload:
    return await bench.up(app=App(files={"server.py": COUNTING}))


async def test_lines_come_in_order_with_their_replica(place: RunnerPlace, kafka: Kafka) -> None:
    bench = Bench(place)
    workload = await _up(bench)
    found = await asyncio.to_thread(records, kafka, workload.release, "all said")
    assert runtime(once(found)) == [*(f"line {n}" for n in range(400)), "all said"]
    assert {record.account for record in found} == {workload.account}
    assert {line.replica for record in found for line in record.lines} == {"web-0"}
    assert found[0].sequence == 1
    assert found[0].lines[0].source == "platform"
    await bench.close()


async def test_a_killed_daemon_loses_and_repeats_no_line(place: RunnerPlace, kafka: Kafka) -> None:
    bench = Bench(place)
    workload = await _up(bench)
    await asyncio.to_thread(records, kafka, workload.release, "line 50")
    place.daemon.kill()
    await place.daemon.up()
    found = await asyncio.to_thread(records, kafka, workload.release, "all said")
    assert runtime(once(found)) == [*(f"line {n}" for n in range(400)), "all said"]
    await bench.close()


async def test_lines_wait_for_a_broker_that_is_away(kafka: Kafka, place: RunnerPlace) -> None:
    """The daemon comes up again with the brokers that it can reach."""
    brokers, place.daemon.kafka = place.daemon.kafka, "127.0.0.1:1"
    place.daemon.kill()
    await place.daemon.up()
    bench = Bench(place)
    workload = await bench.up(app=App(files={"server.py": APP}))
    place.daemon.kill()
    place.daemon.kafka = brokers
    await place.daemon.up()
    found = await asyncio.to_thread(records, kafka, workload.release, "listening")
    assert runtime(once(found)) == ["listening"]
    with suppress(ConnectionError):
        await bench.close()
