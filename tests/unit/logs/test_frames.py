"""A builder's frames: stored once each and whole, whoever tells them again, by whatever way."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import pytest

from shared.errors import Unavailable
from shared.logs.frames import FrameWriter
from shared.logs.lines import Line, Record, decode


@dataclass(frozen=True)
class Frame:
    """As a builder tells it."""

    n: int
    lines: tuple[Line, ...]


def frames(count: int) -> list[Frame]:
    """Two lines each."""
    return [
        Frame(
            n,
            tuple(
                Line(
                    source="build",
                    time="2026-01-01T00:00:00.000Z",
                    stream="stdout",
                    text=f"{n}.{part}",
                )
                for part in (1, 2)
            ),
        )
        for n in range(1, count + 1)
    ]


class Kafka:
    """Takes records until it is told to fail."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.fails = False

    async def send(self, _topic: str, _key: str, value: bytes) -> None:
        if self.fails:
            raise Unavailable("Kafka is away")
        self.records.append(decode(value))


class Store:
    """Keeps what is not a repetition, as the real one does by sequence."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.last = 0

    async def store(self, records: Sequence[Record]) -> None:
        for record in records:
            if record.sequence > self.last:
                self.last = record.sequence
                self.texts += [line.text for line in record.lines]

    async def sequence(self, _deployment: UUID, _writer: str) -> int:
        return self.last


DEPLOYMENT, ACCOUNT = UUID(int=1), UUID(int=2)


def writer(kafka: Kafka, store: Store, told: list[Frame]) -> FrameWriter:
    async def read(after: int) -> list[Frame]:
        return told[after : after + 3]

    return FrameWriter(
        kafka,  # type: ignore[arg-type]
        store.store,
        store.sequence,
        read,
        account_id=ACCOUNT,
        deployment_id=DEPLOYMENT,
        writer_id="run-1",
    )


async def test_a_frame_is_one_record_under_its_number() -> None:
    kafka, told = Kafka(), frames(3)
    await writer(kafka, Store(), told).write(told)
    assert [(r.writer, r.sequence, len(r.lines)) for r in kafka.records] == [
        ("run-1", 1, 2),
        ("run-1", 2, 2),
        ("run-1", 3, 2),
    ]


async def test_what_kafka_holds_is_stored_before_what_goes_past_it() -> None:
    """Kafka took 1 to 4 and nobody stored them: they come along, and later are repetitions."""
    kafka, store, told = Kafka(), Store(), frames(8)
    work = writer(kafka, store, told)
    await work.write(told[:4])
    kafka.fails = True
    await work.write(told[4:])
    expected = [line.text for frame in told for line in frame.lines]
    assert store.texts == expected
    await store.store(kafka.records)
    assert store.texts == expected


async def test_neither_taking_it_is_told() -> None:
    kafka, told = Kafka(), frames(1)
    kafka.fails = True
    store = Store()

    async def refuse(_records: Sequence[Record]) -> None:
        raise Unavailable("the database is away")

    store.store = refuse  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await writer(kafka, store, told).write(told)
