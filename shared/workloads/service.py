"""Workloads as members act on them: look, restart, stop, start, scale, schedules."""

from typing import Any
from uuid import UUID

from shared.accounts.service import require_role
from shared.audit import store as audit
from shared.clusters.errors import NeedsCluster
from shared.clusters.port import Cluster, WorkloadStatus
from shared.crypto import Crypto
from shared.database import Connection, Database, Row, Scope
from shared.deliveries.service import DeliveryService
from shared.detection.run_settings import Scaling
from shared.errors import Conflict, NotFound
from shared.routes import store as routes
from shared.workloads import store
from shared.workloads.bounds import check_scaling
from shared.workloads.documents import seal, unseal
from shared.workloads.hints import Hints
from shared.workloads.models import (
    Replica,
    ScheduledRun,
    ScheduleStatus,
    Switch,
    Workload,
    WorkloadProblem,
    WorkloadState,
)
from shared.workloads.settling import ref_of


class NothingRuns(Conflict):
    """What is live of the environment is no server, or nothing is live."""

    code, title = "nothing_runs", "No server is live"


class WorkloadService:
    """Every method acts for one user: what the user may not see does not exist."""

    def __init__(
        self,
        database: Database,
        deliveries: DeliveryService,
        hints: Hints,
        crypto: Crypto,
        cluster: Cluster,
    ) -> None:
        self._database = database
        self._deliveries = deliveries
        self._hints = hints
        self._crypto = crypto
        self._cluster = cluster

    async def get(self, scope: Scope, project_id: UUID, environment: str) -> Workload:
        """What runs of an environment; raises NotFound."""
        async with self._database.transaction(scope) as connection:
            row = await _existing(connection, project_id, environment)
        return self._workload(project_id, environment, row)

    async def restart(self, scope: Scope, project_id: UUID, environment: str) -> Workload:
        """Have every process replaced, one after another; raises NothingRuns."""
        async with self._database.transaction(scope) as connection:
            row = await self._permitted(connection, scope, project_id, environment, "restart")
            if row["stopped_at"] is not None:
                raise NothingRuns(f"{row['project_slug']} is stopped: start it instead")
            if not row["asleep"]:  # what is woken begins anew by itself
                await store.ask_restart(connection, row["release_id"])
        return await self._after(scope, project_id, environment, row)

    async def stop(self, scope: Scope, project_id: UUID, environment: str) -> Workload:
        """Let nothing run until it is started again, or something else goes live."""
        return await self._set_stopped(scope, project_id, environment, stopped=True)

    async def start(self, scope: Scope, project_id: UUID, environment: str) -> Workload:
        """Run again what was stopped."""
        return await self._set_stopped(scope, project_id, environment, stopped=False)

    async def scale(
        self, scope: Scope, project_id: UUID, environment: str, scaling: Scaling
    ) -> Workload:
        """Other bounds, at once and for what comes; raises NeedsCluster or AbovePlan."""
        async with self._database.transaction(scope) as connection:
            row = await self._permitted(connection, scope, project_id, environment, "scale")
            check_scaling(scaling, row["limits"], self._cluster.capabilities)
            document = unseal(self._crypto, row["release_id"], row["document"])
            changed = document.model_copy(update={"scaling": scaling})
            await store.set_scaling(
                connection,
                row["release_id"],
                seal(self._crypto, changed),
                scaling.model_dump(mode="json"),
            )
            await store.set_project_scaling(
                connection, project_id, environment, scaling.model_dump(mode="json")
            )
        return await self._after(scope, project_id, environment, row)

    async def schedules(
        self, scope: Scope, project_id: UUID, environment: str
    ) -> list[ScheduleStatus]:
        """The live release's schedules with their latest runs; raises NeedsCluster."""
        async with self._database.transaction(scope) as connection:
            row = _running(await _existing(connection, project_id, environment))
        if "schedules" not in self._cluster.capabilities:
            raise NeedsCluster("Schedules need a cluster: this platform runs processes")
        document = unseal(self._crypto, row["release_id"], row["document"])
        runs = await self._cluster.scheduled_runs(ref_of(row))
        return [
            ScheduleStatus(
                name=name,
                schedule=schedule,
                runs=[
                    ScheduledRun(**run.model_dump(exclude={"schedule", "key"}))
                    for run in runs
                    if run.schedule == name
                ],
            )
            for name, schedule in document.schedules.items()
        ]

    async def _set_stopped(
        self, scope: Scope, project_id: UUID, environment: str, *, stopped: bool
    ) -> Workload:
        action = "stop" if stopped else "start"
        async with self._database.transaction(scope) as connection:
            row = await self._permitted(connection, scope, project_id, environment, action)
            await store.set_stopped(connection, row["environment_id"], stopped=stopped)
            hosts = await routes.move_hosts(connection, row["environment_id"])
            ids = await routes.write_later(connection, row["account_id"], hosts)
        await self._deliveries.attempt_all(scope, ids)
        return await self._after(scope, project_id, environment, row)

    async def _permitted(
        self, connection: Connection, scope: Scope, project_id: UUID, environment: str, action: str
    ) -> Row:
        row = await _existing(connection, project_id, environment)
        await require_role(connection, scope.actor, row["account_id"], "member")
        _running(row)
        target = f"{row['project_slug']} {environment}"
        await audit.record(connection, row["account_id"], scope.actor, f"workload.{action}", target)
        return row

    async def _after(self, scope: Scope, project_id: UUID, environment: str, row: Row) -> Workload:
        async with self._database.transaction(scope) as connection:
            due = await store.make_due(connection, row["release_id"])
        await self._hints.send_all([due] if due else [])
        return await self.get(scope, project_id, environment)

    def _workload(self, project_id: UUID, environment: str, row: Row) -> Workload:
        runs = row["release_id"] is not None and row["state"] != "deleted"
        status = WorkloadStatus.model_validate(row["status"]) if runs and row["status"] else None
        return Workload(
            project_id=project_id,
            environment=environment,  # type: ignore[arg-type]  # the query's own type
            state=_state(row, status) if runs else "none",
            release_id=row["release_id"],
            deployment_id=row["deployment_id"],
            number=row["number"],
            wanted=row["wanted"] if runs else 0,
            ready=status.ready if status else 0,
            current=not runs or _is_current(row, status),
            scaling=Scaling.model_validate(row["scaling"]) if runs else None,
            replicas=[Replica(**one.model_dump()) for one in status.replicas] if status else [],
            problem=_problem(status),
            next=_switch(row),
            seen_at=row["seen_at"],
            capabilities=sorted(self._cluster.capabilities),
        )


