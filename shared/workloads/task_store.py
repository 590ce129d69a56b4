"""The queries of tasks. Time is Postgres's; a claim that lost its lease changes nothing."""

from collections.abc import Mapping
from typing import Any, LiteralString
from uuid import UUID

from shared.database import Connection, Row

_COLUMNS: LiteralString = (
    "SELECT t.*, w.number, p.slug AS project_slug,"
    " t.cancel_requested_at IS NOT NULL AS cancel_requested"
    " FROM tasks t JOIN workloads w ON w.release_id = t.release_id"
    " JOIN projects p ON p.id = t.project_id"
)


async def insert(connection: Connection, values: Mapping[str, Any]) -> bool:
    """A new task, due at once; False where its id was made before."""
    done = await connection.execute(
        "INSERT INTO tasks (id, account_id, project_id, release_id, environment, command, seconds,"
        " created_by) VALUES (%(id)s, %(account_id)s, %(project_id)s, %(release_id)s,"
        " %(environment)s, %(command)s, %(seconds)s, %(created_by)s) ON CONFLICT (id) DO NOTHING",
        dict(values),
    )
    return done.rowcount == 1


async def read(connection: Connection, task_id: UUID) -> Row | None:
    """One task."""
    found = await connection.execute(_COLUMNS + " WHERE t.id = %s", [task_id])
    return await found.fetchone()


async def list_tasks(
    connection: Connection, project_id: UUID, before: tuple[Any, UUID] | None, limit: int
) -> list[Row]:
    """A project's tasks, newest first."""
    at, identity = before or (None, None)
    found = await connection.execute(
        _COLUMNS + " WHERE t.project_id = %s AND (%s::timestamptz IS NULL"
        " OR (t.created_at, t.id) < (%s, %s)) ORDER BY t.created_at DESC, t.id DESC LIMIT %s",
        [project_id, at, at, identity, limit],
    )
    return await found.fetchall()


async def request_cancel(connection: Connection, task_id: UUID) -> bool:
    """Ask for the end of a task that has not ended; it is due at once."""
    done = await connection.execute(
        "UPDATE tasks SET cancel_requested_at = coalesce(cancel_requested_at, now()),"
        " due_at = now() WHERE id = %s AND finished_at IS NULL",
        [task_id],
    )
    return done.rowcount == 1


async def hold(
    connection: Connection, task_id: UUID, tick: int, lease_seconds: float, *, renewed: bool
) -> Row | None:
    """Take the lease by raising the tick, or keep it; None where it is lost."""
    found = await connection.execute(
        "UPDATE tasks t SET tick = t.tick + %s, due_at = now() + make_interval(secs => %s)"
        " FROM workloads w WHERE t.id = %s AND t.tick = %s AND t.finished_at IS NULL"
        " AND w.release_id = t.release_id"
        " RETURNING t.*, w.document, w.state AS workload_state",
        [0 if renewed else 1, lease_seconds, task_id, tick],
    )
    return await found.fetchone()


async def begin(connection: Connection, row: Row) -> bool:
    """The cluster is about to be given it."""
    done = await connection.execute(
        "UPDATE tasks SET state = 'running', started_at = coalesce(started_at, now())"
        " WHERE id = %s AND tick = %s",
        [row["id"], row["tick"]],
    )
    return done.rowcount == 1


async def put_off(
    connection: Connection, row: Row, seconds: float, frames: int, *, failed: bool = False
) -> bool:
    """Give the lease back until some seconds have passed."""
    done = await connection.execute(
        "UPDATE tasks SET due_at = now() + make_interval(secs => %s), frames = %s,"
        " attempt = CASE WHEN %s THEN attempt + 1 ELSE 0 END WHERE id = %s AND tick = %s",
        [seconds, frames, failed, row["id"], row["tick"]],
    )
    return done.rowcount == 1


async def finish(
    connection: Connection, row: Row, state: str, exit_code: int | None, detail: str
) -> bool:
    """It has ended."""
    done = await connection.execute(
        "UPDATE tasks SET state = %s, exit_code = %s, detail = %s, finished_at = now(),"
        " due_at = NULL WHERE id = %s AND tick = %s",
        [state, exit_code, detail, row["id"], row["tick"]],
    )
    return done.rowcount == 1


async def take_due(connection: Connection, rest_seconds: float, limit: int) -> list[Row]:
    """Rows that are due, put off for ``rest_seconds`` so that each sweep hints new ones."""
    found = await connection.execute(
        "UPDATE tasks SET due_at = now() + make_interval(secs => %s) WHERE id IN ("
        "SELECT id FROM tasks WHERE finished_at IS NULL AND due_at <= now()"
        " ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id, tick",
        [rest_seconds, limit],
    )
    return await found.fetchall()
