"""Metrics as the rest of the platform uses them: taken where they arise, told as series."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from shared.database import Database, Scope
from shared.errors import NotFound
from shared.metrics import series, store
from shared.metrics.models import Metrics, TrafficReport

OnTraffic = Callable[[str, dict[UUID, float]], Awaitable[None]]
"""Told, by gateway, how many requests each release has in flight."""


class Replica(Protocol):
    """What of a replica's status is measured."""

    @property
    def name(self) -> str:
        """Its name, as in its log."""

    @property
    def process(self) -> str:
        """``web`` or a worker's name."""

    @property
    def cpu_millis(self) -> int | None:
        """Thousandths of a core."""

    @property
    def memory_bytes(self) -> int | None:
        """Bytes."""


async def nobody(_gateway: str, _in_flight: dict[UUID, float]) -> None:
    """Where nothing depends on traffic."""


class MetricsService:
    """Takes what is measured, and reads it for whoever the scope lets read."""

    def __init__(self, database: Database, on_traffic: OnTraffic = nobody) -> None:
        self._database = database
        self._on_traffic = on_traffic

    async def take_report(self, report: TrafficReport) -> None:
        """Add a gateway's report; one that comes again adds nothing, but is told on again."""
        async with self._database.transaction() as connection:
            await store.record_traffic(connection, report)
        in_flight = {one.release: one.in_flight for one in report.releases}
        await self._on_traffic(report.gateway, in_flight)

    async def record_usage(self, release_id: UUID, replicas: Sequence[Replica]) -> None:
        """Add a sample of what a release's replicas use, where that was measured."""
        samples = [
            {
                "release": release_id,
                "replica": replica.name,
                "process": replica.process,
                "cpu": replica.cpu_millis,
                "memory": replica.memory_bytes,
            }
            for replica in sorted(replicas, key=lambda r: r.name)
            if replica.cpu_millis is not None or replica.memory_bytes is not None
        ]
        if samples:
            async with self._database.transaction() as connection:
                await store.record_usage(connection, samples)

    async def read(self, scope: Scope, project_id: UUID, environment: str, minutes: int) -> Metrics:
        """The series of an environment's last minutes; raises NotFound."""
        step = series.step_of(minutes)
        minutes = -(-minutes // step) * step
        async with self._database.transaction(scope) as connection:
            until = await store.read_minute(connection, project_id)
            if until is None:
                raise NotFound("No such project")
            since = until - timedelta(minutes=minutes)
            span = {"project": project_id, "environment": environment, "step": step}
            span |= {"since": since, "until": until}
            traffic = await store.read_traffic(connection, span)
            usage = await store.read_usage(connection, span)
        times = series.steps(since, until, step)
        return Metrics(
            environment=environment,
            since=since,
            until=until,
            resolution_seconds=step * 60,
            traffic=series.traffic(traffic, times, step),
            replicas=series.usage(usage, times),
        )

    async def clean(self) -> int:
        """Delete what has had its time."""
        async with self._database.transaction() as connection:
            return await store.delete_old(connection)
