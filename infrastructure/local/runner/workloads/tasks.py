"""Tasks of one runner: a command that runs once with a release's bundle and variables.

They are kept as builds are, under a name of project, release and key: known by what is on disk,
lost where their keeper is killed, and marked where they were canceled before they began.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from infrastructure.local.runner.folders import RunFolder
from infrastructure.local.runner.nursery import Nursery
from infrastructure.local.runner.runs import KeptRuns, write_secretly
from infrastructure.local.runner.setup import Setup
from shared.builders.port import RunStatus
from shared.clusters.port import TaskStatus, Workload, WorkloadRef

KEEPER = "infrastructure.local.runner.workloads.task_keeper"
LOG_BYTES = 16 * 1024 * 1024


class Task(BaseModel):
    """What is run, with its secrets; deleted when it ends."""

    model_config = ConfigDict(frozen=True)

    workload: Workload
    command: str
    seconds: int


class Tasks(KeptRuns):
    """Everything below the folder of tasks."""

    _LOST = "What kept this task was killed."

    def __init__(self, setup: Setup, nursery: Nursery) -> None:
        super().__init__(Path(setup.state, "tasks"), KEEPER, nursery)

    async def start(self, key: str, task: Task) -> None:
        """Begin a task, unless its key has one, has had one, or was canceled."""

        async def receive(folder: RunFolder) -> None:
            write_secretly(folder.job, task.model_dump_json())

        await self._begin(name(task.workload.ref, key), receive)

    async def task_status(self, ref: WorkloadRef, key: str) -> TaskStatus | None:
        """How a task stands; None where its key is unknown."""
        folder = self.folder(name(ref, key))
        found = await self.status(folder.key)
        if found is None or _forgotten(folder).exists():
            return None
        return _as_task(found, folder)

    async def delete(self, key: str) -> None:
        """Forget a task; its mark stays, so that a late start begins nothing."""
        if not self.folder(key).path.exists():
            return
        await super().delete(key)
        _forgotten(self.folder(key)).touch()

    async def delete_of_release(self, ref: WorkloadRef) -> None:
        """End and forget the tasks of a release."""
        await self._delete_all(f"{ref.project}.{ref.release}.")

    async def delete_of_project(self, project: UUID) -> None:
        """End and forget the tasks of a project."""
        await self._delete_all(f"{project}.")

    async def _delete_all(self, prefix: str) -> None:
        names = [path.name for path in self._base.glob(f"{prefix}*")]
        await asyncio.gather(*(self.delete(one) for one in names))


def _forgotten(folder: RunFolder) -> Path:
    return folder.path / "forgotten"


def name(ref: WorkloadRef, key: str) -> str:
    """What a task's folder is called."""
    return f"{ref.project}.{ref.release}.{key}"


def _as_task(found: RunStatus, folder: RunFolder) -> TaskStatus:
    return TaskStatus(
        state=found.state,
        exit_code=found.exit_code,
        detail=found.detail,
        frames=found.frames,
        started_at=_time_of(folder.lock),
        finished_at=_time_of(folder.path / "status.json") if found.has_ended else None,
    )


def _time_of(path: Path) -> datetime | None:
    """When a file was written last: the lock at the start, the status at the end."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
