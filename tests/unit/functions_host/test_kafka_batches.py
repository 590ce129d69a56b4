"""Batches and assignments: sizes, intervals, order, and work of partitions that went away."""

from hypothesis import given
from hypothesis import strategies as st

from infrastructure.local.functions_host.kafka_batches import (
    Assignments,
    Record,
    Window,
    by_partition,
    offsets_after,
)


def _record(partition: int, offset: int, epoch: int = 1) -> Record:
    return Record(("t", partition), offset, epoch, None, b"", None, ())


def test_a_full_batch_is_due_at_once_and_the_rest_after_one_interval() -> None:
    """A full release begins a new interval."""
    window = Window(2, 1.0, now=0.0)
    for offset in range(3):
        window.add(_record(0, offset))
    assert window.is_due(0.1)
    assert [record.offset for record in window.take(0.1)] == [0, 1]
    assert not window.is_due(1.0)
    assert window.is_due(1.1)
    assert [record.offset for record in window.take(1.1)] == [2]


def test_intervals_follow_one_another_and_do_not_begin_with_a_record() -> None:
    """A record late in an interval is released with its end."""
    window = Window(64, 1.0, now=0.0)
    assert not window.is_due(1.0)
    assert window.left(1.0) == 1.0
    window.add(_record(0, 0))
    assert not window.is_due(1.9)
    assert window.is_due(2.0)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(0, 0.5)), max_size=200),
    st.integers(1, 20),
)
def test_every_record_leaves_once_in_order_and_within_the_interval(
    arrivals: list[tuple[int, float]], size: int
) -> None:
    """Whatever comes when: no loss, no repetition, no batch too large, none waits too long."""
    window = Window(size, 1.0, now=0.0)
    now, sent, released = 0.0, [], []
    entered: dict[int, float] = {}
    for offset, (partition, pause) in enumerate(arrivals):
        now += pause
        while window.is_due(now):
            batch = window.take(now)
            assert len(batch) <= size
            # Looked at only when something comes: the pause may have run over the end.
            assert all(now - entered[record.offset] <= 1.0 + 0.5 for record in batch)
            released += batch
        record = _record(partition, offset)
        entered[offset] = now
        window.add(record)
        sent.append(record)
    while window.is_due(now + 1.0):
        released += window.take(now + 1.0)
        now += 1.0
    assert released == sent


def test_records_of_a_revoked_partition_are_let_go_even_when_it_comes_back() -> None:
    """A new assignment may begin elsewhere: work of the old one must not be committed."""
    assignments = Assignments()
    assignments.assign([("t", 0), ("t", 1)])
    old = [_record(0, 5, assignments.epoch(("t", 0))), _record(1, 7, assignments.epoch(("t", 1)))]
    assignments.revoke([("t", 0)])
    assert assignments.current(old) == [old[1]]
    assignments.assign([("t", 0)])
    assert assignments.current(old) == [old[1]]
    window = Window(64, 1.0, now=0.0)
    for record in old:
        window.add(record)
    window.keep(assignments)
    assert window.take(0.0) == [old[1]]


def test_nothing_is_ours_once_the_consumer_is_gone() -> None:
    """What still runs for it must not be committed by the next one."""
    assignments = Assignments()
    assignments.assign([("t", 0)])
    record = _record(0, 5, assignments.epoch(("t", 0)))
    assignments.clear()
    assert assignments.current([record, _record(0, 6, epoch=0)]) == []


def test_offsets_to_commit_are_one_behind_the_last_of_each_partition() -> None:
    """The committed offset is where reading goes on."""
    records = [_record(0, 3), _record(1, 9), _record(0, 4)]
    assert offsets_after(records) == {("t", 0): 5, ("t", 1): 10}


def test_records_are_split_by_partition_in_their_order() -> None:
    """For cardinality ONE."""
    records = [_record(1, 0), _record(0, 0), _record(1, 1)]
    assert list(by_partition(records)) == [[records[1]], [records[0], records[2]]]
