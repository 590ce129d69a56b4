"""Series without gaps, and percentiles that lie where the requests were."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from shared.metrics import series
from shared.metrics.models import BOUNDS_MS, BUCKETS

SINCE = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
COUNTS = st.lists(st.integers(0, 1_000), min_size=len(BUCKETS), max_size=len(BUCKETS))


def test_a_percentile_lies_straight_within_its_bucket() -> None:
    counts = [0] * len(BUCKETS)
    counts[4] = 10  # more than 50 ms, at most 100 ms
    assert series.percentile(counts, 0.5) == 75.0
    assert series.percentile(counts, 1.0) == 100.0


def test_without_requests_there_is_no_percentile() -> None:
    assert series.percentile([0] * len(BUCKETS), 0.5) is None
    assert series.percentile([], 0.5) is None


def test_beyond_the_last_bound_no_more_is_claimed_than_the_bound() -> None:
    assert series.percentile([0] * 11 + [5], 0.99) == float(BOUNDS_MS[-1])


@given(COUNTS, st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_higher_share_is_never_faster(counts: list[int], one: float, other: float) -> None:
    low, high = sorted((one, other))
    faster, slower = series.percentile(counts, low), series.percentile(counts, high)
    if faster is None or slower is None:
        assert sum(counts) == 0
    else:
        assert 0 <= faster <= slower <= BOUNDS_MS[-1]


def test_a_step_without_a_row_is_zero_or_null() -> None:
    times = series.steps(SINCE, SINCE + timedelta(minutes=3), 1)
    row = {
        "at": times[1],
        "requests": 4,
        "errors": 1,
        "in_flight_ms": 30_000.0,
        "in_flight_max": 2.0,
        "latency": [4, *[0] * 11],
    }
    empty, full, _ = series.traffic([row], times, 1)
    assert (empty.requests, empty.error_rate, empty.p95_ms, empty.in_flight) == (0, None, None, 0)
    assert (full.requests, full.error_rate, full.in_flight) == (4, 0.25, 0.5)


def test_a_replica_that_was_not_measured_has_nulls() -> None:
    times = series.steps(SINCE, SINCE + timedelta(minutes=2), 1)
    row = {
        "at": times[1],
        "release_id": uuid4(),
        "number": 3,
        "replica": "a",
        "process": "web",
        "cpu_millis": 120,
        "memory_bytes": None,
    }
    (found,) = series.usage([row], times)
    assert [(p.cpu_millis, p.memory_bytes) for p in found.points] == [(None, None), (120, None)]


def test_longer_spans_have_coarser_steps() -> None:
    assert [series.step_of(m) for m in (1, 120, 121, 360, 361, 1440)] == [1, 1, 5, 5, 15, 15]
