"""The queries that give a front end its account, project and host."""

from uuid import UUID

from shared.database import Connection, Row
from shared.projects import store as projects


async def ensure_account(connection: Connection, slug: str) -> UUID:
    """The system account; it has no members, so no user sees it."""
    found = await connection.execute(
        "INSERT INTO accounts (slug, name) VALUES (%s, %s)"
        " ON CONFLICT (slug) DO UPDATE SET name = excluded.name RETURNING id",
        [slug, "Platform"],
    )
    row = await found.fetchone()
    assert row is not None
    account: UUID = row["id"]
    return account


async def ensure_project(connection: Connection, account_id: UUID, slug: str, host: str) -> Row:
    """The project of a front end with its host."""
    await connection.execute(
        "INSERT INTO projects (account_id, slug, name) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        [account_id, slug, slug],
    )
    found = await connection.execute(
        "SELECT id, account_id, slug FROM projects WHERE slug = %s AND deleted_at IS NULL", [slug]
    )
    row = await found.fetchone()
    assert row is not None
    await _ensure_environment(connection, row, host)
    return row


async def _ensure_environment(connection: Connection, project: Row, host: str) -> None:
    found = await connection.execute(
        "SELECT id FROM environments WHERE project_id = %s AND name = 'production'",
        [project["id"]],
    )
    row = await found.fetchone()
    environment = (
        row["id"]
        if row
        else (await projects.insert_environments(connection, project["id"], project["account_id"]))[
            "production"
        ]
    )
    await connection.execute(
        "INSERT INTO hosts (host, account_id, project_id, environment_id) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (host) DO NOTHING",
        [host, project["account_id"], project["id"], environment],
    )


async def ensure_user(connection: Connection, login: str) -> UUID:
    """The author of platform deployments; nobody can sign in as it."""
    found = await connection.execute(
        "INSERT INTO users (login, name) VALUES (%s, %s)"
        " ON CONFLICT (login) DO UPDATE SET name = excluded.name RETURNING id",
        [login, "Platform"],
    )
    row = await found.fetchone()
    assert row is not None
    user: UUID = row["id"]
    return user
