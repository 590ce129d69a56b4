"""Deployments as members act on them: create, look, cancel, promote, roll back, unpin."""

from typing import Any
from uuid import UUID

from shared.accounts.service import require_role
from shared.audit import store as audit
from shared.clients.queues import DEPLOYMENTS, Queues
from shared.config import Settings
from shared.database import Connection, Database, Row, Scope
from shared.deliveries.service import DeliveryService
from shared.deployments import sources, store
from shared.deployments.models import (
    BuildTimes,
    Deployment,
    DeploymentCreate,
    DeploymentDetail,
    Event,
    Failure,
    Progress,
)
from shared.errors import Conflict, NotFound, Unavailable
from shared.projects.service import existing_project, permitted_project, site_url
from shared.routes import pointer_store
from shared.workloads import switching
from shared.workloads.hints import Hints
from shared.workloads.switching import Moved


class AlreadyEnded(Conflict):
    """A deployment that has ended cannot be canceled."""

    code, title = "already_ended", "The deployment has ended"


class NoRelease(Conflict):
    """The deployment left no release that could go live."""

    code, title = "no_release", "There is no release to go live"


class PreviewRelease(NoRelease):
    """A preview's release cannot be production's: it was made with other settings."""

    code, title = "preview_release", "A preview cannot go live"


