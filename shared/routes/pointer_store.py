"""The queries that move an environment's pointer: one compare-and-set each."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.database import Connection, Row


async def lock_environment(connection: Connection, project_id: UUID, name: str) -> Row | None:
    """An environment with what is live, locked until the end of the transaction."""
    found = await connection.execute(
        "SELECT e.id, e.account_id, e.live_release_id, e.live_sequence, e.pinned_at,"
        " e.next_release_id,"
        " r.number AS live_number FROM environments e"
        " LEFT JOIN releases r ON r.id = e.live_release_id"
        " WHERE e.project_id = %s AND e.name = %s FOR UPDATE OF e",
        [project_id, name],
    )
    return await found.fetchone()


async def go_live(
    connection: Connection, environment_id: UUID, release_id: UUID, number: int
) -> bool:
    """Automatic promotion: never below the highest number that was live, never past a pin."""
    done = await connection.execute(
        "UPDATE environments SET live_release_id = %s, live_since = now(), live_sequence = %s,"
        " generation = generation + 1, stopped_at = NULL, next_release_id = NULL,"
        " next_failure = NULL"
        " WHERE id = %s AND pinned_at IS NULL AND live_sequence < %s",
        [release_id, number, environment_id, number],
    )
    return done.rowcount == 1


async def point_at(
    connection: Connection, environment_id: UUID, release_id: UUID, number: int, *, pin: bool
) -> None:
    """A member's choice: promote (no pin) or roll back (pin)."""
    await connection.execute(
        "UPDATE environments SET live_release_id = %s, live_since = now(),"
        " live_sequence = greatest(live_sequence, %s), generation = generation + 1,"
        " stopped_at = NULL, next_release_id = NULL, next_failure = NULL,"
        " pinned_at = CASE WHEN %s THEN now() END WHERE id = %s",
        [release_id, number, pin, environment_id],
    )


async def ask_next(
    connection: Connection, environment_id: UUID, release_id: UUID, *, pin: bool
) -> None:
    """A member's choice of a release that is not ready yet.

    A pin holds from now on: what becomes ready meanwhile must not go live after this was asked.
    """
    await connection.execute(
        "UPDATE environments SET next_release_id = %s, next_pin = %s, next_since = now(),"
        " next_failure = NULL, pinned_at = CASE WHEN %s THEN now() ELSE pinned_at END"
        " WHERE id = %s",
        [release_id, pin, pin, environment_id],
    )


async def give_up_next(
    connection: Connection, environment_id: UUID, release_id: UUID, failure: Mapping[str, Any]
) -> bool:
    """The release that was asked for does not get ready: what is live stays."""
    done = await connection.execute(
        "UPDATE environments SET next_release_id = NULL, next_failure = %s"
        " WHERE id = %s AND next_release_id = %s",
        [Jsonb(dict(failure)), environment_id, release_id],
    )
    return done.rowcount == 1


async def unpin(connection: Connection, environment_id: UUID) -> None:
    """Let new releases go live by themselves again."""
    await connection.execute(
        "UPDATE environments SET pinned_at = NULL, next_release_id = NULL,"
        " generation = generation + 1 WHERE id = %s",
        [environment_id],
    )


async def newest_waiting(connection: Connection, project_id: UUID, above: int) -> Row | None:
    """The newest production release with a number above."""
    found = await connection.execute(
        "SELECT id, number, kind FROM releases WHERE project_id = %s"
        " AND environment = 'production' AND number > %s ORDER BY number DESC LIMIT 1",
        [project_id, above],
    )
    return await found.fetchone()


async def release_before(connection: Connection, project_id: UUID, number: int) -> Row | None:
    """The newest production release below a number."""
    found = await connection.execute(
        "SELECT id, number, deployment_id FROM releases WHERE project_id = %s"
        " AND environment = 'production' AND number < %s ORDER BY number DESC LIMIT 1",
        [project_id, number],
    )
    return await found.fetchone()


async def release_of(connection: Connection, deployment_id: UUID) -> Row | None:
    """The release that a deployment left."""
    found = await connection.execute(
        "SELECT id, number, kind, project_id, environment, deployment_id FROM releases"
        " WHERE deployment_id = %s",
        [deployment_id],
    )
    return await found.fetchone()
