"""Answers what runs, what waits and what is behind."""

from shared.clients.queues import QUEUES, Queues
from shared.config import Settings
from shared.database import Database
from shared.errors import NotFound
from shared.operations import store
from shared.operations.models import Overview, Running

_MOST_RUNNING = 100


class OperationsService:
    """Reads for operators."""

    def __init__(self, database: Database, queues: Queues, settings: Settings) -> None:
        self._database = database
        self._queues = queues
        self._settings = settings

    async def overview(self) -> Overview:
        """The whole platform in one look; raises NotFound, Unavailable.

        Operators cannot sign in yet, so it exists only where everyone is the operator.
        """
        if not self._settings.is_local:
            raise NotFound("The overview exists only on a local installation")
        async with self._database.transaction() as connection:
            running = await store.list_running(connection, _MOST_RUNNING)
            counts = await store.count(connection)
        hints = [await self._queues.length(queue) for queue in QUEUES]
        return Overview(
            running=[Running(**row) for row in running],
            active_bound=self._settings.active_deployments,
            hints_waiting=sum(hints),
            **counts,
        )
