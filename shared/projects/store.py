"""The queries of projects, their environments and uploads."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.database import Connection, Row

KEPT_SOURCES = 10
"""Of so many newest deployments of a project the source is kept, to be deployed again."""

_COLUMNS: LiteralString = (
    "SELECT p.id, p.account_id, p.slug, p.name, p.settings, p.git,"
    " p.git_token IS NOT NULL AS has_git_token, p.registry,"
    " p.registry_token IS NOT NULL AS has_registry_token, p.created_at, p.updated_at,"
    " e.pinned_at IS NOT NULL AS pinned, e.live_since,"
    " r.id AS live_release_id, r.deployment_id AS live_deployment_id, r.number AS live_number,"
    " (SELECT count(*) FROM releases w WHERE w.project_id = p.id AND e.pinned_at IS NOT NULL"
    "  AND w.environment = 'production' AND w.number > e.live_sequence)::int AS waiting_releases"
    " FROM projects p JOIN environments e ON e.project_id = p.id AND e.name = 'production'"
    " LEFT JOIN releases r ON r.id = e.live_release_id"
)


async def insert_project(
    connection: Connection, project_id: UUID, account_id: UUID, slug: str, name: str
) -> bool:
    """A new project; False where this very id was made before. Unique by slug."""
    done = await connection.execute(
        "INSERT INTO projects (id, account_id, slug, name) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (id) DO NOTHING",
        [project_id, account_id, slug, name],
    )
    return done.rowcount == 1


async def insert_environments(
    connection: Connection, project_id: UUID, account_id: UUID
) -> dict[str, UUID]:
    """The environments of a new project: name → id."""
    found = await connection.execute(
        "INSERT INTO environments (account_id, project_id, name)"
        " VALUES (%s, %s, 'production'), (%s, %s, 'preview') RETURNING name, id",
        [account_id, project_id, account_id, project_id],
    )
    return {row["name"]: row["id"] for row in await found.fetchall()}


async def count_projects(connection: Connection, account_id: UUID) -> int:
    """How many projects an account has; locks the account so that a bound holds."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('projects.' || %s::text, 0))",
        [str(account_id)],
    )
    found = await connection.execute(
        "SELECT count(*)::int AS n FROM projects WHERE account_id = %s AND deleted_at IS NULL",
        [account_id],
    )
    row = await found.fetchone()
    return int(row["n"]) if row else 0


async def read_project(connection: Connection, project_id: UUID) -> Row | None:
    """A project that is not deleted."""
    found = await connection.execute(
        _COLUMNS + " WHERE p.id = %s AND p.deleted_at IS NULL", [project_id]
    )
    return await found.fetchone()


async def list_projects(
    connection: Connection, after: tuple[datetime, UUID] | None, slug: str | None, limit: int
) -> list[Row]:
    """Projects, newest first, after a position; only the one with the slug where it is given."""
    at, identity = after or (None, None)
    found = await connection.execute(
        _COLUMNS + " WHERE p.deleted_at IS NULL"
        " AND (%s::timestamptz IS NULL OR (p.created_at, p.id) < (%s, %s))"
        " AND (%s::text IS NULL OR p.slug = %s)"
        " ORDER BY p.created_at DESC, p.id DESC LIMIT %s",
        [at, at, identity, slug, slug, limit],
    )
    return await found.fetchall()


async def rename_project(connection: Connection, project_id: UUID, name: str) -> None:
    """Another name; the slug stays."""
    await connection.execute(
        "UPDATE projects SET name = %s, updated_at = now() WHERE id = %s", [name, project_id]
    )


async def set_settings(
    connection: Connection, project_id: UUID, settings: Mapping[str, Any]
) -> None:
    """Other build settings, in place of all there were."""
    await connection.execute(
        "UPDATE projects SET settings = %s, updated_at = now() WHERE id = %s",
        [Jsonb(dict(settings)), project_id],
    )


