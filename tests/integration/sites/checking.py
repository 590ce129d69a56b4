"""What must be true of a project's objects and manifests, read from the real services."""

import gzip
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import brotli
import psycopg
from azure.storage.blob.aio import BlobServiceClient

from shared.clients.blobs import Blobs


@dataclass(slots=True)
class Found:
    """What a project has."""

    objects: dict[str, bytes] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    forms: dict[tuple[str, str], str | None] = field(default_factory=dict)
    manifests: set[str] = field(default_factory=set)


async def look(connection_string: str, dsn: str, project: UUID) -> Found:
    """Everything that is stored of a project."""
    found = Found()
    async with BlobServiceClient.from_connection_string(connection_string) as service:
        objects = service.get_container_client("objects")
        async for name in objects.list_blob_names(name_starts_with=f"{project}/"):
            stream = await objects.download_blob(name)
            found.objects[name.partition("/")[2]] = await stream.readall()
        manifests = service.get_container_client("manifests")
        async for name in manifests.list_blob_names(name_starts_with=f"{project}/"):
            found.manifests.add(name)
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        rows = await connection.execute(
            "SELECT encode(digest, 'hex'), size FROM objects WHERE project_id = %s", [project]
        )
        found.rows = dict(await rows.fetchall())
        rows = await connection.execute(
            "SELECT encode(digest, 'hex'), encoding, encode(form_digest, 'hex')"
            " FROM object_forms WHERE project_id = %s",
            [project],
        )
        found.forms = {(d, e): form for d, e, form in await rows.fetchall()}
    return found


def check_objects(found: Found) -> None:
    """Every blob's bytes hash to its name, every row and form has its blob."""
    for name, data in found.objects.items():
        assert hashlib.sha256(data).hexdigest() == name
    for digest, size in found.rows.items():
        assert len(found.objects[digest]) == size
    for (digest, encoding), form in found.forms.items():
        if form is not None:
            unpack = gzip.decompress if encoding == "gzip" else brotli.decompress
            assert unpack(found.objects[form]) == found.objects[digest]


async def read_manifest(blobs: Blobs, project: UUID, release: UUID, shards: int) -> dict[str, Any]:
    """The whole path table of a release."""
    paths: dict[str, Any] = {}
    for number in range(shards):
        shard = await blobs.read("manifests", f"{project}/{release}/{number}.json")
        assert shard is not None
        paths.update(json.loads(shard.data)["paths"])
    return paths


def check_site(paths: dict[str, Any], found: Found, site: dict[str, bytes]) -> None:
    """Every file of the site is served with its bytes, also in its compressed forms."""
    for name, data in site.items():
        entry = paths[f"/{name}"]
        assert found.objects[entry["d"]] == data
        assert entry["d"] in found.rows
        for encoding, (digest, size) in entry.get("e", {}).items():
            unpack = gzip.decompress if encoding == "gzip" else brotli.decompress
            assert unpack(found.objects[digest]) == data
            assert len(found.objects[digest]) == size
