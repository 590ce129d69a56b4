"""The runner as a cluster: the port over HTTP on its Unix socket.

It starts what it has built itself, at fixed replicas: no autoscaling, no schedules, no images.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel, TypeAdapter

from shared.builders.port import LogFrame
from shared.clients.runner_socket import SECONDS, RunnerRefused, RunnerSocket
from shared.clusters.errors import ClusterRefused, NeedsCluster
from shared.clusters.port import (
    Capability,
    ScheduledRun,
    TaskStatus,
    Workload,
    WorkloadRef,
    WorkloadStatus,
)
from shared.errors import NotFound

if TYPE_CHECKING:
    from aiohttp import ClientResponse

_FRAMES = TypeAdapter(list[LogFrame])


class Apply(BaseModel):
    """The body of an apply."""

    workload: Workload
    replicas: int


class StartTask(BaseModel):
    """The body of a start of a task."""

    workload: Workload
    command: str
    seconds: int


class RunnerCluster:
    """A client of one runner."""

    capabilities: frozenset[Capability] = frozenset()
    follow_seconds = 20.0
    logs_restarts = True

    def __init__(self, socket: str) -> None:
        self._runner = RunnerSocket(socket)

    async def apply(self, workload: Workload, replicas: int) -> None:
        """Bring a workload to this; raises ClusterRefused for what can never run here."""
        body = Apply(workload=workload, replicas=replicas).model_dump_json()
        async with self._asking("PUT", _path(workload.ref), body):
            return

    async def status(self, ref: WorkloadRef) -> WorkloadStatus | None:
        """How a workload stands; None where there is none of that name."""
        try:
            async with self._asking("GET", _path(ref)) as answer:
                return WorkloadStatus.model_validate_json(await answer.read())
        except NotFound:
            return None

    async def scale(self, ref: WorkloadRef, replicas: int) -> None:
        """So many replicas from now on; 0 ends everything of it. Raises NotFound."""
        async with self._asking("POST", f"{_path(ref)}/scale?replicas={replicas}"):
            return

    async def restart(self, ref: WorkloadRef) -> None:
        """Replace every process, one after another; raises NotFound."""
        async with self._asking("POST", f"{_path(ref)}/restart"):
            return

    async def delete(self, ref: WorkloadRef) -> None:
        """End and forget a workload; silent where there is none."""
        async with self._asking("DELETE", _path(ref)):
            return

    async def delete_project(self, project: UUID) -> None:
        """End and forget everything of a project."""
        async with self._asking("DELETE", f"/workloads/{project}"):
            return

    async def start_task(self, key: str, workload: Workload, command: str, seconds: int) -> None:
        """Run a command once, unless its key has a task, has had one, or was canceled."""
        body = StartTask(workload=workload, command=command, seconds=seconds).model_dump_json()
        async with self._asking("PUT", _task(workload.ref, key), body):
            return

    async def task_status(self, ref: WorkloadRef, key: str) -> TaskStatus | None:
        """How a task stands; None where the key is unknown."""
        try:
            async with self._asking("GET", _task(ref, key)) as answer:
                return TaskStatus.model_validate_json(await answer.read())
        except NotFound:
            return None

    async def task_log(
        self, ref: WorkloadRef, key: str, after: int, wait: float = 0
    ) -> Sequence[LogFrame]:
        """Frames after the frame of that number, some at a time."""
        path = f"{_task(ref, key)}/log?after={after}&wait={wait:.3f}"
        async with self._asking("GET", path, seconds=SECONDS + wait) as answer:
            return _FRAMES.validate_json(await answer.read())

    async def cancel_task(self, ref: WorkloadRef, key: str) -> None:
        """End a task; returns when nothing of it is alive."""
        async with self._asking("POST", f"{_task(ref, key)}/cancel"):
            return

    async def delete_task(self, ref: WorkloadRef, key: str) -> None:
        """Forget a task."""
        async with self._asking("DELETE", _task(ref, key)):
            return

    async def scheduled_runs(self, ref: WorkloadRef) -> Sequence[ScheduledRun]:
        """The runner has no schedules."""
        raise NeedsCluster(
            "The runner runs no schedules: ask the operators for a cluster, such as Kubernetes"
        )

    @asynccontextmanager
    async def _asking(
        self, method: str, path: str, data: Any = None, seconds: float = SECONDS
    ) -> AsyncIterator["ClientResponse"]:
        try:
            async with self._runner.request(method, path, data, seconds) as answer:
                yield answer
        except RunnerRefused as error:
            if error.told == ClusterRefused.code:
                raise ClusterRefused(error.detail) from None
            raise


def _path(ref: WorkloadRef) -> str:
    return f"/workloads/{ref.project}/{ref.release}"


def _task(ref: WorkloadRef, key: str) -> str:
    return f"{_path(ref)}/tasks/{key}"
