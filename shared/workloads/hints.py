"""Hints at workloads: messages that say only "look at this row"."""

import logging
from uuid import UUID

from shared.clients.queues import WORKLOADS, Queues
from shared.database import Database, Row
from shared.errors import Unavailable
from shared.workloads import store

_HINT_REST_SECONDS = 30
_BATCH = 200
_log = logging.getLogger(__name__)


class Hints:
    """Sends hints at workloads; a lost one is sent again by the sweep."""

    def __init__(self, database: Database, queues: Queues) -> None:
        self._database = database
        self._queues = queues

    async def send(self, release_id: UUID, tick: int, delay: float = 0) -> None:
        """One hint; raises Unavailable."""
        message = {"workload": str(release_id), "tick": tick}
        await self._queues.send(WORKLOADS, message, round(delay))

    async def send_all(self, rows: list[Row]) -> None:
        """Hints at what was just made due; nothing is raised."""
        for row in rows:
            try:
                await self.send(row["release_id"], row["tick"])
            except Unavailable as error:
                _log.warning("workload %s waits for the sweep: %s", row["release_id"], error.code)

    async def sweep(self) -> int:
        """A hint for each row that is due; how many."""
        sent = 0
        while True:
            async with self._database.transaction() as connection:
                due = await store.take_due(connection, _HINT_REST_SECONDS, _BATCH)
            for row in due:
                await self.send(row["release_id"], row["tick"])
            sent += len(due)
            if len(due) < _BATCH:
                return sent
