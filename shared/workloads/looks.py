"""Claims workloads and looks at them: the beginning and the end of what ``settling`` does between.

A hint says only "look at this row". Claiming raises the row's tick, so of all hints with one tick
the first wins. Every call to the cluster bears repetition; nothing is decided by what a look
remembers.
"""

import logging
from uuid import UUID

from shared.clusters.port import Cluster
from shared.database import Row
from shared.errors import AstroCloudError, Unavailable
from shared.plans.limits import KEPT_RELEASES, value_of
from shared.workloads import store
from shared.workloads.changes import Changes, LeaseLost
from shared.workloads.desire import wanted_replicas
from shared.workloads.hints import Hints
from shared.workloads.settling import LEASE_SECONDS, LIVE_SECONDS, Settling, ref_of

_log = logging.getLogger(__name__)


class Looks:
    """Does what workloads need."""

    def __init__(
        self,
        changes: Changes,
        hints: Hints,
        cluster: Cluster,
        settling: Settling,
    ) -> None:
        self._changes = changes
        self._hints = hints
        self._cluster = cluster
        self._settling = settling

    async def look(self, release_id: UUID, tick: int) -> None:
        """Bring a workload to what its row says, as far as it goes; a stale tick does nothing."""
        async with self._changes.database.transaction() as connection:
            row = await store.hold(connection, release_id, tick, LEASE_SECONDS, renewed=False)
        if row is None:
            return
        try:
            seconds = await self._look(row)
        except LeaseLost:
            return
        except AstroCloudError as error:
            _log.warning("workload %s: %s: %s", row["release_id"], error.code, error.detail)
            await self._put_off(row, min(2.0 ** row["attempt"], 60.0), failed=True)
            return
        await self._put_off(row, seconds)

    async def _look(self, row: Row) -> float | None:
        """One look; after how many seconds the next one is due, or None."""
        if await self._must_end(row):
            await self._end(row)
            return None
        if row["state"] == "starting":
            return None
        if row["state"] == "draining" and row["drain_until"] <= row["now"]:
            await self._changes.commit(row, store.keep)
            row = await self._changes.renewed(row, LEASE_SECONDS)
            await self._retire(row)
        return await self._settling.settle(row)

    async def _must_end(self, row: Row) -> bool:
        if row["project_deleted"]:
            return True
        if row["state"] == "starting":
            return bool(row["deployment_ended"]) and not row["is_released"]
        if row["state"] != "kept" or wanted_replicas(row, autoscaling=False):
            return False
        most = value_of(KEPT_RELEASES, row["account_limits"])
        async with self._changes.database.transaction() as connection:
            return await store.is_beyond(connection, row, most)

    async def _end(self, row: Row) -> None:
        """Nothing of it runs any more; its image goes with the last workload that needs it."""
        if row["project_deleted"]:
            await self._cluster.delete_project(row["project_id"])
        else:
            await self._cluster.delete(ref_of(row))
        await self._changes.commit_with_routes(row, store.delete)

    async def _retire(self, row: Row) -> None:
        """One more is kept: the oldest beyond the bound go."""
        most = value_of(KEPT_RELEASES, row["account_limits"])
        async with self._changes.database.transaction() as connection:
            due = await store.oldest_kept(connection, row["environment_id"], most)
        await self._hints.send_all([one for one in due if one["release_id"] != row["release_id"]])

    async def _put_off(self, row: Row, seconds: float | None, *, failed: bool = False) -> None:
        async with self._changes.database.transaction() as connection:
            held = await store.put_off(connection, row, seconds, failed=failed)
        if held and seconds is not None and seconds < LIVE_SECONDS:
            try:
                await self._hints.send(row["release_id"], row["tick"], seconds)
            except Unavailable as error:
                _log.warning("workload %s waits for the sweep: %s", row["release_id"], error.code)
