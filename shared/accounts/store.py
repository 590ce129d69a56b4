"""The queries of users, members and sessions."""

from uuid import UUID

from shared.database import Connection, Row


async def use_ticket(connection: Connection, ticket: str, life_seconds: int) -> bool:
    """Mark a one-time ticket as used; False where it was used before."""
    done = await connection.execute(
        "INSERT INTO used_tickets (ticket, expires_at)"
        " VALUES (%s, now() + make_interval(secs => %s)) ON CONFLICT DO NOTHING",
        [ticket, life_seconds],
    )
    return done.rowcount == 1


async def development_user(connection: Connection) -> UUID:
    """The local developer, made with a personal account at the first call."""
    found = await connection.execute("SELECT development_user() AS id")
    row = await found.fetchone()
    assert row is not None
    user: UUID = row["id"]
    return user


async def insert_session(
    connection: Connection, session_id: UUID, user_id: UUID, days: int
) -> None:
    """A new session; the transaction's scope names it."""
    await connection.execute(
        "INSERT INTO sessions (id, user_id, expires_at)"
        " VALUES (%s, %s, now() + make_interval(days => %s))",
        [session_id, user_id, days],
    )


async def lock_session(connection: Connection, session_id: UUID) -> Row | None:
    """The session with how many seconds ago it rotated, locked against a second rotation."""
    found = await connection.execute(
        "SELECT user_id, rotation, revoked_at IS NOT NULL OR expires_at < now() AS ended,"
        " extract(epoch FROM now() - rotated_at)::float AS rotated_ago"
        " FROM sessions WHERE id = %s FOR UPDATE",
        [session_id],
    )
    return await found.fetchone()


async def rotate_session(connection: Connection, session_id: UUID, rotation: int) -> None:
    """From now on this rotation is the current one."""
    await connection.execute(
        "UPDATE sessions SET rotation = %s, rotated_at = now() WHERE id = %s",
        [rotation, session_id],
    )


async def revoke_session(connection: Connection, session_id: UUID) -> None:
    """End a session."""
    await connection.execute(
        "UPDATE sessions SET revoked_at = coalesce(revoked_at, now()) WHERE id = %s", [session_id]
    )


async def read_user(connection: Connection, user_id: UUID) -> Row | None:
    """A user by id."""
    found = await connection.execute("SELECT id, login, name FROM users WHERE id = %s", [user_id])
    return await found.fetchone()


async def list_memberships(connection: Connection, user_id: UUID) -> list[Row]:
    """The accounts of a user with the role in each, oldest first."""
    found = await connection.execute(
        "SELECT a.id, a.slug, a.name, m.role FROM members m JOIN accounts a ON a.id = m.account_id"
        " WHERE m.user_id = %s ORDER BY m.created_at, a.id",
        [user_id],
    )
    return await found.fetchall()


async def read_account(connection: Connection, account_id: UUID) -> Row | None:
    """The plan, own limits and suspension of an account."""
    found = await connection.execute(
        "SELECT id, slug, plan, limits, suspended_at FROM accounts WHERE id = %s", [account_id]
    )
    return await found.fetchone()


async def delete_expired(connection: Connection) -> int:
    """Remove sessions and tickets that ended a while ago; how many."""
    sessions = await connection.execute(
        "DELETE FROM sessions WHERE expires_at < now() - interval '30 days'"
    )
    tickets = await connection.execute("DELETE FROM used_tickets WHERE expires_at < now()")
    return sessions.rowcount + tickets.rowcount
