"""A cluster in memory, for the control plane's side: a test decides how its replicas fare.

That real clusters keep the port's promises is the contract suite's business.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from shared.builders.port import LogFrame, LogLine
from shared.clusters.port import (
    Capability,
    Problem,
    ReplicaStatus,
    ScheduledRun,
    TaskStatus,
    Workload,
    WorkloadRef,
    WorkloadStatus,
)
from shared.errors import Unavailable

DONE = TaskStatus(state="succeeded", exit_code=0)


@dataclass
class Running:
    """What was told of one workload."""

    workload: Workload
    replicas: int
    restarts: int = 0
    applied: int = 1


@dataclass
class ScriptedTask:
    """One task and what is told of it."""

    workload: Workload | None
    command: str
    frames: list[LogFrame] = field(default_factory=list)
    end: TaskStatus | None = None


class ScriptedCluster:
    """Runs nothing. ``becomes_ready`` says whether replicas of a workload are ready at once."""

    def __init__(self, capabilities: Sequence[Capability] = ("autoscaling", "images")) -> None:
        self.capabilities: frozenset[Capability] = frozenset(capabilities)
        self.follow_seconds = 0.0
        self.logs_restarts = True
        self.workloads: dict[UUID, Running] = {}
        self.tasks: dict[str, ScriptedTask] = {}
        self.deleted: list[UUID] = []
        self.deleted_projects: list[UUID] = []
        self.most_replicas: dict[UUID, int] = {}
        self.becomes_ready: Callable[[Workload], bool] = lambda _: True
        self.problem: Problem | None = None
        self.then: TaskStatus | None = DONE
        self.task_text: Sequence[str] = ()
        self.runs: Sequence[ScheduledRun] = ()
        self.failing: random.Random | None = None
        self.away = False

    def running(self) -> dict[UUID, int]:
        """Replicas of every release that has any."""
        return {one: run.replicas for one, run in self.workloads.items() if run.replicas}

    async def apply(self, workload: Workload, replicas: int) -> None:
        """Bring it to this."""
        await self._answer()
        known = self.workloads.get(workload.release)
        applied = known.applied + 1 if known else 1
        restarts = known.restarts if known else 0
        self.workloads[workload.release] = Running(workload, replicas, restarts, applied)
        await self._answer()

    async def status(self, ref: WorkloadRef) -> WorkloadStatus | None:
        """How it stands."""
        await self._answer()
        run = self.workloads.get(ref.release)
        if run is None:
            return None
        ready = run.replicas if self.becomes_ready(run.workload) else 0
        problem = self.problem if run.replicas and not ready else None
        restarts = run.restarts if ready else 3
        return WorkloadStatus(
            wanted=run.replicas,
            ready=ready,
            addresses=(address_of(ref.release),),
            replicas=tuple(
                ReplicaStatus(name=f"web-{n}", ready=ready > n, restarts=restarts)
                for n in range(run.replicas)
            ),
            problem=problem,
        )

    async def scale(self, ref: WorkloadRef, replicas: int) -> None:
        """Other replicas."""
        await self._answer()
        self.workloads[ref.release].replicas = replicas

    async def restart(self, ref: WorkloadRef) -> None:
        """Count it."""
        await self._answer()
        self.workloads[ref.release].restarts += 1

    async def delete(self, ref: WorkloadRef) -> None:
        """Forget it."""
        await self._answer()
        self.workloads.pop(ref.release, None)
        self.deleted.append(ref.release)
        await self._answer()

    async def delete_project(self, project: UUID) -> None:
        """Forget all of it."""
        await self._answer()
        self.deleted_projects.append(project)
        for release, run in list(self.workloads.items()):
            if run.workload.project == project:
                del self.workloads[release]

    async def start_task(self, key: str, workload: Workload, command: str, seconds: int) -> None:
        """Begin a task, once."""
        await self._answer()
        if key in self.tasks:
            return
        task = self.tasks[key] = ScriptedTask(workload, command)
        for text in self.task_text:
            line = LogLine(
                time="2026-01-01T00:00:00.000Z", source="runtime", stream="stdout", text=text
            )
            task.frames.append(LogFrame(n=len(task.frames) + 1, lines=(line,)))
        if self.then is not None:
            self.finish(key, self.then)

    def finish(self, key: str, status: TaskStatus = DONE) -> None:
        """End a task."""
        task = self.tasks[key]
        task.end = status.model_copy(update={"frames": len(task.frames)})

    async def task_status(self, ref: WorkloadRef, key: str) -> TaskStatus | None:
        """How it stands."""
        await self._answer()
        task = self.tasks.get(key)
        if task is None:
            return None
        return task.end or TaskStatus(state="running", frames=len(task.frames))

    async def task_log(
        self, ref: WorkloadRef, key: str, after: int, wait: float = 0
    ) -> Sequence[LogFrame]:
        """Its frames."""
        await self._answer()
        return self.tasks[key].frames[after:] if key in self.tasks else []

    async def cancel_task(self, ref: WorkloadRef, key: str) -> None:
        """End it; an unknown one never begins."""
        await self._answer()
        task = self.tasks.setdefault(key, ScriptedTask(None, ""))
        if task.end is None:
            self.finish(key, TaskStatus(state="canceled"))

    async def delete_task(self, ref: WorkloadRef, key: str) -> None:
        """A tombstone stays, as long as this test lives."""
        await self.cancel_task(ref, key)

    async def scheduled_runs(self, ref: WorkloadRef) -> Sequence[ScheduledRun]:
        """As the test said."""
        await self._answer()
        return self.runs

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.away or (self.failing and self.failing.random() < 0.2):
            raise Unavailable("The cluster does not answer: try again")


def address_of(release: UUID) -> str:
    """Where requests for a release go."""
    return f"10.0.{release.bytes[0]}.{release.bytes[1]}:8080"


def install(platform: Any, cluster: ScriptedCluster) -> ScriptedCluster:
    """Make it the cluster of a platform, whose settings say that it has one."""
    from dataclasses import replace

    for services in (platform.services, platform.worker):
        services.__dict__["cluster"] = cluster
        services.settings = replace(services.settings, cluster="kubernetes", drain_seconds=0)
    return cluster