class DeploymentService:
    """Every method acts for one user: what the user may not see does not exist."""

    def __init__(
        self,
        database: Database,
        queues: Queues,
        delivery: DeliveryService,
        hints: Hints,
        settings: Settings,
    ) -> None:
        self._database = database
        self._queues = queues
        self._deliveries = delivery
        self._hints = hints
        self._settings = settings

    async def create(
        self, scope: Scope, project_id: UUID, deployment_id: UUID, wanted: DeploymentCreate
    ) -> Deployment:
        """A new deployment; committed before anything is told of it."""
        user_id = scope.actor
        async with self._database.transaction(scope) as connection:
            project = await permitted_project(connection, user_id, project_id)
            allowed = self._settings.outgoing_allowed
            source = await sources.resolve(connection, project, wanted, allowed)
            row = await self._insert(connection, user_id, project, deployment_id, wanted, source)
        await self._hint(row)
        return self._deployment(row)

    async def _insert(
        self,
        connection: Connection,
        user_id: UUID,
        project: Row,
        deployment_id: UUID,
        wanted: DeploymentCreate,
        source: dict[str, Any],
    ) -> Row:
        settings = wanted.settings
        values = {
            "environment": wanted.environment,
            "lane": sources.lane_of(wanted.environment, source),
            "source": source,
            "settings": settings.model_dump(exclude_none=True) if settings else {},
            "use_cache": wanted.use_cache,
            "created_by": user_id,
            "wait_seconds": self._settings.queue_deadline,
        }
        created = await store.insert_deployment(connection, deployment_id, project, values)
        row = await _existing(connection, deployment_id)
        if created:
            await audit.record(
                connection, row["account_id"], user_id, "deployment.create", _name(row)
            )
        return row

    async def list_deployments(
        self, scope: Scope, project_id: UUID, below: int | None, limit: int
    ) -> list[Deployment]:
        """A project's deployments, newest first; raises NotFound."""
        async with self._database.transaction(scope) as connection:
            await existing_project(connection, project_id)
            rows = await store.list_deployments(connection, project_id, below, limit)
        return [self._deployment(row) for row in rows]

    async def get(self, scope: Scope, deployment_id: UUID) -> DeploymentDetail:
        """A deployment with its events; raises NotFound."""
        async with self._database.transaction(scope) as connection:
            row = await _existing(connection, deployment_id)
            events = await store.list_events(connection, deployment_id)
        return DeploymentDetail(
            **self._deployment(row).model_dump(), events=[Event(**event) for event in events]
        )

    async def cancel(self, scope: Scope, deployment_id: UUID) -> Deployment:
        """Ask for the end; the state changes when the work has really ended."""
        user_id = scope.actor
        async with self._database.transaction(scope) as connection:
            row = await _permitted(connection, user_id, deployment_id)
            if await store.request_cancel(connection, deployment_id) is None:
                raise AlreadyEnded(f"{_name(row)} is {row['state']}: there is nothing to cancel")
            await audit.record(
                connection, row["account_id"], user_id, "deployment.cancel", _name(row)
            )
            row = await _existing(connection, deployment_id)
        await self._hint(row)
        return self._deployment(row)

    async def promote(self, scope: Scope, deployment_id: UUID) -> Deployment:
        """Make a production release live; a pin ends with it."""
        return await self._point(scope, deployment_id, pin=False)

    async def roll_back(
        self, scope: Scope, project_id: UUID, deployment_id: UUID | None
    ) -> Deployment:
        """Make an older release live and pin it; without an id the one before the live one."""
        if deployment_id is None:
            deployment_id = await self._before_live(scope, project_id)
        return await self._point(scope, deployment_id, pin=True, project_id=project_id)

    async def unpin(self, scope: Scope, project_id: UUID) -> Deployment | None:
        """End the pin; the newest release that waited goes live. What is live then, if anything."""
        user_id = scope.actor
        async with self._database.transaction(scope) as connection:
            project = await permitted_project(connection, user_id, project_id)
            found = await _environment(connection, project_id)
            await pointer_store.unpin(connection, found["id"])
            newest = await pointer_store.newest_waiting(
                connection, project_id, found["live_sequence"]
            )
            moved = Moved([], [])
            if newest is not None:
                moved = await self._move(connection, found, newest, pin=False)
            await audit.record(
                connection, found["account_id"], user_id, "project.unpin", project["slug"]
            )
            live = (await existing_project(connection, project_id))["live_deployment_id"]
            row = await store.read_deployment(connection, live) if live else None
        await self._after_move(scope, moved)
        return self._deployment(row) if row else None

    async def _point(
        self, scope: Scope, deployment_id: UUID, *, pin: bool, project_id: UUID | None = None
    ) -> Deployment:
        user_id = scope.actor
        async with self._database.transaction(scope) as connection:
            row = await _permitted(connection, user_id, deployment_id)
            if project_id is not None and row["project_id"] != project_id:
                raise NotFound("No such deployment in this project")
            release = await _production_release(connection, row)
            found = await _environment(connection, row["project_id"])
            moved = await self._move(connection, found, release, pin=pin)
            action = "deployment.rollback" if pin else "deployment.promote"
            await audit.record(connection, row["account_id"], user_id, action, _name(row))
            row = await _existing(connection, deployment_id)
        await self._after_move(scope, moved)
        return self._deployment(row)

    async def _move(
        self, connection: Connection, environment: Row, release: Row, *, pin: bool
    ) -> Moved:
        drain = self._settings.drain_seconds
        return await switching.point_at(
            connection, environment, release, pin=pin, drain_seconds=drain
        )

    async def _after_move(self, scope: Scope, moved: Moved) -> None:
        await self._deliveries.attempt_all(scope, moved.deliveries)
        await self._hints.send_all(moved.hints)

    async def _before_live(self, scope: Scope, project_id: UUID) -> UUID:
        async with self._database.transaction(scope) as connection:
            project = await existing_project(connection, project_id)
            if project["live_number"] is None:
                raise NoRelease(f"{project['slug']} is not live: deploy it first")
            before = await pointer_store.release_before(
                connection, project_id, project["live_number"]
            )
        if before is None:
            raise NoRelease(
                f"{project['slug']} #{project['live_number']} is its first release:"
                " there is none to go back to"
            )
        identity: UUID = before["deployment_id"]
        return identity

    async def _hint(self, row: Row) -> None:
        """Wake the worker; the row is due, so the sweep does it where this fails."""
        message = {"deployment": str(row["id"]), "tick": row["tick"]}
        try:
            await self._queues.send(DEPLOYMENTS, message)
        except Unavailable:
            return

    def _deployment(self, row: Row) -> Deployment:
        sites = self._settings.sites_url
        permalink = site_url(sites, f"{row['project_slug']}--{row['number']}")
        released = row["release_id"] is not None
        production = row["environment"] == "production"
        return Deployment(
            id=row["id"],
            project_id=row["project_id"],
            project_slug=row["project_slug"],
            number=row["number"],
            environment=row["environment"],
            state=row["state"],
            source=sources.describe(row["source"]),
            build_spec=row["build_spec"],
            build=BuildTimes(**row["built"]) if row["built"] else None,
            url=site_url(sites, row["project_slug"]) if production else permalink,
            permalink=permalink if released else None,
            live=bool(row["live"]),
            going_live=bool(row["going_live"]),
            release_id=row["release_id"],
            reused_from=row["reused_from"],
            skipped=row["skipped"],
            progress=Progress(**row["progress"]),
            failure=Failure(**row["failure"]) if row["failure"] else None,
            cancel_requested=row["cancel_requested"],
            created_at=row["created_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
        )


def _name(row: Row) -> str:
    return f"{row['project_slug']} #{row['number']}"


async def _existing(connection: Connection, deployment_id: UUID) -> Row:
    row = await store.read_deployment(connection, deployment_id)
    if row is None:
        raise NotFound("No such deployment")
    return row


async def _permitted(connection: Connection, user_id: UUID, deployment_id: UUID) -> Row:
    row = await _existing(connection, deployment_id)
    await require_role(connection, user_id, row["account_id"], "member")
    return row


async def _environment(connection: Connection, project_id: UUID) -> Row:
    found = await pointer_store.lock_environment(connection, project_id, "production")
    if found is None:
        raise NotFound("No such project")
    return found


async def _production_release(connection: Connection, row: Row) -> Row:
    release = await pointer_store.release_of(connection, row["id"])
    if release is None:
        raise NoRelease(f"{_name(row)} is {row['state']}: it left no release")
    if release["environment"] != "production":
        raise PreviewRelease(f"{_name(row)} is a preview: deploy its source to production instead")
    return release
