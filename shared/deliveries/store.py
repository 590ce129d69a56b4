"""The queries of deliveries."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.database import Connection, Row


async def insert(
    connection: Connection, account_id: UUID, kind: str, payload: dict[str, Any]
) -> UUID:
    """A delivery that is due at once; its first tick is 0."""
    found = await connection.execute(
        "INSERT INTO deliveries (account_id, kind, payload) VALUES (%s, %s, %s) RETURNING id",
        [account_id, kind, Jsonb(payload)],
    )
    row = await found.fetchone()
    assert row is not None
    identity: UUID = row["id"]
    return identity


async def claim(
    connection: Connection, identity: UUID, tick: int, lease_seconds: float
) -> Row | None:
    """Take the lease; None where the tick is stale or the work is done."""
    found = await connection.execute(
        "UPDATE deliveries SET tick = tick + 1, attempts = attempts + 1,"
        " due_at = now() + make_interval(secs => %s)"
        " WHERE id = %s AND tick = %s AND done_at IS NULL"
        " RETURNING id, kind, payload, tick, attempts",
        [lease_seconds, identity, tick],
    )
    return await found.fetchone()


async def complete(connection: Connection, identity: UUID, tick: int) -> None:
    """The claim's work is done."""
    await connection.execute(
        "UPDATE deliveries SET done_at = now(), last_error = NULL WHERE id = %s AND tick = %s",
        [identity, tick],
    )


async def postpone(
    connection: Connection, identity: UUID, tick: int, seconds: float, error: str
) -> None:
    """The claim's work failed: due again in some seconds."""
    await connection.execute(
        "UPDATE deliveries SET due_at = now() + make_interval(secs => %s), last_error = %s"
        " WHERE id = %s AND tick = %s",
        [seconds, error, identity, tick],
    )


async def take_due(connection: Connection, rest_seconds: float, limit: int) -> list[Row]:
    """Deliveries that are due, put off for ``rest_seconds`` so that each sweep hints new ones."""
    found = await connection.execute(
        "UPDATE deliveries SET due_at = now() + make_interval(secs => %s) WHERE id IN ("
        "SELECT id FROM deliveries WHERE done_at IS NULL AND due_at <= now()"
        " ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id, tick",
        [rest_seconds, limit],
    )
    return await found.fetchall()


async def delete_old(connection: Connection) -> int:
    """Done deliveries are kept for a week, for whoever looks into the past."""
    done = await connection.execute(
        "DELETE FROM deliveries WHERE done_at < now() - interval '7 days'"
    )
    return done.rowcount
