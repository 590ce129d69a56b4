"""The queries of idempotency keys."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.database import Connection, Row


async def claim(
    connection: Connection, user_id: UUID, route: str, key: str, body_hash: bytes
) -> bool:
    """Take a key that is new, or whose first call died without an answer; True where taken."""
    done = await connection.execute(
        "INSERT INTO idempotency_keys AS k (user_id, route, key, body_hash)"
        " VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (user_id, route, key) DO UPDATE SET created_at = now()"
        " WHERE k.status IS NULL AND k.body_hash = excluded.body_hash"
        " AND k.created_at < now() - interval '60 seconds'",
        [user_id, route, key, body_hash],
    )
    return done.rowcount == 1


async def read(connection: Connection, user_id: UUID, route: str, key: str) -> Row | None:
    """What a key stands for."""
    found = await connection.execute(
        "SELECT body_hash, status, response FROM idempotency_keys"
        " WHERE user_id = %s AND route = %s AND key = %s",
        [user_id, route, key],
    )
    return await found.fetchone()


async def complete(
    connection: Connection, user_id: UUID, route: str, key: str, status: int, response: Any
) -> None:
    """Keep the answer."""
    await connection.execute(
        "UPDATE idempotency_keys SET status = %s, response = %s"
        " WHERE user_id = %s AND route = %s AND key = %s",
        [status, Jsonb(response), user_id, route, key],
    )


async def release(connection: Connection, user_id: UUID, route: str, key: str) -> None:
    """Forget a key whose call had no effect, so that it can be tried again."""
    await connection.execute(
        "DELETE FROM idempotency_keys WHERE user_id = %s AND route = %s AND key = %s"
        " AND status IS NULL",
        [user_id, route, key],
    )


async def delete_old(connection: Connection) -> int:
    """Keys answer for a day."""
    done = await connection.execute(
        "DELETE FROM idempotency_keys WHERE created_at < now() - interval '1 day'"
    )
    return done.rowcount
