"""Series out of rows: steps of time without gaps, and percentiles out of buckets. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from shared.metrics.models import BOUNDS_MS, ReplicaUsage, TrafficPoint, UsagePoint

STEPS = ((120, 1), (360, 5), (1_440, 15))
"""Up to so many minutes, a step of so many."""


def step_of(minutes: int) -> int:
    """Minutes of one step of a span."""
    return next(step for bound, step in STEPS if minutes <= bound)


def steps(since: datetime, until: datetime, step: int) -> list[datetime]:
    """Where the steps begin."""
    count = int((until - since) / timedelta(minutes=step))
    return [since + timedelta(minutes=step * i) for i in range(count)]


def percentile(counts: Sequence[int], share: float) -> float | None:
    """The time within which that share of requests was answered, straight within its bucket.

    Of requests beyond the last bound no more is known than that: its value is the bound.
    """
    total = sum(counts)
    if not total:
        return None
    rank, seen, lower = share * total, 0, 0
    for count, bound in zip(counts, BOUNDS_MS, strict=False):
        if count and seen + count >= rank:
            return round(lower + (bound - lower) * (rank - seen) / count, 1)
        seen, lower = seen + count, bound
    return float(BOUNDS_MS[-1])


def traffic(
    rows: Iterable[Mapping[str, Any]], times: Sequence[datetime], step: int
) -> list[TrafficPoint]:
    """A point a step; a step without a row had no requests."""
    found = {row["at"]: row for row in rows}
    return [_point(at, found.get(at), step) for at in times]


def usage(rows: Iterable[Mapping[str, Any]], times: Sequence[datetime]) -> list[ReplicaUsage]:
    """A series a replica, in the order of the rows; a step without a row was not measured."""
    series: dict[tuple[Any, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        series.setdefault((row["release_id"], row["replica"]), []).append(row)
    return [_replica(found, times) for found in series.values()]


def _point(at: datetime, row: Mapping[str, Any] | None, step: int) -> TrafficPoint:
    counts = [int(count) for count in row["latency"]] if row else []
    requests = int(row["requests"]) if row else 0
    errors = int(row["errors"]) if row else 0
    return TrafficPoint(
        at=at,
        requests=requests,
        errors=errors,
        error_rate=round(errors / requests, 4) if requests else None,
        p50_ms=percentile(counts, 0.5),
        p95_ms=percentile(counts, 0.95),
        p99_ms=percentile(counts, 0.99),
        in_flight=round(row["in_flight_ms"] / (step * 60_000), 3) if row else 0.0,
        in_flight_max=round(row["in_flight_max"], 3) if row else 0.0,
    )


def _replica(rows: Sequence[Mapping[str, Any]], times: Sequence[datetime]) -> ReplicaUsage:
    found = {row["at"]: row for row in rows}
    points = []
    for at in times:
        row = found.get(at)
        cpu = row["cpu_millis"] if row else None
        memory = row["memory_bytes"] if row else None
        points.append(UsagePoint(at=at, cpu_millis=cpu, memory_bytes=memory))
    first = rows[0]
    return ReplicaUsage(
        replica=first["replica"],
        process=first["process"],
        release_id=first["release_id"],
        deployment_number=first["number"],
        points=points,
    )
