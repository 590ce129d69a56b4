"""``advance``: does whatever a deployment's row needs next.

A hint says only "look at this row". Claiming raises the row's tick, so of all hints with one tick
the first wins and the others end at once. The lease ends by itself when its holder dies; the sweep
then sends a new hint. Nothing that is lost, doubled, late or reordered does harm.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from shared.builders.port import Builder
from shared.clients.queues import DEPLOYMENTS, Queues
from shared.clusters.port import Cluster, WorkloadRef
from shared.database import Database, Row
from shared.deployments import work_store
from shared.deployments.completion import Completion
from shared.deployments.lifecycle import State
from shared.deployments.outcomes import (
    Canceled,
    Claim,
    Fail,
    LeaseLost,
    Next,
    Outcome,
    Overdue,
    Ready,
    Skip,
    Step,
    Wait,
    release_id_of,
)
from shared.deployments.steps.rollout import release_task_key
from shared.errors import AstroCloudError
from shared.logs.service import LogService

_HINT_REST_SECONDS = 30
_BATCH = 200
_MOST_ATTEMPTS = 8
_LONGEST_PAUSE = 60.0
_log = logging.getLogger(__name__)


class DeadlineExceeded(AstroCloudError):
    """A deployment did not end in its time."""

    code, title = "deadline_exceeded", "It took too long"


@dataclass(frozen=True, slots=True)
class Hint:
    """Look at this row, if its tick is still this one."""

    deployment: UUID
    tick: int


class Advancer:
    """Claims rows and runs the step of their state."""

    def __init__(
        self,
        database: Database,
        queues: Queues,
        logs: LogService,
        completion: Completion,
        steps: Mapping[State, Step],
        builder: Builder,
        cluster: Cluster,
        lease_seconds: int,
    ) -> None:
        self._database = database
        self._queues = queues
        self._logs = logs
        self._completion = completion
        self._steps = steps
        self._builder = builder
        self._cluster = cluster
        self._lease_seconds = lease_seconds

    async def advance(self, hint: Hint) -> None:
        """Go on with a deployment until it waits or ends."""
        tick: int | None = hint.tick
        while tick is not None:
            tick = await self._advance_once(Hint(hint.deployment, tick))

    async def sweep(self) -> int:
        """Send a hint for each row that is due; how many."""
        sent = 0
        while True:
            async with self._database.transaction() as connection:
                due = await work_store.take_due(connection, _HINT_REST_SECONDS, _BATCH)
            for row in due:
                await self.hint(row["id"], row["tick"])
            sent += len(due)
            if len(due) < _BATCH:
                return sent

    async def hint(self, deployment_id: UUID, tick: int, delay: float = 0) -> None:
        """Send a hint; raises Unavailable."""
        message = {"deployment": str(deployment_id), "tick": tick}
        await self._queues.send(DEPLOYMENTS, message, round(delay))

    async def look_again(self, deployment_id: UUID) -> None:
        """Hint at the row as it stands now; for messages that could not be handled."""
        async with self._database.transaction() as connection:
            tick = await work_store.read_tick(connection, deployment_id)
        if tick is not None:
            await self.hint(deployment_id, tick)

    async def _advance_once(self, hint: Hint) -> int | None:
        """One step; the tick to go on with at once, or None."""
        async with self._database.transaction() as connection:
            row = await work_store.claim(
                connection, hint.deployment, hint.tick, self._lease_seconds
            )
        if row is None:
            return None
        log = self._logs.writer(row["account_id"], row["id"], f"advance-{row['tick']}")
        keeping = (self._keeping(row, "run"), self._keeping(row, "rollout"))
        claim = Claim(row, log, self._renewal(row), *keeping)
        try:
            outcome = await self._run(claim)
            await log.flush()
            return await self._commit(claim, outcome)
        except LeaseLost:
            return None
        except Canceled:
            await log.flush()
            return await self._cancel(claim)

    async def _cancel(self, claim: Claim) -> int | None:
        """End what runs outside, then the row: who reads "canceled" can rely on it."""
        row = claim.row
        try:
            await self._end_run(row)
        except AstroCloudError as error:
            if row["attempt"] + 1 < _MOST_ATTEMPTS:
                outcome = self._try_again(claim, error)
                return await self._commit(claim, outcome)
            _log.error("%s: its build is ended later: %s", claim.name, error.detail)
        await self._completion.finish(row, "canceled")
        return None

    async def _end_run(self, row: Mapping[str, Any]) -> None:
        if row["run"]:
            await self._builder.cancel(row["run"]["key"])
        if row["rollout"] is not None:
            ref = WorkloadRef(project=row["project_id"], release=release_id_of(row))
            await self._cluster.cancel_task(ref, release_task_key(row))
            await self._cluster.delete(ref)

    async def _run(self, claim: Claim) -> Outcome:
        """The step's answer, with its errors as answers too."""
        row = claim.row
        if row["cancel_requested"] or row["project_deleted"]:
            raise Canceled
        if row["overdue"]:
            return _overdue(claim)
        try:
            return await self._steps[row["state"]](claim)
        except Overdue:
            return _overdue(claim)
        except AstroCloudError as error:
            if not error.retryable:
                return Fail(error.code, error.title, error.detail)
            return self._try_again(claim, error, _wanted_pause(error))
        except (LeaseLost, Canceled):
            raise
        except Exception:  # noqa: BLE001 - logged; whatever it is, the row must end or go on
            _log.exception("%s: the step %s failed", claim.name, row["state"])
            return self._try_again(claim, None)

    def _try_again(self, claim: Claim, error: AstroCloudError | None, pause: float = 0) -> Outcome:
        attempt = claim.row["attempt"] + 1
        reason = f"{error.detail}. " if error else ""
        if attempt >= _MOST_ATTEMPTS:
            return Fail(
                (error or AstroCloudError).code,
                "Something that we need did not answer",
                f"{reason}{claim.name} was tried {attempt} times while {claim.row['state']}:"
                " deploy again; if it stays, ask the operators of this platform",
            )
        seconds = min(max(2.0**attempt, pause), _LONGEST_PAUSE)
        if error:
            claim.log.write(f"{reason}It is tried again in {seconds:.0f} s", stream="stderr")
        return _Retry(seconds)

    async def _commit(self, claim: Claim, outcome: Outcome) -> int | None:
        row = claim.row
        match outcome:
            case Next():
                return await self._completion.move(row, outcome)
            case Ready(release):
                await self._completion.ready(row, release)
            case Fail():
                claim.log.write(outcome.detail, stream="stderr")
                await claim.log.flush()
                await self._completion.finish(row, "failed", failure=outcome.document())
            case Skip(reason):
                claim.log.write(reason)
                await claim.log.flush()
                await self._completion.finish(row, "canceled", skipped=reason)
            case Wait(seconds):
                retry = isinstance(outcome, _Retry)
                return await self._wait(row, seconds, failed_attempt=retry)
        return None

    async def _wait(
        self, row: Mapping[str, Any], seconds: float, *, failed_attempt: bool
    ) -> int | None:
        """None; or the tick to go on with where the row has moved on meanwhile (admission)."""
        async with self._database.transaction() as connection:
            held = await work_store.wait(connection, row, seconds, failed_attempt=failed_attempt)
        if held:
            await self.hint(row["id"], row["tick"], seconds)
            return None
        tick: int = row["tick"]
        return tick

    def _keeping(self, row: Row, name: Literal["run", "rollout"]) -> Any:
        store_it = work_store.set_run if name == "run" else work_store.set_rollout

        async def keep(value: Mapping[str, Any]) -> None:
            async with self._database.transaction() as connection:
                if not await store_it(connection, row, value):
                    raise LeaseLost
            row[name] = dict(value)  # whoever ends the row reads it here

        return keep

    def _renewal(self, row: Row) -> Any:
        async def renew(progress: Mapping[str, int]) -> None:
            async with self._database.transaction() as connection:
                held = await work_store.renew(
                    connection, row["id"], row["tick"], self._lease_seconds, dict(progress)
                )
            if held is None:
                raise LeaseLost
            if held["cancel_requested"]:
                raise Canceled
            if held["overdue"]:
                raise Overdue

        return renew


@dataclass(frozen=True, slots=True)
class _Retry(Wait):
    """A wait after a failed attempt; attempts are bounded."""


def _wanted_pause(error: AstroCloudError) -> float:
    """How long whoever refused us wants to be left alone, in seconds."""
    told = error.headers.get("Retry-After", "")
    return float(told) if told.isdecimal() else 0.0


def _overdue(claim: Claim) -> Fail:
    state = claim.row["state"]
    return Fail(
        DeadlineExceeded.code,
        DeadlineExceeded.title,
        f"{claim.name} was still {state} at its deadline: deploy again; if it stays, ask the"
        " operators of this platform",
    )
