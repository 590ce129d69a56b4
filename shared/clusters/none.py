"""The cluster of a platform that has none: only sites are published."""

from collections.abc import Sequence
from typing import NoReturn
from uuid import UUID

from shared.builders.port import LogFrame
from shared.clusters.errors import NeedsCluster
from shared.clusters.port import (
    Capability,
    ScheduledRun,
    TaskStatus,
    Workload,
    WorkloadRef,
    WorkloadStatus,
)

_REFUSED = "This platform publishes sites only: ask the operators to set CLUSTER"


class NoCluster:
    """Knows no workload, and brings up none."""

    capabilities: frozenset[Capability] = frozenset()
    follow_seconds = 0.0

    async def apply(self, workload: Workload, replicas: int) -> NoReturn:
        """Refuse."""
        raise NeedsCluster(_REFUSED)

    async def status(self, ref: WorkloadRef) -> WorkloadStatus | None:
        """There is none."""
        return None

    async def scale(self, ref: WorkloadRef, replicas: int) -> NoReturn:
        """Refuse."""
        raise NeedsCluster(_REFUSED)

    async def restart(self, ref: WorkloadRef) -> NoReturn:
        """Refuse."""
        raise NeedsCluster(_REFUSED)

    async def delete(self, ref: WorkloadRef) -> None:
        """Nothing runs."""

    async def delete_project(self, project: UUID) -> None:
        """Nothing runs."""

    async def start_task(
        self, key: str, workload: Workload, command: str, seconds: int
    ) -> NoReturn:
        """Refuse."""
        raise NeedsCluster(_REFUSED)

    async def task_status(self, ref: WorkloadRef, key: str) -> TaskStatus | None:
        """There is none."""
        return None

    async def task_log(
        self, ref: WorkloadRef, key: str, after: int, wait: float = 0
    ) -> Sequence[LogFrame]:
        """There is none."""
        return ()

    async def cancel_task(self, ref: WorkloadRef, key: str) -> None:
        """Nothing runs."""

    async def delete_task(self, ref: WorkloadRef, key: str) -> None:
        """Nothing is kept."""

    async def scheduled_runs(self, ref: WorkloadRef) -> Sequence[ScheduledRun]:
        """Refuse."""
        raise NeedsCluster(_REFUSED)
