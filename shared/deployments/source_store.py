"""The worker's queries of sources: what is staged, what came before, what can be used again."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from shared.database import Connection, Row


async def insert_staged(
    connection: Connection, claim: Mapping[str, Any], upload_id: UUID, size: int
) -> None:
    """A source that the worker fetched stands among the uploads, so that it is cleaned like one."""
    await connection.execute(
        "INSERT INTO uploads (id, account_id, project_id, format, size, created_by, expires_at)"
        " VALUES (%s, %s, %s, 'tar.gz', %s, %s, now())"
        " ON CONFLICT (id) DO UPDATE SET size = excluded.size, cleaned_at = NULL",
        [upload_id, claim["account_id"], claim["project_id"], size, claim["created_by"]],
    )


async def last_built(connection: Connection, claim: Mapping[str, Any]) -> Row | None:
    """The newest ready deployment of the same environment and lane before this one."""
    found = await connection.execute(
        "SELECT d.number, d.source, u.cleaned_at IS NULL AS is_staged FROM deployments d"
        " LEFT JOIN uploads u ON u.id = (d.source ->> 'upload_id')::uuid"
        " WHERE d.project_id = %s AND d.environment = %s AND d.state = 'ready' AND d.number < %s"
        " AND (d.environment = 'production' OR d.lane = %s)"
        " ORDER BY d.number DESC LIMIT 1",
        [claim["project_id"], claim["environment"], claim["number"], claim["lane"]],
    )
    return await found.fetchone()


async def find_release(
    connection: Connection, claim: Mapping[str, Any], fingerprint: str
) -> Row | None:
    """The newest static release that was made of exactly this, in the same environment."""
    found = await connection.execute(
        "SELECT id, number, serving, settings, files, bytes FROM releases"
        " WHERE project_id = %s AND environment = %s AND fingerprint = %s AND kind = 'static'"
        " ORDER BY number DESC LIMIT 1",
        [claim["project_id"], claim["environment"], fingerprint],
    )
    return await found.fetchone()


async def find_image(
    connection: Connection, claim: Mapping[str, Any], image_key: str
) -> Row | None:
    """The newest image that was made of exactly this and is kept, in the same environment."""
    found = await connection.execute(
        "SELECT r.number, r.image, r.bytes FROM releases r JOIN workloads w ON w.release_id = r.id"
        " WHERE r.project_id = %s AND r.environment = %s AND r.image_key = %s"
        " AND w.state <> 'deleted' AND w.image = r.image ORDER BY r.number DESC LIMIT 1",
        [claim["project_id"], claim["environment"], image_key],
    )
    return await found.fetchone()


async def read_release(connection: Connection, release_id: UUID) -> Row | None:
    """A release by its id."""
    found = await connection.execute(
        "SELECT id, number, serving, settings, files, bytes FROM releases WHERE id = %s",
        [release_id],
    )
    return await found.fetchone()


async def read_variables(connection: Connection, deployment_id: UUID) -> str | None:
    """The sealed variables of a deployment; None where it has been given none yet."""
    found = await connection.execute(
        "SELECT variables FROM deployments WHERE id = %s", [deployment_id]
    )
    row = await found.fetchone()
    return row["variables"] if row else None
