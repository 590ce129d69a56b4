"""Commits what a step answered: the move, the end, or the release with its going live.

Everything that must happen with a move is committed with it (events, deliveries); everything that
may be lost (hints to dashboards, waking who waits) comes after.
"""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from shared.config import Settings
from shared.database import EVERYONE, Connection, Database, Row
from shared.deliveries.service import DeliveryService
from shared.deployments import store, work_store
from shared.deployments.admission import Admission
from shared.deployments.announcements import Announcements
from shared.deployments.lifecycle import State, check_transition
from shared.deployments.outcomes import LeaseLost, Next, Release, release_id_of
from shared.routes import pointer_store
from shared.routes import store as routes
from shared.routes.models import permalink_host
from shared.workloads import store as workloads
from shared.workloads.hints import Hints
from shared.workloads.switching import Moved

_log = logging.getLogger(__name__)


class Completion:
    """Moves a claimed deployment on, or ends it."""

    def __init__(
        self,
        database: Database,
        delivery: DeliveryService,
        admission: Admission,
        announcements: Announcements,
        hints: Hints,
        settings: Settings,
    ) -> None:
        self._database = database
        self._deliveries = delivery
        self._admission = admission
        self._announcements = announcements
        self._hints = hints
        self._drain_seconds = settings.drain_seconds
        self._sites_domain = urlsplit(settings.sites_url).hostname or ""

    async def move(self, row: Mapping[str, Any], outcome: Next) -> int:
        """To the next state at work; the tick to go on with. Raises LeaseLost."""
        check_transition(row["state"], outcome.state)
        changes = {
            "source": dict(outcome.source),
            "build_spec": outcome.build_spec,
            "variables": outcome.variables,
            "reused_from": outcome.reused_from,
        }
        async with self._database.transaction() as connection:
            if not await work_store.move(connection, row, outcome.state, changes):
                raise LeaseLost
            await store.insert_event(connection, row["account_id"], row["id"], outcome.state, None)
        await self._announcements.announce(row, outcome.state)
        tick: int = row["tick"]
        return tick

    async def finish(
        self,
        row: Mapping[str, Any],
        state: State,
        *,
        failure: Mapping[str, Any] | None = None,
        skipped: str | None = None,
    ) -> None:
        """To a state that ends it without a release. Raises LeaseLost."""
        check_transition(row["state"], state)
        async with self._database.transaction() as connection:
            if not await work_store.finish(connection, row, state, failure, skipped):
                raise LeaseLost
            detail = failure["detail"] if failure else skipped
            await store.insert_event(connection, row["account_id"], row["id"], state, detail)
            moved = Moved(await self._ends(connection, row), [])
            if row["rollout"] is not None:
                moved.hints.extend(await self._end_rollout(connection, row))
            elif (row["run"] or {}).get("image"):
                moved.deliveries.append(await self._end_image(connection, row))
        await self._after_end(row, state, moved)

    async def ready(self, row: Mapping[str, Any], release: Release) -> None:
        """Commit the release, its permalink and, where nothing forbids, that it is live."""
        check_transition(row["state"], "ready")
        async with self._database.transaction() as connection:
            if not await work_store.finish(connection, row, "ready"):
                raise LeaseLost
            live, moved = await self._release(connection, row, release)
            detail = "live" if live else None
            await store.insert_event(connection, row["account_id"], row["id"], "ready", detail)
            moved.deliveries.extend(await self._ends(connection, row))
        await self._after_end(row, "ready", moved)

    async def _ends(self, connection: Connection, row: Mapping[str, Any]) -> list[UUID]:
        """What must still happen once a deployment has ended: its deliveries."""
        ids = [await store.end_log(connection, row)]
        if row["run"]:
            ids.append(await store.end_run(connection, row))
        return ids

    async def _end_rollout(self, connection: Connection, row: Mapping[str, Any]) -> list[Row]:
        """What was rolled out is looked at, and ended."""
        hint = await workloads.make_due(connection, release_id_of(row))
        return [hint] if hint else []

    async def _end_image(self, connection: Connection, row: Mapping[str, Any]) -> UUID:
        image = row["run"]["image"]
        return await workloads.end_image(connection, row["account_id"], row["project_id"], image)

    async def _release(
        self, connection: Connection, row: Mapping[str, Any], release: Release
    ) -> tuple[bool, Moved]:
        """The rows of a release: whether it is live, and what follows from it."""
        values = {
            "id": release.id,
            "kind": release.kind,
            "serving": dict(release.serving),
            "settings": dict(release.settings),
            "fingerprint": release.fingerprint,
            "image": release.image,
            "image_key": release.image_key,
            "files": release.files,
            "bytes": release.bytes,
            "progress": dict(release.progress),
        }
        await work_store.insert_release(connection, row, values)
        account = row["account_id"]
        hosts = [permalink_host(row["project_slug"], row["number"], self._sites_domain)]
        await routes.insert_permalink(connection, hosts[0], account, row["project_id"], release.id)
        environment = row["environment_id"]
        live = await pointer_store.go_live(connection, environment, release.id, row["number"])
        if release.workload is not None:
            await workloads.set_rolled_out(connection, release.id, **release.workload)
        hints = await workloads.pointer_moved(connection, environment, self._drain_seconds)
        if live:
            hosts += await routes.move_hosts(connection, environment)
        return live, Moved(await routes.write_later(connection, account, hosts), hints)

    async def _after_end(self, row: Mapping[str, Any], state: State, moved: Moved) -> None:
        await self._deliveries.attempt_all(EVERYONE, moved.deliveries)
        await self._hints.send_all(moved.hints)
        await self._announcements.announce(row, state)
        await self._admission.left(row["account_id"], row["id"])
        await self._admission.admit_waiting()
