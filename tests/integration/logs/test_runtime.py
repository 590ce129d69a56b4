"""Lines of servers on a real Postgres: exactly once in both shapes, masked, bounded, searched."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrastructure.local.services.kafka import PARTITIONS
from shared.builders.port import LogFrame, LogLine
from shared.clients.kafka import Producer
from shared.database import Database, Scope
from shared.errors import NotFound
from shared.logs.masking import MASK
from shared.logs.runtime import flood, search, search_store
from shared.logs.runtime.models import Search
from shared.logs.runtime.search import LogSearch
from shared.logs.runtime.service import RuntimeLogService
from shared.logs.runtime.store import RuntimeLogStore
from shared.logs.service import Incoming, LogService
from shared.logs.store import LogStore
from tests.fakes.push import RecordingPush
from tests.integration.logs.places import Place, Places
from tests.integration.logs.releases import Release, page, run, run_next, texts
from tests.services import handles

SECRET = "SECRETVALUE"


async def secrets_of(_deployment_id: UUID) -> Sequence[str]:
    return [SECRET]


@pytest.fixture
async def release(database: handles.Database, place: Place) -> Release:
    return await run(database.worker, place)


@pytest.fixture
async def pools(database: handles.Database) -> AsyncIterator[tuple[Database, Database]]:
    """The worker's and the API's."""
    both = Database(database.worker), Database(database.api)
    yield both
    for pool in both:
        await pool.close()


@pytest.fixture
def runtime(pools: tuple[Database, Database]) -> RuntimeLogService:
    """Writes in the worker's role, reads in the API's."""
    worker, api = pools
    return RuntimeLogService(RuntimeLogStore(worker), LogSearch(api), secrets_of)


@pytest.fixture
def ingesting(
    store: LogStore, producer: Producer, push: RecordingPush, runtime: RuntimeLogService
) -> LogService:
    return LogService(store, producer, push, runtime=runtime)


async def test_both_shapes_are_stored_numbered_and_told(
    release: Release, ingesting: LogService, runtime: RuntimeLogService, push: RecordingPush
) -> None:
    pino = '{"level":50,"msg":"failed","user":7}'
    await ingesting.ingest([release.record(["one", "two"], 1), release.shipped(pino, 0)])
    found = await page(runtime, release)
    assert [(i.n, i.replica, i.process, i.stream, i.level, i.text) for i in found.items] == [
        (1, "web-1", "", "stdout", None, "one"),
        (2, "web-1", "", "stdout", None, "two"),
        (3, "pod-1", "web", "stderr", "error", "failed"),
    ]
    assert found.items[2].fields == {"user": 7}
    assert (found.items[0].release_id, found.items[0].deployment_number) == (release.id, 1)
    ((group, message),) = push.sent
    assert group == f"runtime-{release.project_id}-production"
    assert message["lines"] == [item.model_dump(mode="json") for item in found.items]


async def test_lines_are_also_told_as_they_were_written(
    release: Release, ingesting: LogService, runtime: RuntimeLogService
) -> None:
    """As asked for, and in a download."""
    written = '{"level":50, "msg":"failed",  "user":7}'
    await ingesting.ingest([release.shipped(written, 0)])
    (line,) = (await page(runtime, release, as_written=True)).items
    assert (line.text, line.fields, line.level) == (written, None, "error")
    search = Search("production")
    told = [piece async for piece in runtime.text(release.scope, release.project_id, search)]
    assert told == [f"{line.time} pod-1 {written}\n"]


async def test_lines_of_builds_go_where_they_went_before(
    place: Place, release: Release, ingesting: LogService, reader: LogStore
) -> None:
    from shared.logs.lines import encode

    await ingesting.ingest([Incoming(encode(place.record(["built"], 1))), release.record(["x"], 1)])
    kept = await reader.page(place.scope, place.deployment_id, 0, 10)
    assert [line.text for line in kept.lines] == ["built"]


MESSAGES = st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), min_size=1, max_size=12)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(MESSAGES, st.data())
async def test_what_comes_again_changes_nothing(
    database: handles.Database,
    places: Places,
    ingesting: LogService,
    runtime: RuntimeLogService,
    messages: list[tuple[str, bool]],
    data: st.DataObject,
) -> None:
    """One partition with two releases, producers' clocks apart, and batches that are rewound."""
    first = await run(database.worker, await places.make())
    releases = {"a": first, "b": await run_next(database.worker, first)}
    partition = [
        releases[name].shipped(f"{offset}", offset, 1_000 + offset - (5 if late else 0))
        for offset, (name, late) in enumerate(messages)
    ]
    committed = 0
    while committed < len(partition):
        size = data.draw(st.integers(1, 4))
        await ingesting.ingest(partition[committed : committed + size])
        was_killed = data.draw(st.booleans())
        committed += 0 if was_killed else size
    await ingesting.ingest(partition)
    stored = await texts(runtime, first)
    assert sorted(stored, key=int) == [str(offset) for offset in range(len(messages))]


