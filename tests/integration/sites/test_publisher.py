"""Publishing against a real Azurite and a real Postgres."""

import asyncio
import os
import random
import tempfile
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import pytest

from shared.clients.blobs import BlobMissing, Blobs, BlobTooLarge
from shared.database import Database
from shared.errors import Unavailable
from shared.sites.errors import (
    ContentMissing,
    DamagedArchive,
    ManifestMissing,
    NoIndexHtml,
    NotAnArchive,
)
from shared.sites.models import (
    Progress,
    PublishedSite,
    PublishJob,
    SiteFile,
    SiteLimits,
    SiteRules,
)
from shared.sites.publisher import Publisher
from tests.integration.sites.checking import Found, check_objects, check_site, look, read_manifest
from tests.integration.sites.conftest import Project, make_project
from tests.services.handles import Azurite
from tests.services.handles import Database as DatabaseHandle
from tests.unit.sites.archives import tar_bytes, zip_bytes

TEXT = b"".join(b"<p>line %d of a page</p>\n" % n for n in range(2000))


def make_site(files: int = 150, seed: int = 1) -> dict[str, bytes]:
    """Pages that compress, pages that are small, images."""
    random_ = random.Random(seed)
    site = {"index.html": b"<h1>%d</h1>" % seed, "404.html": b"gone", "big.html": TEXT}
    for n in range(files - 3):
        kind = n % 3
        words = b" ".join(b"%x" % random_.getrandbits(16) for _ in range(4000))
        data = (words, b"small %d" % random_.getrandbits(64), random_.randbytes(9000))[kind]
        site[f"{('pages', 'notes', 'images')[kind]}/{n}.{('html', 'txt', 'png')[kind]}"] = data
    return site


class Publish:
    """A publisher for one project, and what it did."""

    def __init__(
        self, azurite: Azurite, blobs: Blobs, dsn: str, worker: Database, folder: Path
    ) -> None:
        self._azurite, self._dsn, self._folder = azurite, dsn, folder
        self.blobs = CountingBlobs(azurite.connection_string)
        self.reading = blobs
        self.publisher = Publisher(self.blobs, worker)
        self.reports: list[Progress] = []

    def job(self, project: Project, site: dict[str, bytes], **changes: Any) -> PublishJob:
        path = self._folder / f"{uuid4()}.zip"
        path.write_bytes(zip_bytes(site))
        job = PublishJob(project.account_id, project.id, uuid4(), path, "zip", SiteLimits())
        return replace(job, **changes)

    async def __call__(self, job: PublishJob) -> PublishedSite:
        self.blobs.uploads = 0
        self.reports = []

        async def report(progress: Progress) -> None:
            self.reports.append(progress)

        return await self.publisher.publish(job, report)

    async def look(self, project: Project) -> Found:
        found = await look(self._azurite.connection_string, self._dsn, project.id)
        check_objects(found)
        return found

    async def check(self, job: PublishJob, published: PublishedSite, site: dict[str, bytes]) -> Any:
        paths = await read_manifest(self.reading, job.project_id, job.release_id, published.shards)
        check_site(paths, await self.look(Project(job.account_id, job.project_id)), site)
        return paths


class CountingBlobs(Blobs):
    """Blobs that count the objects that are written, and do as a test says before."""

    uploads = 0
    before: Callable[[], Awaitable[None]] | None = None

    async def upload_new(self, container: str, name: str, data: bytes | BinaryIO) -> bool:
        self.uploads += 1
        if self.before:
            await self.before()
        return await super().upload_new(container, name, data)


@pytest.fixture
async def publish(
    azurite: Azurite, blobs: Blobs, database: DatabaseHandle, worker: Database, tmp_path: Path
) -> Any:
    work = Publish(azurite, blobs, database.owner, worker, tmp_path)
    yield work
    await work.blobs.close()


async def test_a_site_is_published_whole(publish: Publish, project: Project) -> None:
    site = make_site()
    job = publish.job(project, site)
    published = await publish(job)
    size = sum(map(len, site.values()))
    assert published == PublishedSite(
        shards=1,
        not_found="/404.html",
        fallback=None,
        files=150,
        bytes=size,
        new_files=150,
        new_bytes=size,
    )
    paths = await publish.check(job, published, site)
    assert paths["/"]["d"] == paths["/index.html"]["d"]
    assert set(paths["/big.html"]["e"]) >= {"gzip"}
    assert "e" not in paths["/images/2.png"]
    assert publish.reports[0] == Progress(0, 0, 0, 0)
    assert publish.reports[-1] == Progress(150, 150, size, size)


