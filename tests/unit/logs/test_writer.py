"""The writer loses no line and repeats none, whatever Kafka and the database do meanwhile."""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.clients.kafka import Producer
from shared.errors import Unavailable
from shared.logs import writer as module
from shared.logs.lines import MAX_TEXT, Record, decode, encode
from shared.logs.masking import Masker
from shared.logs.stream import Head
from shared.logs.writer import LogWriter


class World(Producer):
    """A broker whose answers are told in advance, and the store behind it."""

    def __init__(self, fates: Sequence[str] = ()) -> None:
        super().__init__("broker.invalid:9092")
        self.fates = list(fates)
        self.partition: list[Record] = []
        self.sent: list[Record] = []
        self.consumed = 0
        self.head = Head()
        self.table: list[str] = []
        self.store_is_away = 0
        self.first_record = asyncio.Event()

    async def send(self, topic: str, key: str, value: bytes) -> None:
        record = decode(value)
        fate = self.fates.pop(0) if self.fates else "acknowledged"
        self.sent.append(record)
        self.first_record.set()
        if fate != "lost":
            self.partition.append(record)
        if fate == "consumed":
            self.consume()
        if fate in ("lost", "answer lost"):
            raise Unavailable("told so")

    async def store(self, records: Sequence[Record]) -> None:
        if self.store_is_away:
            self.store_is_away -= 1
            raise Unavailable("told so")
        for record in records:
            self.table += [line.text for line in self.head.take(record, Masker()) or []]

    def consume(self) -> None:
        for record in self.partition[self.consumed :]:
            self.table += [line.text for line in self.head.take(record, Masker()) or []]
        self.consumed = len(self.partition)

    def writer(self, *, patience: float = 60) -> LogWriter:
        return LogWriter(self, self.store, uuid4(), uuid4(), "test-1", patience=patience)


FATES = st.lists(st.sampled_from(["acknowledged", "consumed", "lost", "answer lost"]), max_size=12)


@settings(max_examples=100, deadline=None)
@given(FATES, st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_each_line_is_stored_once_and_in_order(fates: list[str], counts: list[int]) -> None:
    world = World(fates)
    written = []

    async def work() -> None:
        writer = world.writer()
        for number, count in enumerate(counts):
            for i in range(count):
                written.append(f"{number}.{i}")
                writer.write(written[-1])
            await writer.flush()
        await writer.end()

    asyncio.run(work())
    world.consume()
    assert world.table == written
    assert world.head.ended


async def test_lines_written_together_share_a_record() -> None:
    world = World()
    writer = world.writer()
    writer.write("one\ntwo\n")
    writer.write("three", stream="stderr", source="build")
    await writer.flush()
    (record,) = world.sent
    assert [(line.text, line.stream, line.source) for line in record.lines] == [
        ("one", "stdout", "platform"),
        ("two", "stdout", "platform"),
        ("three", "stderr", "build"),
    ]
    assert (record.sequence, record.end) == (1, False)


async def test_lines_leave_by_themselves_soon() -> None:
    world = World()
    writer = world.writer()
    writer.write("one")
    async with asyncio.timeout(10):
        await world.first_record.wait()
    await writer.end()
    assert [(len(record.lines), record.end) for record in world.sent] == [(1, False), (0, True)]


async def test_the_end_travels_with_the_last_lines() -> None:
    world = World()
    writer = world.writer()
    writer.write("bye")
    await writer.end()
    assert [(len(record.lines), record.end) for record in world.sent] == [(1, True)]
    with pytest.raises(ValueError, match="was ended"):
        writer.write("more")
    await writer.end()
    assert len(world.sent) == 1


async def test_a_long_line_is_cut_between_characters_and_records_stay_below_the_bound() -> None:
    world = World()
    writer = world.writer()
    text = "é" * MAX_TEXT + "\x00" * MAX_TEXT
    writer.write(text)
    writer.write("\n\na\r\n")
    await writer.flush()
    lines = [line.text for record in world.sent for line in record.lines]
    assert "".join(lines[:-3]) == text
    assert all(len(line.encode()) <= MAX_TEXT for line in lines)
    assert lines[-3:] == ["", "", "a"]
    assert all(len(encode(record)) < 1_000_000 for record in world.sent)


async def test_drain_waits_while_much_is_not_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BUFFER_BYTES", 200_000)
    world = World()
    writer = world.writer()
    for _ in range(10):
        writer.write("x" * 60_000)
    await writer.drain()
    assert len(world.sent) >= 3
    await writer.flush()
    assert sum(len(record.lines) for record in world.sent) == 10


async def test_kept_records_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_BYTES", 10_000)
    world = World(["acknowledged"] * 50)
    writer = world.writer()
    for number in range(50):
        writer.write(f"{number}:" + "x" * 1_000)
        await writer.flush()
    assert len(world.table) > 30
    world.consume()
    assert [text.partition(":")[0] for text in world.table] == [str(i) for i in range(50)]


async def test_where_nothing_takes_a_record_flush_tells_and_the_next_one_tries_again() -> None:
    world = World(["lost"] * 100)
    world.store_is_away = 100
    writer = world.writer(patience=0)
    writer.write("kept")
    with pytest.raises(Unavailable):
        await writer.flush()
    world.fates, world.store_is_away = [], 0
    writer.write("later")
    await writer.end()
    world.consume()
    assert world.table == ["kept", "later"]


async def test_a_database_that_comes_back_takes_what_kafka_refuses() -> None:
    world = World(["lost"] * 100)
    world.store_is_away = 2
    writer = world.writer()
    writer.write("kept")
    await writer.flush()
    assert world.table == ["kept"]


async def test_cancelling_a_flush_loses_nothing() -> None:
    world = World()
    writer = world.writer()
    writer.write("kept")
    flush = asyncio.create_task(writer.flush())
    await asyncio.sleep(0)
    flush.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flush
    await writer.flush()
    assert [line.text for record in world.sent for line in record.lines] == ["kept"]
