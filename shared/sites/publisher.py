"""Publishes an archive as an immutable release: contents first, their rows next, manifest last.

That order is what makes a kill at any point harmless: a row stands for bytes that are there, a
manifest for contents that are there, and what a killed run left is found or made again by the
next one. Names in Blob are hashes of bytes that were read here; nobody else writes there.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from uuid import UUID

from shared.clients.blobs import MANIFESTS, OBJECTS, STAGING, Blobs
from shared.database import Database
from shared.sites import store
from shared.sites.archive import inspect_file
from shared.sites.compression import compress, encodings
from shared.sites.contents import Archive, Content, batches
from shared.sites.errors import ContentMissing, ManifestMissing
from shared.sites.manifest import Manifest, compile_manifest
from shared.sites.models import (
    ArchiveSummary,
    Encoding,
    Form,
    Progress,
    PublishedSite,
    PublishJob,
    SiteFile,
)

T = TypeVar("T")
Report = Callable[[Progress], Awaitable[None]]

_BATCHES_AT_ONCE = 3
_THREADS = 3


class Publisher:
    """Publishes releases; holds nothing between them, so any number may run side by side."""

    def __init__(
        self, blobs: Blobs, database: Database, *, uploads: int = 24, report_every: float = 0.25
    ) -> None:
        self._blobs = blobs
        self._database = database
        self._uploads = uploads
        self._report_every = report_every

    async def publish(self, job: PublishJob, report: Report) -> PublishedSite:
        """Publish one release.

        ``report`` is awaited at the start, four times a second and at the end; what it raises
        ends the publish and comes out of here. Raises an ArchiveRefused, or Unavailable.
        """
        work = _Publication(self._blobs, self._database, job, self._uploads)
        with tempfile.TemporaryFile(prefix="astrocloud-") as spool:
            return await self._reporting(work, report, self._run(work, job, spool))

    async def copy(self, project_id: UUID, source: UUID, target: UUID, shards: int) -> None:
        """Give a release the manifest of another one of its project, whose contents are there."""
        work = _Copy(self._blobs, project_id, source, target)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(shards):
                    group.create_task(work.copy_shard(number))
        except BaseExceptionGroup as errors:
            raise _first(errors) from None

    async def _run(self, work: "_Publication", job: PublishJob, spool: BinaryIO) -> PublishedSite:
        if job.archive is None:
            return await work.run(None)
        if isinstance(job.archive, Path):
            with job.archive.open("rb") as file:
                return await work.run(file)
        await self._blobs.download(STAGING, job.archive, spool, max_bytes=job.limits.archive_bytes)
        spool.flush()
        return await work.run(spool)

    async def _reporting(
        self, work: "_Publication", report: Report, run: Coroutine[Any, Any, T]
    ) -> T:
        async def regularly() -> None:
            while True:
                await report(work.progress())
                await asyncio.sleep(self._report_every)

        try:
            async with asyncio.TaskGroup() as group:
                reporter = group.create_task(regularly())
                result = await run
                reporter.cancel()
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        finally:
            run.close()
        await report(work.progress())
        return result


class _Publication:
    """One publish at work."""

    def __init__(self, blobs: Blobs, database: Database, job: PublishJob, uploads: int) -> None:
        self._blobs, self._database, self._job = blobs, database, job
        self._places = asyncio.Semaphore(uploads)
        self._files: list[SiteFile] = []
        self._forms: dict[str, store.KnownForms] = {}
        self._summary = ArchiveSummary(0, 0, "")
        self._new_files = self._new_bytes = 0

    def progress(self) -> Progress:
        """How far it is."""
        return Progress(self._summary.files, self._new_files, self._summary.bytes, self._new_bytes)

    async def run(self, file: BinaryIO | None) -> PublishedSite:
        """Publish an archive that is on disk; None where the site's files are all known."""
        job = self._job
        if file is not None:
            async with _threads(file) as (archive, threads):
                root = "" if job.files is not None else job.root
                self._summary = await threads(inspect_file, archive, job.format, job.limits, root)
                root = self._summary.root
                reading = batches(archive, job.format, job.limits, root, job.inspect)
                await self._publish_contents(reading, threads)
        if job.files is not None:
            await self._take_named(job.files)
        manifest = await asyncio.to_thread(compile_manifest, self._files, self._forms, job.rules)
        await self._publish_manifest(manifest)
        return PublishedSite(
            shards=len(manifest.shards),
            not_found=manifest.not_found,
            fallback=manifest.fallback,
            files=self._summary.files,
            bytes=self._summary.bytes,
            new_files=self._new_files,
            new_bytes=self._new_bytes,
        )

    async def _take_named(self, files: Sequence[SiteFile]) -> None:
        """The site is what was named, whatever the archive brought; raises ContentMissing."""
        wanted = {file.digest for file in files} - self._forms.keys()
        async with self._database.transaction() as connection:
            known = await store.known_contents(connection, self._job.project_id, list(wanted))
        self._forms.update(known)
        absent = next((file for file in files if file.digest not in self._forms), None)
        if absent is not None:
            raise ContentMissing(
                f"The bytes of {absent.path.lstrip('/')} did not arrive: its digest was named, but"
                " the archive does not bring it. Send the list again, then what is missing of it"
            )
        self._files = list(files)
        self._summary = ArchiveSummary(len(files), sum(file.size for file in files), "")

    async def _publish_contents(
        self, reading: Iterator[list[Content]], threads: "_InThread"
    ) -> None:
        slots = asyncio.Semaphore(_BATCHES_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while True:
                await slots.acquire()
                batch = await threads(next, reading, None)
                if batch is None:
                    return
                task = group.create_task(self._publish_batch(batch, threads))
                task.add_done_callback(lambda _: slots.release())

    async def _publish_batch(self, batch: list[Content], threads: "_InThread") -> None:
        try:
            self._files.extend(content.file for content in batch)
            first = {c.file.digest: c for c in batch if c.file.digest not in self._forms}
            self._forms.update({digest: {} for digest in first})
            async with self._database.transaction() as connection:
                known = await store.known_contents(connection, self._job.project_id, list(first))
            self._forms.update(known)
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._publish_content(c, d not in known, threads))
                    for d, c in first.items()
                ]
            await self._record([c.file for t in tasks if (c := t.result()) is not None])
        finally:
            for content in batch:
                content.close()

    async def _publish_content(
        self, content: Content, is_new: bool, threads: "_InThread"
    ) -> Content | None:
        """Bring up what is missing of a content; None where nothing was."""
        file, forms = content.file, self._forms[content.file.digest]
        wanted = [e for e in encodings(file.path, file.size) if e not in forms]
        if not is_new and not wanted:
            return None
        if is_new:
            await self._upload(file.digest, content.held)
        for encoding in wanted:
            form = await threads(_form, content, encoding, _rival(file.size, forms))
            forms[encoding] = Form(form[0], len(form[1])) if form else None
            if form:
                await self._upload(*form)
        if is_new:
            self._new_files += 1
            self._new_bytes += file.size
        return content

    async def _upload(self, digest: str, data: bytes | BinaryIO) -> None:
        async with self._places:
            await self._blobs.upload_new(OBJECTS, f"{self._job.project_id}/{digest}", data)

    async def _record(self, files: list[SiteFile]) -> None:
        if not files:
            return
        contents = [(f.digest, f.size, self._forms[f.digest]) for f in files]
        async with self._database.transaction() as connection:
            await store.add_contents(
                connection, self._job.account_id, self._job.project_id, contents
            )

    async def _publish_manifest(self, manifest: Manifest) -> None:
        folder = f"{self._job.project_id}/{self._job.release_id}"
        async with asyncio.TaskGroup() as group:
            for number, shard in enumerate(manifest.shards):
                group.create_task(self._upload_shard(f"{folder}/{number}.json", shard))

    async def _upload_shard(self, name: str, shard: bytes) -> None:
        async with self._places:
            await self._blobs.upload(MANIFESTS, name, shard)


