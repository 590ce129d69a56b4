"""P1 and P1b: what publishing costs beside merely uploading the same files.

The baseline is what anyone would write with the SDK: ``ContainerClient.upload_blob`` for every
file, as many at once as the publisher does. The storage is Azurite, which shares the machine.
"""

import asyncio
import hashlib
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg

from infrastructure.local.services import azurite, postgres
from shared.clients.blobs import Blobs
from shared.database import Database
from shared.sites.archive import inspect_archive
from shared.sites.compression import compress, encodings
from shared.sites.models import Encoding, Progress, PublishedSite, PublishJob, SiteLimits
from shared.sites.publisher import Publisher
from tests.benchmarks import Goal, Result
from tests.benchmarks.sites import change, make_site, pack
from tests.services.databases import Databases
from tests.services.embedded import Embedded
from tests.services.handles import Postgres

NAME = "P1"
TEXT = "publish 1,000 files / a bare parallel upload of them with the same SDK"
GOAL = Goal(1.3)
ROUNDS = 5
UPLOADS = 24


async def measure() -> list[Result]:
    """Alternate baseline and publish, so that both see the same noise; medians of the ratios."""
    site = make_site()
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "first.zip"), Path(folder, "second.zip")
        first.write_bytes(pack(site))
        second.write_bytes(pack(change(site)))
        async with _services() as (connection_string, dsns):
            blobs = Blobs(connection_string)
            database = Database(dsns["worker"])
            await blobs.ensure_containers(["objects", "manifests", "staging"])
            try:
                rounds = [
                    await _round(
                        connection_string, blobs, database, dsns["owner"], site, first, second
                    )
                    for _ in range(ROUNDS + 1)
                ]
            finally:
                await database.close()
                await blobs.close()
        parts = _parts(first, site)
    return _results(rounds[1:], parts, site)


def _results(
    rounds: list[dict[str, Any]], parts: list[str], site: Mapping[str, bytes]
) -> list[Result]:
    def median(key: str) -> float:
        return float(statistics.median(r[key] for r in rounds))

    ratio = statistics.median(r["publish"] / r["bare"] for r in rounds)
    again = statistics.median(r["again"] / r["publish"] for r in rounds)
    last: PublishedSite = rounds[-1]["changed"]
    size = sum(map(len, site.values()))
    details = [
        f"site: {len(site)} files, {size / 1e6:.1f} MB; medians of {ROUNDS} rounds",
        f"bare upload {median('bare'):.2f} s; publish {median('publish'):.2f} s",
        f"bare upload by the publisher's own way of creating blobs {median('lean'):.2f} s",
        f"requests: {len(site)} bare, {rounds[-1]['requests']} of a publish",
        *parts,
    ]
    return [
        Result(ratio, details=details),
        Result(
            again,
            name="P1b",
            text="publish again with 1 % changed / the first publish",
            goal=Goal(0.15),
            details=[
                f"first {median('publish'):.2f} s, again {median('again'):.2f} s,"
                f" {last.new_files} of {last.files} files uploaded"
            ],
        ),
    ]


async def _round(
    connection_string: str,
    blobs: Blobs,
    database: Database,
    owner: str,
    site: Mapping[str, bytes],
    first: Path,
    second: Path,
) -> dict[str, Any]:
    account, project = await _project(owner)
    counted = _Counting(blobs)
    publisher = Publisher(counted, database, uploads=UPLOADS)  # type: ignore[arg-type]
    job = PublishJob(account, project, uuid4(), first, "zip", SiteLimits())
    bare = await _timed(lambda: _bare(connection_string, site))
    lean = await _timed(lambda: _lean(blobs, site))
    publish = await _timed(lambda: publisher.publish(job, _ignore))
    requests = counted.requests
    again_job = replace(job, release_id=uuid4(), archive=second)
    again = await _timed(lambda: publisher.publish(again_job, _ignore))
    return {
        "bare": bare[0],
        "lean": lean[0],
        "publish": publish[0],
        "again": again[0],
        "changed": again[1],
        "requests": requests,
    }


async def _bare(connection_string: str, site: Mapping[str, bytes]) -> None:
    from azure.storage.blob.aio import BlobServiceClient

    async with BlobServiceClient.from_connection_string(connection_string) as service:
        container = service.get_container_client("objects")
        folder = uuid4()

        async def upload(data: bytes) -> None:
            await container.upload_blob(f"{folder}/{hashlib.sha256(data).hexdigest()}", data)

        await _each(site, upload)


