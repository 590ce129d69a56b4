"""What a Kafka trigger keeps of its partitions: assignment epochs, held records, batches.

Plain data, no client and no thread, so that its rules can be tested alone. Read in the
extension's source (``KafkaListener``, ``MultipleItemFunctionExecutor``): one consumer a
function, one batch of it in execution and one more waiting, and a batch may hold several
partitions. So no partition ever has two batches in flight, and its order is kept.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

Partition: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Record:
    """One consumed record; ``epoch`` tells which assignment of its partition it belongs to."""

    partition: Partition
    offset: int
    epoch: int
    key: bytes | None
    body: bytes
    timestamp: float | None
    headers: tuple[tuple[str, bytes | None], ...]


class Assignments:
    """Which partitions are ours; work of an older assignment is recognised and let go."""

    def __init__(self) -> None:
        self._epochs: dict[Partition, int] = {}
        self._count = 0

    def assign(self, partitions: Iterable[Partition]) -> None:
        """Partitions came to us."""
        self._count += 1
        self._epochs.update(dict.fromkeys(partitions, self._count))

    def revoke(self, partitions: Iterable[Partition]) -> None:
        """Partitions went to somebody else."""
        for partition in partitions:
            self._epochs.pop(partition, None)

    def clear(self) -> None:
        """The consumer is gone, and all its partitions with it."""
        self._epochs.clear()

    def epoch(self, partition: Partition) -> int:
        """The current assignment, 0 for a partition that is not ours."""
        return self._epochs.get(partition, 0)

    def current(self, records: Iterable[Record]) -> list[Record]:
        """The records whose partition is still, and without a break, ours."""
        return [
            record
            for record in records
            if record.epoch and self.epoch(record.partition) == record.epoch
        ]


class Window:
    """Collects records and says when a batch is due: full, or the interval has passed.

    Intervals follow one another as in the extension, they do not begin with a record. Unlike
    the extension, what is left when a batch was released full does not wait for a second
    interval.
    """

    def __init__(self, size: int, interval: float, now: float) -> None:
        self._size = size
        self._interval = interval
        self._ends = now + interval
        self._held: deque[Record] = deque()

    def add(self, record: Record) -> None:
        """Hold one more record."""
        self._held.append(record)

    def left(self, now: float) -> float:
        """Seconds until the interval ends."""
        return max(0.0, self._ends - now)

    def is_due(self, now: float) -> bool:
        """Whether a batch is to be released; an interval that ends empty begins anew."""
        if len(self._held) >= self._size:
            return True
        if now < self._ends:
            return False
        if not self._held:
            self._ends = now + self._interval
        return bool(self._held)

    def take(self, now: float) -> list[Record]:
        """The batch, oldest first; a new interval begins."""
        self._ends = now + self._interval
        return [self._held.popleft() for _ in range(min(self._size, len(self._held)))]

    def keep(self, assignments: Assignments) -> None:
        """Drop what belongs to partitions that are no longer ours."""
        self._held = deque(assignments.current(self._held))


def by_partition(records: Iterable[Record]) -> Iterator[list[Record]]:
    """The records of each partition, in their order."""
    ordered = sorted(records, key=lambda record: record.partition)
    for _, group in groupby(ordered, key=lambda record: record.partition):
        yield list(group)


def offsets_after(records: Iterable[Record]) -> dict[Partition, int]:
    """For each partition the offset to resume at once the records are done."""
    offsets: dict[Partition, int] = {}
    for record in records:
        offsets[record.partition] = max(offsets.get(record.partition, 0), record.offset + 1)
    return offsets