async def test_offsets_that_begin_again_are_those_of_a_new_topic(
    release: Release, ingesting: LogService, runtime: RuntimeLogService
) -> None:
    old = [release.shipped(f"old {i}", i, 1_000 + i) for i in range(5)]
    new = [release.shipped(f"new {i}", i, 9_000 + i) for i in range(3)]
    await ingesting.ingest(old)
    await ingesting.ingest(new)
    await ingesting.ingest(old[3:])
    await ingesting.ingest(new)
    expected = [f"old {i}" for i in range(5)] + [f"new {i}" for i in range(3)]
    assert await texts(runtime, release) == expected


async def test_a_secret_is_masked_over_lines_and_batches(
    release: Release, ingesting: LogService, runtime: RuntimeLogService
) -> None:
    await ingesting.ingest([release.shipped("a SECR", 0)])
    await ingesting.ingest([release.shipped("ETVALUE b", 1), release.record([SECRET], 1)])
    assert await texts(runtime, release) == [f"a {MASK}", f"{MASK} b", MASK]


async def test_what_is_not_ours_is_set_aside_and_blocks_nothing(
    release: Release,
    ingesting: LogService,
    runtime: RuntimeLogService,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stranger = replace(release, account_id=uuid4())
    unknown = replace(release, id=uuid4())
    odd = release.shipped("x", 2)._replace(value=b'{"version":"1","text":"private"}')
    await ingesting.ingest(
        [stranger.shipped("no", 0), unknown.shipped("no", 1), odd, release.shipped("yes", 3)]
    )
    assert await texts(runtime, release) == ["yes"]
    assert "private" not in caplog.text
    assert "set aside" in caplog.text


async def test_a_flood_is_cut_and_said(
    release: Release,
    ingesting: LogService,
    runtime: RuntimeLogService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flood, "BURST_LINES", 100)
    monkeypatch.setattr(flood, "LINES_PER_SECOND", 0.001)
    batch = [release.record([f"{i}" for i in range(150)], 1)]
    await ingesting.ingest([release.record([], 1, "other"), *batch])
    await ingesting.ingest(batch)
    *found, said = await texts(runtime, release)
    assert found == [f"{i}" for i in range(100)]
    assert said.startswith("50 lines were dropped")


async def test_what_was_dropped_last_is_said_by_the_timer(
    release: Release,
    ingesting: LogService,
    runtime: RuntimeLogService,
    monkeypatch: pytest.MonkeyPatch,
    database: handles.Database,
) -> None:
    monkeypatch.setattr(flood, "BURST_LINES", 10)
    await ingesting.ingest([release.record(["first"], 1)])
    async with await psycopg.AsyncConnection.connect(database.owner) as connection:
        await connection.execute(
            "UPDATE runtime_releases SET room = 0, room_at = now() + interval '1 hour',"
            " said_at = now() + interval '1 hour'"
        )
    await ingesting.ingest([release.record(["lost", "lost too"], 2)])
    await ingesting.say_dropped()
    assert await texts(runtime, release) == ["first"]
    async with await psycopg.AsyncConnection.connect(database.owner) as connection:
        await connection.execute("UPDATE runtime_releases SET said_at = '-infinity'")
    await ingesting.say_dropped()
    await ingesting.say_dropped()
    first, said = (await page(runtime, release)).items
    assert (first.text, said.source) == ("first", "platform")
    assert said.text.startswith("2 lines were dropped")


async def test_pages_go_either_way_without_gaps(
    release: Release, ingesting: LogService, runtime: RuntimeLogService
) -> None:
    for start in range(0, 2_500, 500):
        lines = [str(start + i) for i in range(500)]
        await ingesting.ingest([release.record(lines, start // 500 + 1)])
    older: list[str] = []
    after: int | None = None
    while True:
        one = await page(runtime, release, order="newest", after=after, limit=777)
        older += [item.text for item in one.items]
        after = one.next_cursor
        if after is None:
            break
    assert older == [str(i) for i in reversed(range(2_500))]
    assert one.live_cursor == 2_500
    live = await page(runtime, release, after=one.live_cursor)
    assert (live.items, live.next_cursor, live.complete) == ([], 2_500, True)
    await ingesting.ingest([release.record(["new"], 6)])
    assert [i.text for i in (await page(runtime, release, after=live.next_cursor)).items] == ["new"]


async def test_filters_leave_only_what_fits(
    database: handles.Database,
    release: Release,
    ingesting: LogService,
    runtime: RuntimeLogService,
) -> None:
    later = await run_next(database.worker, release)
    await ingesting.ingest([release.record(["ERROR: No Room", "fine"], 1)])
    await ingesting.ingest([release.record(["ERROR: other"], 1, "v", replica="web-2")])
    await ingesting.ingest([later.shipped("WARN slow", 0)])
    assert await texts(runtime, release, levels=("error",)) == ["ERROR: No Room", "ERROR: other"]
    assert await texts(runtime, release, text="no room") == ["ERROR: No Room"]
    assert await texts(runtime, release, replica="web-2") == ["ERROR: other"]
    assert await texts(runtime, release, process="web") == ["WARN slow"]
    assert await texts(runtime, release, release=later.id) == ["WARN slow"]
    assert await texts(runtime, release, deployment=later.deployment_id) == ["WARN slow"]
    assert await texts(runtime, release, deployment=uuid4()) == []
    moment = datetime(2026, 11, 24, 7, 20, tzinfo=UTC)
    assert len(await texts(runtime, release, since=moment)) == 4
    assert await texts(runtime, release, until=moment) == []


async def test_a_search_says_how_far_it_came(
    release: Release,
    ingesting: LogService,
    runtime: RuntimeLogService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "MAX_CHARACTERS", 1_000)
    monkeypatch.setattr(search_store, "PORTION_ROWS", 1)
    await ingesting.ingest([release.record(["needle"], 1)])
    for sequence in range(2, 6):
        await ingesting.ingest([release.record(["x" * 600], sequence)])
    one = await page(runtime, release, order="newest", text="needle")
    assert (one.items, one.complete, one.next_cursor) == ([], False, 4)
    assert one.searched_until is not None
    rest = await page(runtime, release, order="newest", text="needle", after=2)
    assert [item.text for item in rest.items] == ["needle"]


async def test_a_download_is_the_text_in_order(
    release: Release, ingesting: LogService, runtime: RuntimeLogService
) -> None:
    await ingesting.ingest([release.record(["one", "two"], 1)])
    pieces = runtime.text(release.scope, release.project_id, Search("production"))
    text = "".join([piece async for piece in pieces])
    assert [row.split(" ", 2)[2] for row in text.splitlines()] == ["one", "two"]


async def test_only_members_read(
    places: Places, release: Release, ingesting: LogService, runtime: RuntimeLogService
) -> None:
    await ingesting.ingest([release.record(["private"], 1)])
    stranger = await places.make()
    for scope in (stranger.scope, Scope()):
        with pytest.raises(NotFound) as foreign:
            await runtime.page(scope, release.project_id, Search("production"))
        with pytest.raises(NotFound) as absent:
            await runtime.page(scope, uuid4(), Search("production"))
        assert foreign.value.detail == absent.value.detail


async def test_old_lines_and_what_is_above_the_bound_are_deleted(
    database: handles.Database,
    release: Release,
    ingesting: LogService,
    runtime: RuntimeLogService,
) -> None:
    for sequence in range(1, 6):
        await ingesting.ingest([release.record([f"line {sequence}"], sequence)])
    async with await psycopg.AsyncConnection.connect(database.owner) as connection:
        await connection.execute(
            "UPDATE runtime_chunks SET created_at = now() - interval '25 hours' WHERE first_n = 1"
        )
    await runtime.clean()
    assert await texts(runtime, release) == [f"line {i}" for i in range(2, 6)]
    async with await psycopg.AsyncConnection.connect(database.owner) as connection:
        await connection.execute("""UPDATE accounts SET limits = '{"runtime_log_bytes": 600}'""")
    await runtime.trim()
    left = await texts(runtime, release)
    assert 1 <= len(left) <= 2
    assert left[-1] == "line 5"
    async with await psycopg.AsyncConnection.connect(database.owner) as connection:
        found = await connection.execute(
            "SELECT bytes, (SELECT sum(octet_length(lines) + 200) FROM runtime_chunks)"
            " FROM runtime_logs"
        )
        row = await found.fetchone()
    assert row is not None
    assert row[0] == row[1]
    await ingesting.ingest([release.record(["after"], 6)])
    assert (await page(runtime, release)).items[-1].n == 6


async def test_lines_come_through_a_real_broker_once(
    release: Release, ingesting: LogService, runtime: RuntimeLogService, kafka: handles.Kafka
) -> None:
    """Killed before the store, after it, and not at all: the partition is read again each time."""
    async with asyncio.timeout(60):
        producer = Producer(kafka.brokers)
        key = f"{release.project_id}/pod-1"
        for i in range(20):
            await producer.send("logs", key, release.shipped(str(i), 0).value)
        await producer.close()
        batch = await asyncio.to_thread(received, kafka.brokers, key, 20)
    await ingesting.ingest(batch[:7])
    await ingesting.ingest(batch)
    await ingesting.ingest(batch[3:])
    assert await texts(runtime, release) == [str(i) for i in range(20)]


def received(brokers: str, key: str, count: int) -> list[Incoming]:
    """The messages of a key as they stand in the topic."""
    consumer = Consumer(
        {"bootstrap.servers": brokers, "group.id": key, "auto.offset.reset": "earliest"}
    )
    consumer.assign([TopicPartition("logs", number, 0) for number in range(PARTITIONS)])
    found: list[Incoming] = []
    while len(found) < count:
        message = consumer.poll(1)
        if message is not None and message.key() == key.encode():
            position = message.partition(), message.offset(), message.timestamp()[1]
            found.append(Incoming(message.value() or b"", *position))
    consumer.close()
    return found


async def test_a_tasks_frames_go_to_its_releases_log_also_where_kafka_is_away(
    release: Release, store: LogStore, push: RecordingPush, runtime: RuntimeLogService
) -> None:
    away = Producer("127.0.0.1:1", delivery_seconds=0.5)
    service = LogService(store, away, push, runtime=runtime)
    line = LogLine(time="2026-11-24T07:20:00Z", source="runtime", stream="stdout", text="said")
    frames = [LogFrame(n=n, lines=(line,)) for n in (1, 2, 3)]

    async def read(after: int) -> Sequence[LogFrame]:
        return frames[after:]

    for _ in range(2):
        writer = service.frame_writer(
            release.account_id, release.id, "task-1", read, replica="task-1"
        )
        await writer.write(frames)
    await away.close()
    found = (await page(runtime, release)).items
    assert [(item.replica, item.text) for item in found] == [("task-1", "said")] * 3