async def test_publishing_again_uploads_nothing(publish: Publish, project: Project) -> None:
    site = make_site()
    await publish(publish.job(project, site))
    before = await publish.look(project)
    again = publish.job(project, site)
    published = await publish(again)
    assert (published.new_files, published.new_bytes, publish.blobs.uploads) == (0, 0, 0)
    after = await publish.look(project)
    assert (after.rows, after.forms) == (before.rows, before.forms)
    await publish.check(again, published, site)


async def test_only_what_changed_is_uploaded(publish: Publish, project: Project) -> None:
    site = make_site()
    await publish(publish.job(project, site))
    site["notes/1.txt"] = b"changed"
    job = publish.job(project, site)
    published = await publish(job)
    assert (published.files, published.new_files, published.new_bytes) == (150, 1, 7)
    assert publish.blobs.uploads == 1
    assert publish.reports[-1].files_uploaded == 1
    await publish.check(job, published, site)


async def test_one_content_under_many_names_is_uploaded_once(
    publish: Publish, project: Project
) -> None:
    site = {"index.html": b"1", **{f"copy/{n}.txt": b"the same" for n in range(200)}}
    job = publish.job(project, site)
    published = await publish(job)
    assert (published.files, published.new_files, publish.blobs.uploads) == (201, 2, 2)
    await publish.check(job, published, site)


async def test_a_form_that_does_not_pay_is_not_tried_again(
    publish: Publish, project: Project
) -> None:
    site = {"index.html": b"1", "noise.svg": os.urandom(20_000)}
    await publish(publish.job(project, site))
    found = await publish.look(project)
    assert list(found.forms.values()) == [None, None]
    await publish(publish.job(project, site))
    assert publish.blobs.uploads == 0


async def test_forms_are_added_to_a_content_that_had_none(
    publish: Publish, project: Project
) -> None:
    first = await publish(publish.job(project, {"index.html": b"1", "page.bin": TEXT}))
    assert first.new_files == 2
    assert not (await publish.look(project)).forms
    site = {"index.html": b"1", "page.txt": TEXT}
    job = publish.job(project, site)
    published = await publish(job)
    assert published.new_files == 0
    paths = await publish.check(job, published, site)
    assert "gzip" in paths["/page.txt"]["e"]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
async def test_large_files_are_published(publish: Publish, project: Project, kind: Any) -> None:
    site = {"index.html": b"1", "movie.mp4": os.urandom(9_000_000), "log.txt": TEXT * 120}
    job = publish.job(project, site, format=kind)
    if kind == "tar.gz":
        Path(job.archive).write_bytes(tar_bytes(site))
    published = await publish(job)
    await publish.check(job, published, site)


async def test_an_archive_is_taken_from_staging(publish: Publish, project: Project) -> None:
    site = make_site(20)
    upload = str(uuid4())
    await publish.reading.upload_new("staging", upload, zip_bytes(site))
    job = publish.job(project, site, archive=upload)
    await publish.check(job, await publish(job), site)


async def test_an_archive_that_is_not_there_or_too_large_is_refused(
    publish: Publish, project: Project
) -> None:
    upload = str(uuid4())
    with pytest.raises(BlobMissing, match=upload):
        await publish(publish.job(project, {}, archive=upload))
    await publish.reading.upload_new("staging", upload, zip_bytes(make_site(20)))
    with pytest.raises(BlobTooLarge):
        await publish(
            publish.job(project, {}, archive=upload, limits=SiteLimits(archive_bytes=1000))
        )


async def test_a_bad_archive_leaves_nothing(publish: Publish, project: Project) -> None:
    job = publish.job(project, {})
    Path(job.archive).write_bytes(b"no archive")
    with pytest.raises(NotAnArchive):
        await publish(job)
    found = await publish.look(project)
    assert not found.objects
    assert not found.manifests


