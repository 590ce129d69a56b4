"""Writes a host's route to Blob from the rows as they are now.

Writing is conditional on what was read (ETag) and on the generation, so late, doubled and
concurrent writers leave the newest route in place.
"""

import json
from typing import Any

from shared.clients.blobs import ROUTES, BlobChanged, Blobs
from shared.database import Database, Row, Scope
from shared.errors import Unavailable
from shared.routes import store
from shared.routes.models import Route, RouteKind

_TRIES = 5


class RouteService:
    """Projects hosts to the documents that the gateway reads."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    async def deliver(self, scope: Scope, payload: dict[str, Any]) -> None:
        """The handler of ``route`` deliveries."""
        await self.write(scope, payload["host"])

    async def write(self, scope: Scope, host: str) -> None:
        """Bring a host's document to the rows' state; raises Unavailable."""
        async with self._database.transaction(scope) as connection:
            row = await store.read_route(connection, host)
        if row is None:
            return
        route = _compose(row)
        for _ in range(_TRIES):
            if await self._put_if_newer(route):
                return
        raise Unavailable(f"The route of {host} is being written by others; it is tried again")

    async def _put_if_newer(self, route: Route) -> bool:
        name = f"{route.host}.json"
        found = await self._blobs.read(ROUTES, name)
        if found is not None and json.loads(found.data)["generation"] >= route.generation:
            return True
        try:
            await self._blobs.upload(
                ROUTES,
                name,
                route.model_dump_json().encode(),
                if_match=found.etag if found else None,
                if_absent=found is None,
            )
        except BlobChanged:
            return False
        return True


def _compose(row: Row) -> Route:
    kind = _kind(row)
    is_dynamic = kind == "dynamic"
    serving = row["serving"] or {}
    return Route(
        host=row["host"],
        generation=row["generation"],
        kind=kind,
        project=row["project_id"],
        release=row["release_id"],
        shards=serving.get("shards"),
        not_found=serving.get("not_found"),
        fallback=serving.get("fallback"),
        addresses=tuple(row["addresses"]) if is_dynamic else None,
        asleep=is_dynamic and row["asleep"],
        noindex=row["environment"] != "production",
    )


def _kind(row: Row) -> RouteKind:
    if row["freed_at"] is not None:
        return "unknown"
    if row["suspended_at"] is not None:
        return "suspended"
    if row["kind"] == "dynamic":
        return _dynamic(row)
    return "static" if row["serving"] else "empty"


def _dynamic(row: Row) -> RouteKind:
    if row["workload"] in (None, "deleted"):
        return "empty"
    return "stopped" if row["stopped_at"] is not None else "dynamic"
