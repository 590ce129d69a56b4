"""Commits under the lease of a claimed workload."""

from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec
from uuid import UUID

from shared.database import EVERYONE, Connection, Database, Row
from shared.deliveries.service import DeliveryService
from shared.routes import store as routes
from shared.workloads import store

Values = ParamSpec("Values")
Change = Callable[Concatenate[Connection, Row, Values], Awaitable[bool]]


class LeaseLost(Exception):
    """Another look holds the row: stop without a word."""


class Changes:
    """What the worker changes of workloads; everything raises LeaseLost."""

    def __init__(self, database: Database, deliveries: DeliveryService) -> None:
        self.database = database
        self._deliveries = deliveries

    async def commit(
        self, row: Row, change: Change[Values], *args: Values.args, **kwargs: Values.kwargs
    ) -> None:
        """One change of the row."""
        async with self.database.transaction() as connection:
            if not await change(connection, row, *args, **kwargs):
                raise LeaseLost

    async def commit_with_routes(
        self, row: Row, change: Change[Values], *args: Values.args, **kwargs: Values.kwargs
    ) -> None:
        """One change that its routes have to tell."""
        async with self.database.transaction() as connection:
            if not await change(connection, row, *args, **kwargs):
                raise LeaseLost
            hosts = await routes.move_release_hosts(connection, row["release_id"])
            ids = await routes.write_later(connection, row["account_id"], hosts)
        await self.deliver(ids)

    async def deliver(self, ids: list[UUID]) -> None:
        """Try what was committed."""
        await self._deliveries.attempt_all(EVERYONE, ids)

    async def renewed(self, row: Row, lease_seconds: float) -> Row:
        """The row as it is now, with the lease kept."""
        async with self.database.transaction() as connection:
            found = await store.hold(
                connection, row["release_id"], row["tick"], lease_seconds, renewed=True
            )
        if found is None:
            raise LeaseLost
        return found