async def _existing(connection: Connection, project_id: UUID, environment: str) -> Row:
    row = await store.read_live(connection, project_id, environment)
    if row is None:
        raise NotFound("No such project")
    return row


def _running(row: Row) -> Row:
    if row["release_id"] is None or row["state"] == "deleted":
        raise NothingRuns(
            f"No server of {row['project_slug']} is live in this environment: deploy one first"
        )
    return row


def _state(row: Row, status: WorkloadStatus | None) -> WorkloadState:
    if row["stopped_at"] is not None:
        return "stopped"
    if row["asleep"]:
        return "asleep"
    if status is None:
        return "starting"
    if status.ready >= row["scaling"].get("minimum", 1):
        return "running"
    return "unhealthy" if status.problem else "starting"


def _is_current(row: Row, status: WorkloadStatus | None) -> bool:
    """Nothing waits to be told to the cluster, and it has done what it was told."""
    if row["restart_asked_at"] is not None or row["apply_asked_at"] is not None:
        return False
    return status.current if status is not None else not row["wanted"]


def _problem(status: WorkloadStatus | None) -> WorkloadProblem | None:
    if status is None or status.problem is None:
        return None
    told: dict[str, Any] = status.problem.model_dump()
    return WorkloadProblem(**told)


def _switch(row: Row) -> Switch | None:
    if row["next_release_id"] is None and row["next_failure"] is None:
        return None
    return Switch(release_id=row["next_release_id"], failure=row["next_failure"])
