"""Claims tasks, gives them to the cluster and follows them until they have ended."""

import logging
from functools import partial
from uuid import UUID

from shared.clients.queues import TASKS, Queues
from shared.clusters.port import Cluster, TaskStatus, Workload
from shared.crypto import Crypto
from shared.database import Database, Row
from shared.errors import AstroCloudError, Unavailable
from shared.logs.following import Following
from shared.logs.service import LogService
from shared.workloads import task_store
from shared.workloads.documents import unseal
from shared.workloads.tasks import replica_of

_LEASE_SECONDS = 30.0
_HINT_REST_SECONDS = 30
_LOOK_AGAIN_SECONDS = 1.0
_BATCH = 200
_MOST_ATTEMPTS = 8
_log = logging.getLogger(__name__)


class _LeaseLost(Exception):
    """Another look holds the row: stop without a word."""


class _Canceled(Exception):
    """A member asked for the end."""


class TaskLooks:
    """Does what tasks need next."""

    def __init__(
        self,
        database: Database,
        queues: Queues,
        cluster: Cluster,
        crypto: Crypto,
        logs: LogService,
    ) -> None:
        self._database = database
        self._queues = queues
        self._cluster = cluster
        self._crypto = crypto
        self._logs = logs

    async def sweep(self) -> int:
        """A hint for each task that is due; how many."""
        sent = 0
        while True:
            async with self._database.transaction() as connection:
                due = await task_store.take_due(connection, _HINT_REST_SECONDS, _BATCH)
            for row in due:
                await self._hint(row["id"], row["tick"], 0)
            sent += len(due)
            if len(due) < _BATCH:
                return sent

    async def look(self, task_id: UUID, tick: int) -> None:
        """Begin a task, or follow it as long as one look may; a stale tick does nothing."""
        row = await self._held(task_id, tick, renewed=False)
        if row is None:
            return
        try:
            await self._look(row)
        except _LeaseLost:
            return
        except AstroCloudError as error:
            await self._failed(row, error)

    async def _look(self, row: Row) -> None:
        if row["workload_state"] == "deleted":
            await self._finish(row, "lost", None, "Its release is not kept any more.")
            return
        workload = unseal(self._crypto, row["release_id"], row["document"])
        try:
            if row["cancel_requested_at"] is not None:
                raise _Canceled
            status, told = await self._followed(row, workload)
        except _Canceled:
            await self._cluster.cancel_task(workload.ref, _key(row))
            await self._end(row, workload, "canceled", None, "")
            return
        if not status.has_ended:
            await self._put_off(row, _LOOK_AGAIN_SECONDS, told)
            return
        await self._end(row, workload, status.state, status.exit_code, status.detail)

    async def _followed(self, row: Row, workload: Workload) -> tuple[TaskStatus, int]:
        async with self._database.transaction() as connection:
            if not await task_store.begin(connection, row):
                raise _LeaseLost
        key = _key(row)
        await self._cluster.start_task(key, workload, row["command"], row["seconds"])
        read = partial(self._cluster.task_log, workload.ref, key)
        writer = self._logs.frame_writer(
            row["account_id"],
            row["release_id"],
            f"task-{row['id']}",
            read,
            replica=replica_of(row["id"]),
        )
        following = Following(
            read, partial(self._status, workload, key), writer, partial(self._renew, row)
        )
        return await following.follow(row["frames"], self._cluster.follow_seconds)

    async def _status(self, workload: Workload, key: str) -> TaskStatus:
        status = await self._cluster.task_status(workload.ref, key)
        return status or TaskStatus(state="lost", detail="The cluster has forgotten it.")

    async def _renew(self, row: Row) -> None:
        held = await self._held(row["id"], row["tick"], renewed=True)
        if held is None:
            raise _LeaseLost
        if held["cancel_requested_at"] is not None:
            raise _Canceled

    async def _held(self, task_id: UUID, tick: int, *, renewed: bool) -> Row | None:
        async with self._database.transaction() as connection:
            return await task_store.hold(connection, task_id, tick, _LEASE_SECONDS, renewed=renewed)

    async def _end(
        self, row: Row, workload: Workload, state: str, code: int | None, detail: str
    ) -> None:
        """The last line first: who follows the log knows by it that all has been told."""
        await self._say(row, _last_words(state, code, detail))
        await self._finish(row, state, code, detail)
        await self._cluster.delete_task(workload.ref, _key(row))

    async def _say(self, row: Row, text: str) -> None:
        await self._logs.say_once(
            row["account_id"],
            row["release_id"],
            f"task-{row['id']}-end",
            text,
            replica=replica_of(row["id"]),
        )

    async def _finish(self, row: Row, state: str, code: int | None, detail: str) -> None:
        async with self._database.transaction() as connection:
            if not await task_store.finish(connection, row, state, code, detail):
                raise _LeaseLost

    async def _failed(self, row: Row, error: AstroCloudError) -> None:
        _log.warning("task %s: %s: %s", row["id"], error.code, error.detail)
        if error.retryable and row["attempt"] + 1 < _MOST_ATTEMPTS:
            await self._put_off(row, 2.0 ** row["attempt"], row["frames"], failed=True)
            return
        await self._finish(row, "failed", None, error.detail)

    async def _put_off(
        self, row: Row, seconds: float, frames: int, *, failed: bool = False
    ) -> None:
        async with self._database.transaction() as connection:
            held = await task_store.put_off(connection, row, seconds, frames, failed=failed)
        if held:
            await self._hint(row["id"], row["tick"], seconds)

    async def _hint(self, task_id: UUID, tick: int, seconds: float) -> None:
        try:
            message = {"task": str(task_id), "tick": tick}
            await self._queues.send(TASKS, message, round(seconds))
        except Unavailable as error:
            _log.warning("task %s waits for the sweep: %s", task_id, error.code)


def _key(row: Row) -> str:
    return str(row["id"])


def _last_words(state: str, code: int | None, detail: str) -> str:
    ended = f"Ended with exit code {code}" if code is not None else f"The task has {state}"
    return f"{ended}: {detail}" if detail else ended