async def test_damage_that_shows_while_publishing_ends_it(
    publish: Publish, project: Project
) -> None:
    site = make_site()
    job = publish.job(project, site)
    data = bytearray(zip_bytes(site))
    data[data.rfind(b"PK\3\4") + 400] ^= 1
    Path(job.archive).write_bytes(data)
    with pytest.raises(DamagedArchive):
        await publish(job)
    assert not (await publish.look(project)).manifests
    good = publish.job(project, site)
    await publish.check(good, await publish(good), site)


class Lost(Exception):
    """What a report raises when its deployment is no longer ours."""


async def test_a_report_that_raises_ends_the_publish(
    publish: Publish, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    site = make_site()
    job = publish.job(project, site)
    lost = asyncio.Event()

    async def report(progress: Progress) -> None:
        if progress.files_uploaded:
            lost.set()
            raise Lost

    async def hold() -> None:
        # Later uploads wait until the report has raised, so that it does so in the middle.
        if publish.blobs.uploads > 40:
            await asyncio.wait_for(lost.wait(), 20)

    publish.blobs.before = hold
    with pytest.raises(Lost):
        await publish.publisher.publish(job, report)
    publish.blobs.before = None
    assert not [t for t in threading.enumerate() if t.name.startswith("publish")]
    assert not list(spool.iterdir())
    found = await publish.look(project)
    assert 0 < len(found.objects) < 150
    assert not found.manifests
    await publish.check(job, await publish(job), site)


async def test_a_publish_can_be_cancelled(publish: Publish, project: Project) -> None:
    begun = asyncio.Event()

    async def hold() -> None:
        begun.set()
        await asyncio.Event().wait()

    publish.blobs.before = hold
    site = make_site()
    job = publish.job(project, site)
    task = asyncio.create_task(publish(job))
    await asyncio.wait_for(begun.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [t for t in threading.enumerate() if t.name.startswith("publish")]
    publish.blobs.before = None
    await publish.check(job, await publish(job), site)


async def test_an_outage_in_the_middle_is_told_and_the_next_run_completes(
    publish: Publish, project: Project
) -> None:
    async def fail() -> None:
        if publish.blobs.uploads == 120:
            raise Unavailable("Blob Storage is away")

    publish.blobs.before = fail
    site = make_site()
    job = publish.job(project, site)
    with pytest.raises(Unavailable, match="is away"):
        await publish(job)
    publish.blobs.before = None
    await publish.look(project)
    await publish.check(job, await publish(job), site)


async def test_releases_that_are_published_at_once_do_not_harm_each_other(
    publish: Publish, project: Project
) -> None:
    sites = [{**make_site(), f"own-{n}.txt": b"%d" % n} for n in range(3)]
    jobs = [publish.job(project, site) for site in sites]
    jobs.append(replace(jobs[0]))  # the same release, by a worker that lost its lease
    results = await asyncio.gather(*(publish(job) for job in jobs))
    for job, published, site in zip(jobs, results, [*sites, sites[0]], strict=True):
        await publish.check(job, published, site)


async def test_projects_do_not_share_contents(
    publish: Publish, project: Project, database: DatabaseHandle
) -> None:
    other = await make_project(database.owner, "other")
    site = make_site(10)
    await publish(publish.job(project, site))
    job = publish.job(other, site)
    published = await publish(job)
    assert published.new_files == 10
    await publish.check(job, published, site)


async def test_reports_go_on_while_an_archive_is_unpacked(
    publish: Publish, project: Project, worker: Database
) -> None:
    site = {"index.html": b"1", "movie.mp4": os.urandom(60_000_000)}
    job = publish.job(project, {}, format="tar.gz")
    Path(job.archive).write_bytes(tar_bytes(site))
    reports: list[Progress] = []

    async def report(progress: Progress) -> None:
        reports.append(progress)

    await Publisher(publish.reading, worker, report_every=0).publish(job, report)
    assert reports.count(Progress(0, 0, 0, 0)) > 10
    assert reports[-1].files_uploaded == 2


async def test_a_folder_of_the_archive_is_the_site_where_it_is_named(
    publish: Publish, project: Project
) -> None:
    site = {"top/public/index.html": b"<h1>x</h1>", "top/package.json": b"{}"}
    job = publish.job(project, site, root="top/public")
    published = await publish(job)
    assert published.files == 1
    await publish.check(job, published, {"index.html": b"<h1>x</h1>"})


async def test_a_named_folder_without_a_page_is_refused(publish: Publish, project: Project) -> None:
    job = publish.job(project, {"index.html": b"x", "out/a.txt": b"y"}, root="out")
    with pytest.raises(NoIndexHtml, match=r"out.*set output"):
        await publish(job)


async def test_rules_of_the_build_go_before_what_names_tell(
    publish: Publish, project: Project
) -> None:
    site = {"index.html": b"x", "fonts/a.woff2": b"y", "app.0123456789abcdef.js": b"z"}
    rules = SiteRules("/index.html", (("/fonts/*", True), ("/app.*", False)))
    job = publish.job(project, site, rules=rules)
    published = await publish(job)
    assert published.fallback == "/index.html"
    paths = await read_manifest(publish.reading, project.id, job.release_id, published.shards)
    assert paths["/fonts/a.woff2"]["c"].endswith("immutable")
    assert paths["/app.0123456789abcdef.js"]["c"].endswith("must-revalidate")


async def test_a_fallback_that_is_turned_off_stays_off(publish: Publish, project: Project) -> None:
    site = {"index.html": b"x", "200.html": b"y"}
    assert (await publish(publish.job(project, site))).fallback == "/200.html"
    assert (await publish(publish.job(project, site, rules=SiteRules("")))).fallback is None


async def test_what_the_inspection_refuses_is_never_stored(
    publish: Publish, project: Project
) -> None:
    def inspect(path: str, held: Any) -> None:
        if path == "/b.js" and b"hidden" in held:
            raise ValueError("a secret")

    job = publish.job(project, {"index.html": b"x", "b.js": b"hidden"}, inspect=inspect)
    with pytest.raises(ValueError, match="a secret"):
        await publish(job)
    found = await publish.look(project)
    assert sha256(b"hidden").hexdigest() not in found.objects


async def test_a_prebuilt_site_brings_only_what_is_missing(
    publish: Publish, project: Project
) -> None:
    first = {"index.html": b"<h1>one</h1>", "a.txt": b"a"}
    await publish(publish.job(project, first))
    site = {"index.html": b"<h1>two</h1>", "a.txt": b"a", "copy/a.txt": b"a"}
    job = publish.job(project, {"index.html": site["index.html"]}, files=named(site))
    published = await publish(job)
    assert (published.files, published.new_files) == (3, 1)
    await publish.check(job, published, site)


async def test_a_prebuilt_site_without_anything_new_needs_no_archive(
    publish: Publish, project: Project
) -> None:
    site = {"index.html": b"<h1>one</h1>", "a.txt": b"a"}
    await publish(publish.job(project, site))
    job = publish.job(project, site, files=named(site), archive=None)
    published = await publish(job)
    assert published.new_files == 0
    await publish.check(job, published, site)


async def test_a_prebuilt_site_whose_bytes_differ_from_their_digest_is_refused(
    publish: Publish, project: Project
) -> None:
    site = {"index.html": b"<h1>one</h1>", "a.txt": b"a"}
    job = publish.job(project, {"index.html": b"something else"}, files=named(site))
    with pytest.raises(ContentMissing, match="did not arrive"):
        await publish(job)


async def test_a_release_is_copied_with_all_its_paths(publish: Publish, project: Project) -> None:
    site = {f"{n}.txt": str(n).encode() for n in range(600)} | {"index.html": b"x"}
    job = publish.job(project, site)
    published = await publish(job)
    again = uuid4()
    await publish.publisher.copy(project.id, job.release_id, again, published.shards)
    before, after = [
        await read_manifest(publish.reading, project.id, release, published.shards)
        for release in (job.release_id, again)
    ]
    assert before == after
    with pytest.raises(ManifestMissing):
        await publish.publisher.copy(project.id, uuid4(), uuid4(), 1)


def named(site: dict[str, bytes]) -> tuple[SiteFile, ...]:
    """A site's files as a client names them."""
    return tuple(SiteFile(f"/{p}", sha256(b).hexdigest(), len(b)) for p, b in site.items())
