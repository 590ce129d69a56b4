"""The queries of members and invitations."""

from datetime import datetime
from uuid import UUID

from shared.database import Connection, Row


async def list_members(connection: Connection, account_id: UUID) -> list[Row]:
    """The members of an account, first joined first."""
    found = await connection.execute(
        "SELECT m.user_id, u.login, u.name, m.role, m.created_at AS since"
        " FROM members m JOIN users u ON u.id = m.user_id"
        " WHERE m.account_id = %s ORDER BY m.created_at, m.user_id",
        [account_id],
    )
    return await found.fetchall()


async def lock_members(connection: Connection, account_id: UUID) -> dict[UUID, str]:
    """Roles by user, locked so that the last owner cannot leave twice at once."""
    found = await connection.execute(
        "SELECT user_id, role FROM members WHERE account_id = %s ORDER BY user_id FOR UPDATE",
        [account_id],
    )
    return {row["user_id"]: row["role"] for row in await found.fetchall()}


async def set_role(connection: Connection, account_id: UUID, user_id: UUID, role: str) -> None:
    """Another role."""
    await connection.execute(
        "UPDATE members SET role = %s WHERE account_id = %s AND user_id = %s",
        [role, account_id, user_id],
    )


async def remove_member(connection: Connection, account_id: UUID, user_id: UUID) -> None:
    """A member leaves; what they made stays the account's."""
    await connection.execute(
        "DELETE FROM members WHERE account_id = %s AND user_id = %s", [account_id, user_id]
    )


async def insert_invitation(
    connection: Connection, invitation_id: UUID, account_id: UUID, by: UUID, role: str, days: int
) -> datetime:
    """A new invitation; until when it can be accepted."""
    found = await connection.execute(
        "INSERT INTO invitations (id, account_id, role, created_by, expires_at)"
        " VALUES (%s, %s, %s, %s, now() + make_interval(days => %s)) RETURNING expires_at",
        [invitation_id, account_id, role, by, days],
    )
    row = await found.fetchone()
    assert row is not None
    expires: datetime = row["expires_at"]
    return expires


async def accept_invitation(
    connection: Connection, invitation_id: UUID, user_id: UUID
) -> UUID | None:
    """Join the account of an invitation; None where it cannot be accepted any more."""
    found = await connection.execute(
        "SELECT accept_invitation(%s, %s) AS account_id", [invitation_id, user_id]
    )
    row = await found.fetchone()
    joined: UUID | None = row["account_id"] if row else None
    return joined
