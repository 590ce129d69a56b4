"""Tasks as members act on them: run a command once with what is live, look, cancel."""

from typing import Any
from uuid import UUID

from shared.accounts.service import require_role
from shared.audit import store as audit
from shared.clients.queues import TASKS, Queues
from shared.database import Database, Row, Scope
from shared.errors import Conflict, NotFound, Unavailable
from shared.plans.limits import TASK_SECONDS
from shared.workloads import store, task_store
from shared.workloads.bounds import AbovePlan, above
from shared.workloads.models import Task, TaskCreate
from shared.workloads.service import NothingRuns


class TaskEnded(Conflict):
    """A task that has ended cannot be canceled."""

    code, title = "task_ended", "The task has ended"


class TaskService:
    """Every method acts for one user: what the user may not see does not exist."""

    def __init__(self, database: Database, queues: Queues) -> None:
        self._database = database
        self._queues = queues

    async def create(
        self, scope: Scope, project_id: UUID, task_id: UUID, wanted: TaskCreate
    ) -> Task:
        """A new task; raises NothingRuns, AbovePlan."""
        async with self._database.transaction(scope) as connection:
            live = await store.read_live(connection, project_id, wanted.environment)
            if live is None:
                raise NotFound("No such project")
            await require_role(connection, scope.actor, live["account_id"], "member")
            if live["release_id"] is None or live["state"] == "deleted":
                raise NothingRuns(
                    f"No server of {live['project_slug']} is live in {wanted.environment}:"
                    " deploy one first"
                )
            problems = list(above("seconds", wanted.seconds, TASK_SECONDS, live["limits"]))
            if problems:
                raise AbovePlan(problems)
            await task_store.insert(connection, _values(scope, task_id, live, wanted))
            target = f"{live['project_slug']} #{live['number']}"
            await audit.record(connection, live["account_id"], scope.actor, "task.create", target)
            row = await task_store.read(connection, task_id)
        return await self._hinted(row)

    async def get(self, scope: Scope, task_id: UUID) -> Task:
        """One task; raises NotFound."""
        async with self._database.transaction(scope) as connection:
            row = await task_store.read(connection, task_id)
        if row is None:
            raise NotFound("No such task")
        return _task(row)

    async def list_tasks(
        self, scope: Scope, project_id: UUID, before: tuple[Any, UUID] | None, limit: int
    ) -> list[Task]:
        """A project's tasks, newest first; raises NotFound."""
        async with self._database.transaction(scope) as connection:
            if await store.read_live(connection, project_id, "production") is None:
                raise NotFound("No such project")
            rows = await task_store.list_tasks(connection, project_id, before, limit)
        return [_task(row) for row in rows]

    async def cancel(self, scope: Scope, task_id: UUID) -> Task:
        """Ask for the end; the state changes when it has really ended."""
        async with self._database.transaction(scope) as connection:
            row = await task_store.read(connection, task_id)
            if row is None:
                raise NotFound("No such task")
            await require_role(connection, scope.actor, row["account_id"], "member")
            if not await task_store.request_cancel(connection, task_id):
                raise TaskEnded(f"The task has {row['state']}: there is nothing to cancel")
            target = f"{row['project_slug']} #{row['number']}"
            await audit.record(connection, row["account_id"], scope.actor, "task.cancel", target)
            row = await task_store.read(connection, task_id)
        return await self._hinted(row)

    async def _hinted(self, row: Row | None) -> Task:
        """Wake the worker; the row is due, so the sweep does it where this fails."""
        assert row is not None  # it was read in the transaction that made or changed it
        try:
            await self._queues.send(TASKS, {"task": str(row["id"]), "tick": row["tick"]})
        except Unavailable:
            return _task(row)
        return _task(row)


def replica_of(task_id: UUID) -> str:
    """What stands as replica in the lines that a task writes."""
    return f"task-{task_id}"


def _values(scope: Scope, task_id: UUID, live: Row, wanted: TaskCreate) -> dict[str, Any]:
    return {
        "id": task_id,
        "account_id": live["account_id"],
        "project_id": live["project_id"],
        "release_id": live["release_id"],
        "environment": wanted.environment,
        "command": wanted.command,
        "seconds": wanted.seconds,
        "created_by": scope.actor,
    }


def _task(row: Row) -> Task:
    named = {name: row[name] for name in Task.model_fields if name in row}
    return Task(**named, replica=replica_of(row["id"]))
