"""Publishes a front end of ours through the same pipeline as every site."""

import asyncio
import time
from pathlib import Path
from uuid import UUID, uuid4

from shared.clients.blobs import STAGING, Blobs
from shared.clients.queues import DEPLOYMENTS, Queues
from shared.config import Settings
from shared.database import Database, Row
from shared.deployments import store as deployments
from shared.deployments.lifecycle import TERMINAL
from shared.errors import AstroCloudError
from shared.platform_sites import store
from shared.projects import store as projects

SYSTEM = "astrocloud"
_POLL_SECONDS = 0.1


class NotPublished(AstroCloudError):
    """The deployment of a front end did not become ready."""

    code, title = "not_published", "The front end is not online"


class PlatformSiteService:
    """Runs as the worker's role, from the tools that deploy the platform."""

    def __init__(
        self, database: Database, blobs: Blobs, queues: Queues, settings: Settings
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._queues = queues
        self._settings = settings

    async def publish(self, slug: str, host: str, archive: Path, seconds: float) -> Row:
        """Deploy a ZIP to a platform host and wait until it is ready; raises NotPublished."""
        deployment_id, upload_id = uuid4(), uuid4()
        data = await asyncio.to_thread(archive.read_bytes)
        await self._blobs.upload(STAGING, str(upload_id), data, content_type="application/zip")
        await self._create(slug, host, deployment_id, upload_id, len(data))
        await self._queues.send(DEPLOYMENTS, {"deployment": str(deployment_id), "tick": 0})
        return await self._ready(slug, deployment_id, time.monotonic() + seconds)

    async def _create(
        self, slug: str, host: str, deployment_id: UUID, upload_id: UUID, size: int
    ) -> None:
        async with self._database.transaction() as connection:
            user = await store.ensure_user(connection, SYSTEM)
            account = await store.ensure_account(connection, SYSTEM)
            project = await store.ensure_project(connection, account, slug, host)
            archive = ("zip", size)
            await projects.insert_upload(connection, upload_id, project, user, archive, 60)
            wanted = {
                "environment": "production",
                "lane": "production",
                "source": {"type": "upload", "upload_id": str(upload_id), "format": "zip"},
                "settings": {},
                "use_cache": True,
                "created_by": user,
                "wait_seconds": self._settings.queue_deadline,
            }
            await deployments.insert_deployment(connection, deployment_id, project, wanted)

    async def _ready(self, slug: str, deployment_id: UUID, until: float) -> Row:
        while time.monotonic() < until:
            async with self._database.transaction() as connection:
                row = await deployments.read_deployment(connection, deployment_id)
            if row is not None and row["state"] == "ready":
                return row
            if row is not None and row["state"] in TERMINAL:
                reason = (row["failure"] or {}).get("detail", row["state"])
                raise NotPublished(f"{slug} #{row['number']} did not go online: {reason}")
            await asyncio.sleep(_POLL_SECONDS)
        raise NotPublished(f"{slug} is not online yet: see whether the worker runs")
