"""The pool and its transactions: every statement runs in one that says for whom it acts.

The scope of a transaction is what row-level security sees (``migrations/0002_access.sql``).
Queries live in the domains' ``store.py``.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from shared.errors import Unavailable

Row = dict[str, Any]
Connection = psycopg.AsyncConnection[Row]

_UNREACHABLE = "The database does not answer; try again in a few seconds"
_SCOPE: LiteralString = (
    "SELECT set_config('astrocloud.user_id', %s, true),"
    " set_config('astrocloud.account_id', %s, true),"
    " set_config('astrocloud.session_id', %s, true)"
)


@dataclass(frozen=True, slots=True)
class Scope:
    """For whom a transaction acts; an empty scope sees no tenant's row through the api role."""

    user_id: UUID | None = None
    account_id: UUID | None = None
    session_id: UUID | None = None


EVERYONE = Scope()
"""The scope of the worker and the admin app, whose roles are not bound to a user."""


class Database:
    """A pool of connections; opened on first use, closed once."""

    def __init__(self, url: str, max_size: int = 8) -> None:
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=max_size,
            open=False,
            timeout=5,
            check=AsyncConnectionPool.check_connection,
            # PgBouncer in transaction mode keeps no prepared statements.
            kwargs={"row_factory": dict_row, "prepare_threshold": None, "autocommit": True},
        )
        self._opened = False

    async def _connections(self) -> AsyncConnectionPool[Connection]:
        if not self._opened:
            self._opened = True
            await self._pool.open()
        return self._pool

    @asynccontextmanager
    async def transaction(self, scope: Scope = EVERYONE) -> AsyncIterator[Connection]:
        """One transaction acting for the scope; raises Unavailable where Postgres is away."""
        pool = await self._connections()
        try:
            async with pool.connection() as connection, connection.transaction():
                if scope is not EVERYONE:
                    await connection.execute(_SCOPE, _parameters(scope))
                yield connection
        except (PoolTimeout, psycopg.OperationalError) as error:
            raise Unavailable(_UNREACHABLE) from error

    async def ping(self) -> None:
        """Ask for one row; raises Unavailable."""
        async with self.transaction() as connection:
            await connection.execute("SELECT 1")

    async def close(self) -> None:
        """Close the pool."""
        if self._opened:
            await self._pool.close()


def _parameters(scope: Scope) -> list[str]:
    return [str(i) if i else "" for i in (scope.user_id, scope.account_id, scope.session_id)]
