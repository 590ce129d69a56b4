"""The queries of API tokens."""

from uuid import UUID

from shared.database import Connection, Row


async def insert_token(
    connection: Connection,
    token_id: UUID,
    owner: tuple[UUID, UUID],
    name: str,
    scopes: list[str],
    secret_hash: bytes,
    days: int,
) -> Row:
    """A new token of (account, user)."""
    found = await connection.execute(
        "INSERT INTO api_tokens (id, account_id, user_id, name, scopes, secret_hash, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, now() + make_interval(days => %s))"
        " RETURNING id, account_id, name, scopes, created_at, expires_at, last_used_at",
        [token_id, *owner, name, scopes, secret_hash, days],
    )
    row = await found.fetchone()
    assert row is not None
    return row


async def find_token(connection: Connection, token_id: UUID) -> Row | None:
    """Whose token this is, while that user is a member of its account."""
    found = await connection.execute("SELECT * FROM find_api_token(%s)", [token_id])
    return await found.fetchone()


async def list_tokens(connection: Connection, account_id: UUID) -> list[Row]:
    """The tokens of an account that are not revoked, newest first."""
    found = await connection.execute(
        "SELECT id, account_id, name, scopes, created_at, expires_at, last_used_at"
        " FROM api_tokens WHERE account_id = %s AND revoked_at IS NULL"
        " ORDER BY created_at DESC, id LIMIT 200",
        [account_id],
    )
    return await found.fetchall()


async def revoke_token(connection: Connection, token_id: UUID) -> Row | None:
    """End a token; its account, or None where there is none to end."""
    found = await connection.execute(
        "UPDATE api_tokens SET revoked_at = now() WHERE id = %s AND revoked_at IS NULL"
        " RETURNING account_id, name",
        [token_id],
    )
    return await found.fetchone()
