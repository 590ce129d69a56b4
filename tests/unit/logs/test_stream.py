"""Invariant 11: each acknowledged line is stored exactly once, numbered without gaps."""

from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass, field
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.logs.lines import Line, Record
from shared.logs.masking import Masker
from shared.logs.stream import Head, writers_from

STREAM, ACCOUNT = uuid4(), uuid4()
WRITERS = 3


@dataclass
class World:
    """A partition, a committed offset, a table, and the writers that fill them."""

    partition: list[Record] = field(default_factory=list)
    late: list[Record] = field(default_factory=list)
    committed: int = 0
    head: Head = field(default_factory=Head)
    table: list[Line] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    sequences: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    kept: dict[int, list[Record]] = field(default_factory=lambda: defaultdict(list))

    def write(self, writer: int, lines: int, fate: str) -> None:
        """A writer's next record; it waits until Kafka or the store has it."""
        self.sequences[writer] += 1
        sequence = self.sequences[writer]
        texts = [f"{writer}:{sequence}:{i}" for i in range(lines)]
        record = Record(
            stream=STREAM,
            account=ACCOUNT,
            writer=f"writer-{writer}",
            sequence=sequence,
            lines=tuple(
                Line(source="build", time="2026-11-24T07:20:00Z", stream="stdout", text=text)
                for text in texts
            ),
        )
        self.partition += [record] * {"acknowledged": 1, "repeated": 2, "answer lost": 1}.get(
            fate, 0
        )
        self.kept[writer].append(record)
        if fate in ("answer lost", "lost", "late"):
            self.settle(writer, len(self.kept[writer]))
        if fate == "late":
            self.late.append(record)
        self.acknowledged += texts

    def settle(self, writer: int, count: int) -> None:
        """The writer stores directly what it kept, from the oldest on."""
        self.store(self.kept[writer][:count])
        del self.kept[writer][:count]

    def store(self, batch: list[Record]) -> None:
        """One transaction."""
        for record in batch:
            self.table += self.head.take(record, Masker()) or []
        self.head.writers = writers_from(deepcopy(self.head.writers_document()))

    def consume(self, size: int, fate: str) -> None:
        """The trigger takes a batch; it may be killed on either side of the store."""
        batch = self.partition[self.committed : self.committed + size]
        if fate != "killed before the store":
            self.store(batch)
        if fate == "done":
            self.committed += len(batch)

    def deliver_late(self) -> None:
        """A broker takes at last what its producer had given up."""
        if self.late:
            self.partition.append(self.late.pop(0))


FATES = st.sampled_from(["acknowledged", "repeated", "answer lost", "lost", "late"])
KILLS = st.sampled_from(["done", "done", "killed before the store", "killed after the store"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, WRITERS - 1), st.integers(0, 4), FATES),
        st.tuples(st.just("consume"), st.integers(1, 8), KILLS),
        st.tuples(st.just("settle"), st.integers(0, WRITERS - 1), st.integers(0, 3)),
        st.tuples(st.just("rewind"), st.integers(1, 8)),
        st.tuples(st.just("deliver_late")),
    ),
    max_size=60,
)


@settings(max_examples=300)
@given(STEPS)
def test_every_acknowledged_line_is_stored_once_in_its_writers_order(
    steps: list[tuple[str | int, ...]],
) -> None:
    world = World()
    for name, *arguments in steps:
        if name == "rewind":
            world.committed = max(0, world.committed - int(arguments[0]))
        else:
            getattr(world, str(name))(*arguments)
    while world.late:
        world.deliver_late()
    while world.committed < len(world.partition):
        world.consume(5, "done")
    stored = [line.text for line in world.table]
    assert sorted(stored) == sorted(world.acknowledged)
    for writer in range(WRITERS):
        own = [text for text in stored if text.startswith(f"{writer}:")]
        assert own == [text for text in world.acknowledged if text.startswith(f"{writer}:")]
    assert world.head.last_n == len(stored)


def test_an_ended_log_takes_what_another_writer_sends_late() -> None:
    def record(writer: str, *, end: bool) -> Record:
        line = Line(source="build", time="2026-11-24T07:20:00Z", stream="stdout", text=writer)
        return Record(
            stream=STREAM, account=ACCOUNT, writer=writer, sequence=1, lines=(line,), end=end
        )

    head = Head()
    assert head.take(record("last", end=True), Masker()) is not None
    assert head.take(record("late", end=False), Masker()) is not None
    assert (head.last_n, head.ended) == (2, True)
