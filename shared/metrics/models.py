"""A gateway's report, and the series that a reader is told."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.models import Response

BOUNDS_MS = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)
"""Upper bounds of the buckets; one more counts what took longer."""
Count = Annotated[int, Field(ge=0, lt=2**40)]
Bucket = Literal[
    "le_5",
    "le_10",
    "le_25",
    "le_50",
    "le_100",
    "le_250",
    "le_500",
    "le_1000",
    "le_2500",
    "le_5000",
    "le_10000",
    "more",
]
BUCKETS = (*(f"le_{bound}" for bound in BOUNDS_MS), "more")


class _Reported(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class ReleaseTraffic(_Reported):
    """The requests of one release in a report's period; counts by bucket, not cumulative."""

    release: UUID
    requests: Count
    errors: Count
    in_flight: Annotated[float, Field(ge=0, lt=1e7, allow_inf_nan=False)]
    latency_ms: dict[Bucket, Count]

    @property
    def latency(self) -> list[int]:
        """The counts in the order of the buckets."""
        counts = {str(bucket): count for bucket, count in self.latency_ms.items()}
        return [counts.get(bucket, 0) for bucket in BUCKETS]


class TrafficReport(_Reported):
    """What one gateway saw since its last report. ``sequence`` rises with each new one."""

    gateway: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    sequence: int = Field(ge=1, lt=2**53)
    period_ms: int = Field(ge=1, le=600_000)
    releases: list[ReleaseTraffic] = Field(max_length=2_000)


class TrafficPoint(Response):
    """One step of time. What has no value where nothing was asked for is null, the counts are 0."""

    at: datetime
    requests: int
    errors: int
    error_rate: float | None = Field(description="Of 1")
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    in_flight: float = Field(description="Requests at once, on average")
    in_flight_max: float


class UsagePoint(Response):
    """What a replica used; null where it was not measured."""

    at: datetime
    cpu_millis: int | None
    memory_bytes: int | None


class ReplicaUsage(Response):
    """One replica's series, on the same steps as the traffic."""

    replica: str
    process: str
    release_id: UUID
    deployment_number: int
    points: list[UsagePoint]


class Metrics(Response):
    """Series from ``since`` to ``until``, which is the last full minute."""

    environment: str
    since: datetime
    until: datetime
    resolution_seconds: int
    traffic: list[TrafficPoint]
    replicas: list[ReplicaUsage]
