"""Images that no release needs any more."""

import logging
from typing import Any
from uuid import UUID

from shared.builders.port import Builder
from shared.database import Database, Scope
from shared.errors import AstroCloudError
from shared.workloads import store

_log = logging.getLogger(__name__)


class Images:
    """The handler of ``image_end`` deliveries."""

    def __init__(self, database: Database, builder: Builder) -> None:
        self._database = database
        self._builder = builder

    async def deliver_end(self, _scope: Scope, payload: dict[str, Any]) -> None:
        """Delete an image, unless a workload of its project needs it."""
        project, image = UUID(payload["project"]), payload["image"]
        async with self._database.transaction() as connection:
            used = await store.is_image_used(connection, project, image)
        if used:
            return
        try:
            await self._builder.delete_image(image)
        except AstroCloudError as error:
            if error.retryable:
                raise
            # Asked again it would be the same: a registry that allows no deletion, say.
            _log.error("The image %s is kept, %s: %s", image, error.code, error.detail)