async def _lean(blobs: Blobs, site: Mapping[str, bytes]) -> None:
    folder = uuid4()

    async def upload(data: bytes) -> None:
        await blobs.upload_new("objects", f"{folder}/{hashlib.sha256(data).hexdigest()}", data)

    await _each(site, upload)


async def _each(site: Mapping[str, bytes], upload: Callable[[bytes], Awaitable[None]]) -> None:
    left = iter(site.values())

    async def work() -> None:
        for data in left:
            await upload(data)

    async with asyncio.TaskGroup() as group:
        for _ in range(UPLOADS):
            group.create_task(work())


class _Counting:
    """Blobs that counts what a publish asks of it."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.requests = 0

    async def upload_new(self, *arguments: Any) -> bool:
        self.requests += 1
        return await self._blobs.upload_new(*arguments)

    async def upload(self, *arguments: Any) -> str:
        self.requests += 1
        return await self._blobs.upload(*arguments)


def _parts(archive: Path, site: Mapping[str, bytes]) -> list[str]:
    """What the publisher's own work costs by itself, without storage."""
    inspected = _clock(lambda: inspect_archive(archive, "zip", SiteLimits()))
    read = _clock(lambda: _read(archive))
    lines = [f"alone, in a thread: inspect {inspected:.2f} s, unpack and hash {read:.2f} s"]
    kinds: tuple[Encoding, ...] = ("gzip", "br")
    for encoding in kinds:
        texts = [d for p, d in site.items() if encodings(p, len(d))]
        seconds = _clock(partial(_compress_all, texts, encoding))
        size = sum(map(len, texts)) / 1e6
        lines.append(f"alone: {encoding} of {len(texts)} texts, {size:.1f} MB: {seconds:.2f} s")
    return lines


def _read(path: Path) -> None:
    from shared.sites.contents import Archive, batches

    with path.open("rb") as file, Archive(file) as archive:
        for _ in batches(archive, "zip", SiteLimits(), ""):
            pass


def _compress_all(texts: Sequence[bytes], encoding: Encoding) -> None:
    for text in texts:
        compress(text, encoding, len(text))


def _clock(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


async def _timed(work: Callable[[], Awaitable[Any]]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = await work()
    return time.perf_counter() - start, result


async def _ignore(_: Progress) -> None:
    return None


async def _project(owner: str) -> tuple[UUID, UUID]:
    slug = f"bench-{uuid4().hex[:12]}"
    async with await psycopg.AsyncConnection.connect(owner) as connection:
        rows = await connection.execute(
            "WITH a AS (INSERT INTO accounts (slug, name) VALUES (%s, %s) RETURNING id)"
            " INSERT INTO projects (account_id, slug, name) SELECT id, %s, %s FROM a"
            " RETURNING account_id, id",
            [slug] * 4,
        )
        row = await rows.fetchone()
    assert row is not None
    return row[0], row[1]


@asynccontextmanager
async def _services() -> AsyncIterator[tuple[str, dict[str, str]]]:
    manager = await asyncio.to_thread(lambda: (m := _embedded(), m.__enter__()))
    try:
        yield manager[1]
    finally:
        await asyncio.to_thread(manager[0].__exit__, None, None, None)


@contextmanager
def _embedded() -> Iterator[tuple[str, dict[str, str]]]:
    embedded = Embedded("benchmarks")
    try:
        ports, secrets = embedded.ports, embedded.secrets
        key = secrets.base64("azurite")
        port = ports["postgres"]
        embedded.start(
            [
                azurite.service(embedded.paths, ports, key),
                postgres.service(embedded.paths, port, secrets),
                postgres.roles_step(port, secrets),
            ]
        )
        admin = postgres.dsn(port, postgres.ADMIN, secrets.text("postgres-admin"), "postgres")
        passwords = {role: secrets.text(role) for role in postgres.ROLES}
        with Databases(embedded, Postgres(port, admin, passwords)).clone() as clone:
            yield (
                azurite.connection_string(ports, key),
                {"owner": clone.owner, "worker": clone.worker},
            )
    finally:
        embedded.close()