async def set_git(
    connection: Connection,
    project_id: UUID,
    git: Mapping[str, Any] | None,
    token: str | None,
    *,
    keep_token: bool,
) -> None:
    """Another repository, or none; ``token`` is sealed."""
    await connection.execute(
        "UPDATE projects SET git = %s, git_token = CASE WHEN %s THEN git_token ELSE %s END,"
        " updated_at = now() WHERE id = %s",
        [Jsonb(dict(git)) if git else None, keep_token, token, project_id],
    )


async def set_registry(
    connection: Connection,
    project_id: UUID,
    registry: Mapping[str, Any] | None,
    token: str | None,
    *,
    keep_token: bool,
) -> None:
    """Another registry to pull from, or none; ``token`` is sealed."""
    await connection.execute(
        "UPDATE projects SET registry = %s, registry_token = CASE WHEN %s THEN registry_token"
        " ELSE %s END, updated_at = now() WHERE id = %s",
        [Jsonb(dict(registry)) if registry else None, keep_token, token, project_id],
    )


async def delete_project(connection: Connection, project_id: UUID) -> None:
    """Mark a project as deleted; what it owned is collected later."""
    await connection.execute(
        "UPDATE projects SET deleted_at = now(), updated_at = now() WHERE id = %s", [project_id]
    )


async def insert_upload(
    connection: Connection,
    upload_id: UUID,
    project: Row,
    user_id: UUID,
    archive: tuple[str, int],
    minutes: int,
    *,
    prebuilt: bool = False,
) -> datetime:
    """An upload (format, size) that may begin until the answered time."""
    found = await connection.execute(
        "INSERT INTO uploads (id, account_id, project_id, format, size, created_by, prebuilt,"
        " expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, now() + make_interval(mins => %s))"
        " ON CONFLICT (id) DO NOTHING",
        [upload_id, project["account_id"], project["id"], *archive, user_id, prebuilt, minutes],
    )
    found = await connection.execute("SELECT expires_at FROM uploads WHERE id = %s", [upload_id])
    row = await found.fetchone()
    assert row is not None
    expires: datetime = row["expires_at"]
    return expires


async def read_upload(connection: Connection, upload_id: UUID, project_id: UUID) -> Row | None:
    """An upload of a project."""
    found = await connection.execute(
        "SELECT id, format, size, prebuilt FROM uploads"
        " WHERE id = %s AND project_id = %s AND cleaned_at IS NULL",
        [upload_id, project_id],
    )
    return await found.fetchone()


async def list_live(connection: Connection, limit: int) -> list[Row]:
    """The projects that are live, most recently changed first."""
    found = await connection.execute(
        _COLUMNS + " WHERE p.deleted_at IS NULL AND e.live_release_id IS NOT NULL"
        " ORDER BY e.live_since DESC LIMIT %s",
        [limit],
    )
    return await found.fetchall()


async def take_stale_uploads(connection: Connection, limit: int) -> list[UUID]:
    """Uploads whose archive nobody can need any more, marked as cleaned.

    Unfinished deployments need theirs, and so do a project's newest ones, which may be deployed
    again.
    """
    found = await connection.execute(
        "UPDATE uploads SET cleaned_at = now() WHERE id IN ("
        "SELECT u.id FROM uploads u WHERE u.cleaned_at IS NULL"
        " AND u.expires_at < now() - interval '1 day' AND NOT EXISTS ("
        "SELECT FROM deployments d JOIN projects p ON p.id = d.project_id"
        " WHERE d.project_id = u.project_id AND d.source ->> 'upload_id' = u.id::text"
        " AND (d.finished_at IS NULL"
        "  OR (d.number > p.last_number - %(kept)s AND p.deleted_at IS NULL))"
        ") LIMIT %(limit)s) RETURNING id",
        {"limit": limit, "kept": KEPT_SOURCES},
    )
    return [row["id"] for row in await found.fetchall()]
