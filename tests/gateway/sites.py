"""Puts sites into Blob as the publisher does: objects, manifest shards, routes; nothing else."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob.aio import BlobServiceClient

CONTAINERS = ("objects", "manifests", "routes", "staging")
REVALIDATED = "public, max-age=0, must-revalidate"


@dataclass(frozen=True)
class File:
    """A file of a site, with the compressed forms that it is stored in."""

    body: bytes
    type: str = "text/html; charset=utf-8"
    cache: str = REVALIDATED
    forms: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Redirect:
    """A path that sends on."""

    status: int
    target: str


@dataclass(frozen=True)
class Published:
    """A release that stands in Blob, whole."""

    project: str
    release: str
    shards: int

    def route(self, host: str, generation: int, **more: Any) -> dict[str, Any]:
        """The route by which a host shows this release."""
        return {
            "version": 1,
            "host": host,
            "generation": generation,
            "kind": "static",
            "project": self.project,
            "release": self.release,
            "shards": self.shards,
            "not_found": None,
            "fallback": None,
            "noindex": False,
            **more,
        }


def digest(body: bytes) -> str:
    """The name of a body."""
    return hashlib.sha256(body).hexdigest()


def shard_of(path: str, shards: int) -> int:
    """The number of the shard that names a path."""
    head = hashlib.md5(path.encode(), usedforsecurity=False).hexdigest()[:8]
    return int(head, 16) % shards


class Store:
    """What the publisher and the route writer do, by hand."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service

    async def make_containers(self) -> None:
        """The containers of the platform, where they are not there yet."""
        for name in CONTAINERS:
            try:
                await self._service.create_container(name)
            except ResourceExistsError:
                continue

    async def write(self, container: str, name: str, body: bytes) -> None:
        """One blob, whatever stood there."""
        client = self._service.get_blob_client(container, name)
        await client.upload_blob(body, overwrite=True)

    async def remove(self, container: str, name: str) -> None:
        """One blob less."""
        await self._service.get_blob_client(container, name).delete_blob()

    async def publish(
        self,
        files: Mapping[str, File | Redirect],
        *,
        project: str | None = None,
        shards: int = 1,
    ) -> Published:
        """A release with these paths, of a new project where none is named."""
        published = Published(project or str(uuid.uuid4()), str(uuid.uuid4()), shards)
        tables: list[dict[str, Any]] = [{} for _ in range(shards)]
        for path, item in files.items():
            tables[shard_of(path, shards)][path] = await self._entry(published.project, item)
        for number, table in enumerate(tables):
            name = f"{published.project}/{published.release}/{number}.json"
            text = json.dumps({"version": 1, "paths": table}, ensure_ascii=False)
            await self.write("manifests", name, text.encode())
        return published

    async def _entry(self, project: str, item: File | Redirect) -> dict[str, Any]:
        if isinstance(item, Redirect):
            return {"r": [item.status, item.target]}
        entry: dict[str, Any] = {
            "d": digest(item.body),
            "s": len(item.body),
            "t": item.type,
            "c": item.cache,
        }
        for body in (item.body, *item.forms.values()):
            await self.write("objects", f"{project}/{digest(body)}", body)
        if item.forms:
            entry["e"] = {name: [digest(body), len(body)] for name, body in item.forms.items()}
        return entry

    async def route(self, host: str, route: Mapping[str, Any]) -> None:
        """What a host shows from now on."""
        await self.write("routes", f"{host}.json", json.dumps(route).encode())

    async def online(
        self, host: str, files: Mapping[str, File | Redirect], **more: Any
    ) -> Published:
        """A new project's first release, live."""
        published = await self.publish(files)
        await self.route(host, published.route(host, 1, **more))
        return published
