"""Brings the cluster to what a workload's row says: replicas, sleep, restarts, going live."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from shared.clusters.port import Cluster, WorkloadRef, WorkloadStatus
from shared.crypto import Crypto
from shared.database import Row
from shared.routes import pointer_store
from shared.workloads import store, switching
from shared.workloads.changes import Changes
from shared.workloads.desire import wanted_replicas
from shared.workloads.documents import unseal
from shared.workloads.readiness import GivenUp, given_up, is_ready

LEASE_SECONDS = 30.0
WAITING_SECONDS = 0.2
LIVE_SECONDS = 10.0
_SOON = timedelta(minutes=2)
"""So long it is looked at closely, after the cluster was told something."""
_ROUTE_SECONDS = 3.0
"""How long a gateway may go on with a route that has just been replaced, and some more."""

Watch = Callable[[Row, WorkloadStatus], Awaitable[None]]
"""Is told what was seen of a workload: usage, restarts."""
HintAll = Callable[[list[Row]], Awaitable[None]]


class Settling:
    """One look after the other at a claimed row, until there is nothing to wait for."""

    def __init__(
        self,
        changes: Changes,
        cluster: Cluster,
        crypto: Crypto,
        watch: Watch,
        hint_all: HintAll,
        drain_seconds: float,
    ) -> None:
        self._changes = changes
        self._cluster = cluster
        self._crypto = crypto
        self._watch = watch
        self._hint_all = hint_all
        self._drain_seconds = drain_seconds

    async def settle(self, row: Row) -> float | None:
        """Follow as long as one look may; seconds until the next look, None: nobody need look."""
        until = time.monotonic() + self._cluster.follow_seconds
        while True:
            seconds = await self._step(row)
            if seconds is None or seconds > WAITING_SECONDS or time.monotonic() >= until:
                return seconds
            await asyncio.sleep(seconds)
            row = await self._changes.renewed(row, LEASE_SECONDS)

    async def _step(self, row: Row) -> float | None:
        """The next small thing."""
        replicas = wanted_replicas(row, autoscaling="autoscaling" in self._cluster.capabilities)
        if replicas == 0:
            return await self._rest(row)
        if replicas != row["wanted"] or row["apply_asked_at"]:
            await self._tell(row, replicas)
        if row["restart_asked_at"]:
            await self._cluster.restart(ref_of(row))
            await self._changes.commit(row, store.restarted)
        status = await self._seen(row, replicas)
        if row["asleep"] and status.ready:
            await self._changes.commit_with_routes(row, store.set_asleep, asleep=False)
        if row["is_next"]:
            return await self._switch(row, status)
        return _next_look(row, status, replicas)

    async def _rest(self, row: Row) -> float | None:
        """Nothing has to run: first nobody is sent there any more, then it ends."""
        if not row["asleep"]:
            await self._changes.commit_with_routes(row, store.set_asleep, asleep=True)
            return _ROUTE_SECONDS
        if row["wanted"]:
            # Said first: who wakes it from now on must not be sent to what is about to end.
            await self._changes.commit(row, store.ending)
            row = await self._changes.renewed(row, LEASE_SECONDS)
        if row["apply_asked_at"]:
            await self._tell(row, 0)
        return None

    async def _tell(self, row: Row, replicas: int) -> None:
        workload = unseal(self._crypto, row["release_id"], row["document"])
        await self._cluster.apply(workload, replicas)
        await self._changes.commit(row, store.told, replicas)

    async def _seen(self, row: Row, replicas: int) -> WorkloadStatus:
        status = await self._cluster.status(ref_of(row))
        if status is None:
            # The cluster has lost it: it is made again from what the row knows.
            await self._tell(row, replicas)
            status = WorkloadStatus(wanted=replicas, ready=0)
        addresses = list(status.addresses) or row["addresses"]
        seen: Any = status.model_dump(mode="json")
        # Before the commit: whoever is killed in between tells of a restart once more, not never.
        await self._watch(row, status)
        if set(addresses) == set(row["addresses"]):
            await self._changes.commit(row, store.seen, seen, addresses)
        else:
            await self._changes.commit_with_routes(row, store.seen, seen, addresses)
        return status

    async def _switch(self, row: Row, status: WorkloadStatus) -> float | None:
        """It was asked to go live: as soon as it can answer."""
        if is_ready(status, row["scaling"].get("minimum", 1)):
            await self._go_live(row)
            return 0.0
        workload = unseal(self._crypto, row["release_id"], row["document"])
        failed = given_up(status, workload.readiness.grace_seconds, row["next_seconds"])
        if failed is not None:
            await self._give_up(row, failed)
            return 0.0
        return WAITING_SECONDS

    async def _give_up(self, row: Row, failed: GivenUp) -> None:
        failure = {"code": failed.code, "title": failed.title, "detail": failed.detail}
        async with self._changes.database.transaction() as connection:
            await pointer_store.give_up_next(
                connection,
                row["environment_id"],
                row["release_id"],
                {**failure, "number": row["number"]},
            )

    async def _go_live(self, row: Row) -> None:
        async with self._changes.database.transaction() as connection:
            environment = await pointer_store.lock_environment(
                connection, row["project_id"], row["environment"]
            )
            if environment is None or environment["next_release_id"] != row["release_id"]:
                return
            release = {"id": row["release_id"], "number": row["number"], "kind": "dynamic"}
            moved = await switching.point_at(
                connection,
                environment,
                release,
                pin=row["next_pin"],
                drain_seconds=self._drain_seconds,
            )
        await self._changes.deliver(moved.deliveries)
        others = [one for one in moved.hints if one["release_id"] != row["release_id"]]
        await self._hint_all(others)


def ref_of(row: Row) -> WorkloadRef:
    """How the cluster calls a row's workload."""
    return WorkloadRef(project=row["project_id"], release=row["release_id"])


def _next_look(row: Row, status: WorkloadStatus, replicas: int) -> float | None:
    if row["state"] == "draining":
        left = (row["drain_until"] - row["now"]).total_seconds()
        return float(min(max(left, WAITING_SECONDS), LIVE_SECONDS))
    is_new = row["now"] - row["told_at"] < _SOON
    return WAITING_SECONDS if is_new and not is_ready(status, replicas) else LIVE_SECONDS
