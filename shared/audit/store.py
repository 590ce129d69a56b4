"""The query that records an action within the transaction of its change."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.database import Connection


async def record(
    connection: Connection,
    account_id: UUID,
    user_id: UUID,
    action: str,
    target: str,
    detail: dict[str, Any] | None = None,
) -> None:
    """Record ``action`` (``project.create``) on ``target`` (``shop``, ``shop #42``)."""
    await connection.execute(
        "INSERT INTO audit (account_id, user_id, action, target, detail)"
        " VALUES (%s, %s, %s, %s, %s)",
        [account_id, user_id, action, target, Jsonb(detail or {})],
    )
