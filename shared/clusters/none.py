"""The cluster of a platform that has none: only files are published."""

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
from shared.errors import NotFound


class NoCluster:
    """Knows no workload, and starts none."""

    capabilities: frozenset[Capability] = frozenset()
    follow_seconds = 0.0
    logs_restarts = True

    async def apply(self, workload: Workload, replicas: int) -> NoReturn:
        """Refuse."""
        raise _refusal(workload.label)

    async def status(self, ref: WorkloadRef) -> WorkloadStatus | None:
        """There is none."""
        return None

    async def scale(self, ref: WorkloadRef, replicas: int) -> NoReturn:
        """There is none."""
        raise _nothing(ref)

    async def restart(self, ref: WorkloadRef) -> NoReturn:
        """There is none."""
        raise _nothing(ref)

    async def delete(self, ref: WorkloadRef) -> None:
        """Nothing is kept."""

    async def delete_project(self, project: UUID) -> None:
        """Nothing is kept."""

    async def start_task(
        self, key: str, workload: Workload, command: str, seconds: int
    ) -> NoReturn:
        """Refuse."""
        raise _refusal(workload.label)

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
        """There are none."""
        return ()


def _refusal(label: str) -> NeedsCluster:
    return NeedsCluster(
        f"{label} has a server, and this platform publishes files only: deploy a static build, or"
        " ask the operators to set CLUSTER"
    )


def _nothing(ref: WorkloadRef) -> NotFound:
    return NotFound(f"There is no workload {ref.release}")
