"""The queries of variables, and of everything else that is sealed, for a rotation of keys."""

from collections.abc import Callable, Mapping
from typing import Any, LiteralString
from uuid import UUID

from shared.database import Connection, Row

_COLUMNS: LiteralString = (
    "id, account_id, project_id, name, environment, branch, scope, secret, sealed,"
    " created_at, updated_at"
)
_SELECT: LiteralString = "SELECT " + _COLUMNS + " FROM variables v"  # noqa: S608 - constants
_SEALED: tuple[tuple[LiteralString, LiteralString, LiteralString], ...] = (
    ("variables", "id", "sealed"),
    ("deployments", "id", "variables"),
    ("projects", "id", "git_token"),
    ("projects", "id", "registry_token"),
    ("workloads", "release_id", "document"),
)
"""Table, key and column of everything that is stored sealed; a deleted workload's is empty."""


async def read_project(connection: Connection, project_id: UUID) -> Row | None:
    """Whose a project is, unless it is deleted."""
    found = await connection.execute(
        "SELECT id, account_id, slug FROM projects WHERE id = %s AND deleted_at IS NULL",
        [project_id],
    )
    return await found.fetchone()


async def list_variables(
    connection: Connection, account_id: UUID, project_id: UUID | None
) -> list[Row]:
    """The variables of a project, or those that the account's projects share."""
    found = await connection.execute(
        _SELECT + " WHERE account_id = %s AND project_id IS NOT DISTINCT FROM %s"
        " ORDER BY name, environment, branch NULLS FIRST",
        [account_id, project_id],
    )
    return await found.fetchall()


async def list_for_deployment(
    connection: Connection,
    account_id: UUID,
    project_id: UUID,
    environment: str,
    branch: str | None,
) -> list[Row]:
    """All that may reach a deployment, of the project and of its account."""
    found = await connection.execute(
        _SELECT + " WHERE account_id = %s AND (project_id = %s OR project_id IS NULL)"
        " AND environment = %s AND (branch IS NULL OR branch = %s)",
        [account_id, project_id, environment, branch],
    )
    return await found.fetchall()


async def read_variable(connection: Connection, variable_id: UUID) -> Row | None:
    """A variable, locked until the transaction ends, unless its project is deleted."""
    found = await connection.execute(
        _SELECT + " WHERE id = %s AND (project_id IS NULL"
        " OR EXISTS (SELECT FROM projects p WHERE p.id = v.project_id AND p.deleted_at IS NULL))"
        " FOR UPDATE",
        [variable_id],
    )
    return await found.fetchone()


async def lock_owner(
    connection: Connection, account_id: UUID, project_id: UUID | None
) -> dict[tuple[str, str, str | None], UUID]:
    """What there is by (name, environment, branch); nobody else adds meanwhile."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('variables.' || %s::text, 0))",
        [str(project_id or account_id)],
    )
    found = await connection.execute(
        "SELECT id, name, environment, branch FROM variables"
        " WHERE account_id = %s AND project_id IS NOT DISTINCT FROM %s",
        [account_id, project_id],
    )
    rows = await found.fetchall()
    return {(row["name"], row["environment"], row["branch"]): row["id"] for row in rows}


async def put_variable(connection: Connection, values: Mapping[str, Any]) -> Row:
    """A new variable, or another content of the one that has this id."""
    found = await connection.execute(
        "INSERT INTO variables (id, account_id, project_id, name, environment, branch, scope,"
        " secret, sealed, bytes, created_by) VALUES (%(id)s, %(account_id)s, %(project_id)s,"
        " %(name)s, %(environment)s, %(branch)s, %(scope)s, %(secret)s, %(sealed)s, %(bytes)s,"
        " %(created_by)s) ON CONFLICT (id) DO UPDATE SET scope = excluded.scope,"
        " secret = excluded.secret, sealed = excluded.sealed, bytes = excluded.bytes,"
        " updated_at = now() RETURNING *",
        values,
    )
    row = await found.fetchone()
    assert row is not None
    return row


async def total(connection: Connection, account_id: UUID, project_id: UUID | None) -> Row:
    """How many variables there are and how many bytes they hold."""
    found = await connection.execute(
        "SELECT count(*)::int AS n, coalesce(sum(bytes), 0)::int AS bytes FROM variables"
        " WHERE account_id = %s AND project_id IS NOT DISTINCT FROM %s",
        [account_id, project_id],
    )
    row = await found.fetchone()
    assert row is not None
    return row


async def delete_variable(connection: Connection, variable_id: UUID) -> None:
    """Gone at once, value and all."""
    await connection.execute("DELETE FROM variables WHERE id = %s", [variable_id])


async def delete_of_deleted_projects(connection: Connection) -> int:
    """Remove what deleted projects had; how many."""
    done = await connection.execute(
        "DELETE FROM variables v USING projects p"
        " WHERE p.id = v.project_id AND p.deleted_at IS NOT NULL"
    )
    return done.rowcount


async def reseal(
    connection: Connection, key_id: str, limit: int, rotate: Callable[[str, str], str | None]
) -> int:
    """Have ``rotate`` seal again what another key sealed, some of each table; how many it did."""
    done = 0
    for table, key, column in _SEALED:
        found = await connection.execute(
            f"SELECT {key} AS id, {column} AS sealed FROM {table} WHERE {column} <> ''"  # noqa: S608
            f" AND (left({column}, 8) < %s OR left({column}, 8) > %s)"
            " LIMIT %s FOR UPDATE SKIP LOCKED",
            [key_id, key_id, limit],
        )
        for row in await found.fetchall():
            sealed = rotate(row["sealed"], f"{table} {row['id']}")
            if sealed is not None:
                await connection.execute(
                    f"UPDATE {table} SET {column} = %s WHERE {key} = %s",  # noqa: S608
                    [sealed, row["id"]],
                )
                done += 1
    return done
