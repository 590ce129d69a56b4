"""Tries a delivery under a lease and puts it off when it fails.

Kinds are handled by functions given at construction. A handler must bear repetition: it is told
only what to do again, never that it was done.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from shared.clients.queues import DELIVERIES, Queues
from shared.database import EVERYONE, Database, Scope
from shared.deliveries import store
from shared.errors import AstroCloudError, Unavailable

Handler = Callable[[Scope, dict[str, Any]], Awaitable[None]]
_LEASE_SECONDS = 30
_HINT_REST_SECONDS = 30
_LONGEST_WAIT_SECONDS = 60
_BATCH = 200
_log = logging.getLogger(__name__)


class DeliveryService:
    """Attempts deliveries; ``handlers`` maps a kind to what it does."""

    def __init__(self, database: Database, queues: Queues, handlers: Mapping[str, Handler]) -> None:
        self._database = database
        self._queues = queues
        self._handlers = handlers

    async def attempt_all(self, scope: Scope, identities: Sequence[UUID]) -> None:
        """Try what was just committed; what fails is due again, so nothing is raised."""
        for identity in identities:
            try:
                await self.attempt(identity, 0, scope)
            except Unavailable as error:
                _log.warning("delivery %s waits for the sweep: %s", identity, error.code)

    async def hand_over(self, identities: Sequence[UUID]) -> None:
        """Leave what was just committed to the worker; the sweep does it where this fails."""
        for identity in identities:
            try:
                await self._hint(identity, 0, 0)
            except Unavailable as error:
                _log.warning("delivery %s waits for the sweep: %s", identity, error.code)

    async def attempt(self, identity: UUID, tick: int, scope: Scope = EVERYONE) -> None:
        """Try one delivery; a stale tick does nothing."""
        async with self._database.transaction(scope) as connection:
            claim = await store.claim(connection, identity, tick, _LEASE_SECONDS)
        if claim is None:
            return
        try:
            await self._handlers[claim["kind"]](scope, claim["payload"])
        except AstroCloudError as error:
            await self._postpone(scope, identity, claim["tick"], claim["attempts"], error.code)
        else:
            async with self._database.transaction(scope) as connection:
                await store.complete(connection, identity, claim["tick"])

    async def sweep(self) -> int:
        """Send hints for all that is due; how many."""
        sent = 0
        while True:
            async with self._database.transaction() as connection:
                due = await store.take_due(connection, _HINT_REST_SECONDS, _BATCH)
            for row in due:
                await self._hint(row["id"], row["tick"], 0)
            sent += len(due)
            if len(due) < _BATCH:
                return sent

    async def _postpone(
        self, scope: Scope, identity: UUID, tick: int, attempts: int, error: str
    ) -> None:
        wait = min(2 ** min(attempts, 6), _LONGEST_WAIT_SECONDS)
        _log.warning("delivery %s failed (%s), next try in %d s", identity, error, wait)
        async with self._database.transaction(scope) as connection:
            await store.postpone(connection, identity, tick, wait, error)
        await self._hint(identity, tick, wait)

    async def _hint(self, identity: UUID, tick: int, delay: int) -> None:
        await self._queues.send(DELIVERIES, {"delivery": str(identity), "tick": tick}, delay)