class _Copy:
    """Copies manifests from release to release."""

    def __init__(self, blobs: Blobs, project_id: UUID, source: UUID, target: UUID) -> None:
        self._blobs = blobs
        self._source, self._target = f"{project_id}/{source}", f"{project_id}/{target}"

    async def copy_shard(self, number: int) -> None:
        found = await self._blobs.read(MANIFESTS, f"{self._source}/{number}.json")
        if found is None:
            raise ManifestMissing(
                "The release that was to be used again is not there any more: deploy without cache"
            )
        await self._blobs.upload(MANIFESTS, f"{self._target}/{number}.json", found.data)


def _rival(size: int, forms: store.KnownForms) -> int:
    """The fewest bytes that are sent without a further form."""
    return min([size, *(form.size for form in forms.values() if form)])


def _form(content: Content, encoding: Encoding, rival: int) -> tuple[str, bytes] | None:
    form = compress(content.data(), encoding, rival)
    return (sha256(form).hexdigest(), form) if form is not None else None


class _InThread:
    """Runs blocking calls in the publish's own threads, so that they end before it does."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self._executor = executor

    async def __call__(self, work: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, work, *arguments)


@asynccontextmanager
async def _threads(file: BinaryIO) -> AsyncIterator[tuple[Archive, _InThread]]:
    executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="publish")
    archive = Archive(file)
    try:
        yield archive, _InThread(executor)
    finally:
        archive.stop()
        try:
            await asyncio.to_thread(executor.shutdown, wait=True, cancel_futures=True)
        finally:
            # Also where a second cancellation ends the wait.
            archive.close()


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """What went wrong first; the rest followed from it."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
