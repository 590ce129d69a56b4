"""The pool and its transactions: every statement runs in one that says for whom it acts.

The scope of a transaction is what row-level security sees (``migrations/0002_access.sql``).
Queries live in the domains' ``store.py``.
"""

import asyncio
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


@dataclass(frozen=True, slots=True)
class Scope:
    """For whom a transaction acts; an empty scope sees no tenant's row through the api role."""

    user_id: UUID | None = None
    account_id: UUID | None = None
    session_id: UUID | None = None

    @property
    def actor(self) -> UUID:
        """The user for whom it acts; a scope without one has no actor."""
        if self.user_id is None:
            raise ValueError("this scope acts for nobody")
        return self.user_id


EVERYONE = Scope()
"""The scope of the worker and the admin app, whose roles are not bound to a user."""


class Database:
    """A pool of connections; opened on first use, closed once."""

    def __init__(self, url: str, max_size: int = 8) -> None:
        self._max_size = max_size
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=max_size,
            open=False,
            timeout=5,
            # PgBouncer in transaction mode keeps no prepared statements.
            kwargs={"row_factory": dict_row, "prepare_threshold": None, "autocommit": True},
        )
        self._opened = False

    @asynccontextmanager
    async def transaction(self, scope: Scope = EVERYONE) -> AsyncIterator[Connection]:
        """One transaction acting for the scope; raises Unavailable where Postgres is away."""
        try:
            connection = await self._begin(_opening(scope))
            try:
                # The connection's own context commits, or rolls back what raised.
                async with connection:
                    yield connection
            finally:
                await self._pool.putconn(connection)
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

    async def _begin(self, opening: LiteralString) -> Connection:
        """A connection within a new transaction.

        Connections that died with a restarted server are found by their first statement, not by
        asking each before its use: nothing was done on it yet, so the next one is taken.
        """
        if not self._opened:
            self._opened = True
            await self._pool.open()
        for _ in range(self._max_size):
            connection = await self._take()
            try:
                await connection.execute(opening)
                return connection
            except psycopg.OperationalError:
                await self._pool.putconn(connection)
            except BaseException:
                await self._pool.putconn(connection)
                raise
        raise PoolTimeout

    async def _take(self) -> Connection:
        """A connection of the pool; a cancellation while waiting for it is never lost.

        The pool waits by ``asyncio.wait_for``, which before Python 3.12 answers instead of
        passing on a cancellation that comes in the moment when the answer does.
        """
        task = asyncio.current_task()
        canceled = task.cancelling() if task else 0
        connection = await self._pool.getconn()
        if task and task.cancelling() > canceled:
            await self._pool.putconn(connection)
            raise asyncio.CancelledError
        return connection


def _opening(scope: Scope) -> LiteralString:
    """BEGIN and the scope in one message to the server. Only UUIDs go into its text."""
    if scope is EVERYONE:
        return "BEGIN"
    named = (scope.user_id, scope.account_id, scope.session_id)
    ids = ", ".join(f"'{UUID(int=i.int)}'" if i else "NULL" for i in named)
    return f"BEGIN; SELECT enter_scope({ids})"
