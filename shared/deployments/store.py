"""The queries of deployments as members see and ask for them; `work_store` has the worker's."""

from collections.abc import Mapping
from typing import Any, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.database import Connection, Row
from shared.deliveries import store as deliveries

_COLUMNS: LiteralString = (
    "SELECT d.id, d.account_id, d.project_id, d.environment_id, p.slug AS project_slug, d.number,"
    " d.environment, d.state, d.source, d.build_spec, d.run -> 'built' AS built,"
    " d.progress, d.failure, d.release_id,"
    " d.reused_from, d.skipped, d.settings, d.use_cache, d.tick, d.created_at,"
    " d.started_at, d.finished_at, d.cancel_requested_at IS NOT NULL AS cancel_requested,"
    " d.release_id IS NOT NULL AND e.live_release_id = d.release_id AS live,"
    " coalesce(e.next_release_id = d.release_id, false) AS going_live"
    " FROM deployments d JOIN projects p ON p.id = d.project_id"
    " JOIN environments e ON e.id = d.environment_id"
)


async def insert_deployment(
    connection: Connection, deployment_id: UUID, project: Row, wanted: dict[str, Any]
) -> bool:
    """A new deployment with the project's next number; False where this id was made before.

    ``wanted`` holds environment, source, settings, use_cache, created_by, lane (None: one of its
    own) and wait_seconds.
    """
    if await read_deployment(connection, deployment_id) is not None:
        return False
    await connection.execute(
        "WITH project AS (UPDATE projects SET last_number = last_number + 1"
        " WHERE id = %(project)s RETURNING id, account_id, last_number)"
        " INSERT INTO deployments (id, account_id, project_id, environment_id, environment,"
        " number, lane, source, settings, use_cache, deadline_at, created_by)"
        " SELECT %(id)s, project.account_id, project.id, e.id, e.name, project.last_number,"
        " coalesce(%(lane)s, %(id)s::text), %(source)s, %(settings)s, %(use_cache)s,"
        " now() + make_interval(secs => %(wait_seconds)s), %(created_by)s"
        " FROM project JOIN environments e ON e.project_id = project.id"
        " AND e.name = %(environment)s",
        {
            **wanted,
            "id": deployment_id,
            "project": project["id"],
            "source": Jsonb(wanted["source"]),
            "settings": Jsonb(wanted["settings"]),
        },
    )
    await insert_event(connection, project["account_id"], deployment_id, "queued", None)
    return True


async def insert_event(
    connection: Connection, account_id: UUID, deployment_id: UUID, state: str, detail: str | None
) -> None:
    """One more step in the deployment's history."""
    await connection.execute(
        "INSERT INTO deployment_events (account_id, deployment_id, state, detail)"
        " VALUES (%s, %s, %s, %s)",
        [account_id, deployment_id, state, detail],
    )


async def end_log(connection: Connection, row: Mapping[str, Any]) -> UUID:
    """Commit with the end of a deployment that its log is to be closed; the delivery."""
    payload = {"account": str(row["account_id"]), "deployment": str(row["id"])}
    return await deliveries.insert(connection, row["account_id"], "log_end", payload)


async def end_run(connection: Connection, row: Mapping[str, Any]) -> UUID:
    """Commit with the end of a deployment that its build is to be forgotten; the delivery."""
    payload = {"key": row["run"]["key"]}
    return await deliveries.insert(connection, row["account_id"], "run_end", payload)


async def read_deployment(connection: Connection, deployment_id: UUID) -> Row | None:
    """One deployment."""
    found = await connection.execute(_COLUMNS + " WHERE d.id = %s", [deployment_id])
    return await found.fetchone()


async def list_deployments(
    connection: Connection, project_id: UUID, below: int | None, limit: int
) -> list[Row]:
    """A project's deployments with numbers below a bound, newest first."""
    found = await connection.execute(
        _COLUMNS + " WHERE d.project_id = %s AND (%s::int IS NULL OR d.number < %s)"
        " ORDER BY d.number DESC LIMIT %s",
        [project_id, below, below, limit],
    )
    return await found.fetchall()


async def list_events(connection: Connection, deployment_id: UUID) -> list[Row]:
    """The history of a deployment, oldest first."""
    found = await connection.execute(
        "SELECT state, detail, at FROM deployment_events WHERE deployment_id = %s ORDER BY id",
        [deployment_id],
    )
    return await found.fetchall()


async def request_cancel(connection: Connection, deployment_id: UUID) -> Row | None:
    """Ask for the end of a deployment that has not ended; its tick, or None.

    The claim that is at work notices by itself; one that died is due at once.
    """
    found = await connection.execute(
        "UPDATE deployments SET cancel_requested_at = coalesce(cancel_requested_at, now())"
        " WHERE id = %s AND finished_at IS NULL RETURNING id, tick, state",
        [deployment_id],
    )
    return await found.fetchone()


async def request_cancel_of_project(connection: Connection, project_id: UUID) -> None:
    """Ask for the end of everything that a project has under way."""
    await connection.execute(
        "UPDATE deployments SET cancel_requested_at = now(), due_at = now()"
        " WHERE project_id = %s AND finished_at IS NULL AND cancel_requested_at IS NULL",
        [project_id],
    )
    await connection.execute(
        "UPDATE tasks SET cancel_requested_at = now(), due_at = now()"
        " WHERE project_id = %s AND finished_at IS NULL",
        [project_id],
    )
    await connection.execute(
        "UPDATE workloads SET due_at = now() WHERE project_id = %s AND state <> 'deleted'",
        [project_id],
    )
