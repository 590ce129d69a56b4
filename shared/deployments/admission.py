"""Admission: gives waiting deployments their places, in the order of the line.

Whoever frees a place or joins the line calls ``admit_waiting``; deciding twice at once is
harmless, since each decision is one conditional UPDATE under a lock.
"""

import logging
from uuid import UUID

from shared.clients.queues import DEPLOYMENTS, Queues
from shared.config import Settings
from shared.database import EVERYONE, Connection, Database, Row
from shared.deliveries.service import DeliveryService
from shared.deployments import store, work_store
from shared.deployments.announcements import Announcements
from shared.deployments.waiting_line import Place, WaitingLine
from shared.errors import Unavailable
from shared.plans import limits

_MOST_QUEUED = 1000
_log = logging.getLogger(__name__)


class Admission:
    """Admits from the line within the bounds of accounts and platform."""

    def __init__(
        self,
        database: Database,
        line: WaitingLine,
        queues: Queues,
        delivery: DeliveryService,
        announcements: Announcements,
        settings: Settings,
    ) -> None:
        self._database = database
        self._line = line
        self._queues = queues
        self._deliveries = delivery
        self._announcements = announcements
        self._bounds = {
            "platform": settings.active_deployments,
            "account_default": limits.CONCURRENT_DEPLOYMENTS.default,
            "deadline_seconds": settings.deployment_deadline,
        }

    async def join(self, account_id: UUID, deployment_id: UUID, since: float) -> None:
        """Stand in line."""
        try:
            await self._line.enter(account_id, deployment_id, since)
        except Unavailable:
            _log.warning("deployment %s waits outside the line: Redis is away", deployment_id)

    async def left(self, account_id: UUID, deployment_id: UUID) -> None:
        """Leave the line, for whatever reason."""
        try:
            await self._line.leave(account_id, deployment_id)
        except Unavailable:
            _log.warning("deployment %s leaves the line later: Redis is away", deployment_id)

    async def rebuild(self) -> None:
        """Bring rows that wait back into the line; after Redis was emptied it is all of them."""
        async with self._database.transaction() as connection:
            queued = await work_store.list_queued(connection, _MOST_QUEUED)
        for row in queued:
            await self.join(row["account_id"], row["id"], row["since"])

    async def admit_waiting(self) -> None:
        """Admit as many as there are places for, one of each account in turn."""
        progress = True
        while progress:
            progress = False
            for place in await self._order():
                served, full = await self._serve(place)
                if full:
                    return
                progress = progress or served

    async def _order(self) -> list[Place]:
        try:
            return await self._line.order()
        except Unavailable:
            _log.warning("the line rests: Redis is away, the longest waiting goes first")
        async with self._database.transaction() as connection:
            queued = await work_store.list_queued(connection, _MOST_QUEUED)
        places: dict[UUID, Place] = {}
        for row in queued:
            places.setdefault(row["account_id"], Place(row["account_id"], []))
            places[row["account_id"]].deployments.append(row["id"])
        return list(places.values())

    async def _serve(self, place: Place) -> tuple[bool, bool]:
        """One admission for an account: (one was served, the platform is full)."""
        for deployment_id in place.deployments:
            verdict, row = await self._decide(deployment_id)
            if verdict == "platform_full":
                return False, True
            if verdict == "account_full":
                return False, False
            if verdict == "admitted" and row is not None:
                await self._served(place.account_id, row)
                return True, False
            if verdict in ("gone", "superseded"):
                await self.left(place.account_id, deployment_id)
        return False, False

    async def _decide(self, deployment_id: UUID) -> tuple[work_store.Admission, Row | None]:
        ids: list[UUID] = []
        async with self._database.transaction() as connection:
            verdict, row = await work_store.admit(connection, deployment_id, self._bounds)
            if row is not None and verdict == "admitted":
                await store.insert_event(
                    connection, row["account_id"], deployment_id, "fetching", None
                )
            elif row is not None and verdict == "superseded":
                ids = await self._supersede(connection, row)
        await self._deliveries.attempt_all(EVERYONE, ids)
        return verdict, row

    async def _supersede(self, connection: Connection, row: Row) -> list[UUID]:
        if not await work_store.supersede(connection, row["id"]):
            return []
        detail = f"Skipped: #{row['newer']} is newer."
        await store.insert_event(connection, row["account_id"], row["id"], "superseded", detail)
        return [await store.end_log(connection, row)]

    async def _served(self, account_id: UUID, row: Row) -> None:
        try:
            await self._line.served(account_id, row["id"])
        except Unavailable:
            _log.warning("deployment %s leaves the line later: Redis is away", row["id"])
        message = {"deployment": str(row["id"]), "tick": row["tick"]}
        await self._queues.send(DEPLOYMENTS, message)
