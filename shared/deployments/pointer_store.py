"""The queries that move an environment's pointer: one compare-and-set each."""

from uuid import UUID

from shared.database import Connection, Row


async def lock_environment(connection: Connection, project_id: UUID, name: str) -> Row | None:
    """An environment with what is live, locked until the end of the transaction."""
    found = await connection.execute(
        "SELECT e.id, e.account_id, e.live_release_id, e.live_sequence, e.pinned_at,"
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
        " generation = generation + 1"
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
        " pinned_at = CASE WHEN %s THEN now() END WHERE id = %s",
        [release_id, number, pin, environment_id],
    )


async def unpin(connection: Connection, environment_id: UUID) -> None:
    """Let new releases go live by themselves again."""
    await connection.execute(
        "UPDATE environments SET pinned_at = NULL, generation = generation + 1 WHERE id = %s",
        [environment_id],
    )


async def newest_waiting(connection: Connection, project_id: UUID, above: int) -> Row | None:
    """The newest production release with a number above."""
    found = await connection.execute(
        "SELECT id, number FROM releases WHERE project_id = %s AND environment = 'production'"
        " AND number > %s ORDER BY number DESC LIMIT 1",
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
        "SELECT id, number, project_id, environment, deployment_id FROM releases"
        " WHERE deployment_id = %s",
        [deployment_id],
    )
    return await found.fetchone()
