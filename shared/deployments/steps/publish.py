"""``publishing``: the output becomes a release that stands complete before anyone sees it."""

import json
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from shared.builders.port import Builder
from shared.clients.blobs import STAGING, Blobs
from shared.database import Database
from shared.deployments import source_store
from shared.deployments.given_variables import GivenVariables
from shared.deployments.outcomes import Claim, Fail, Outcome, Ready, Release, release_id_of
from shared.deployments.steps.build_job import needs_run
from shared.deployments.steps.fetch import site_limits
from shared.detection.build_spec import BuildSpec
from shared.detection.tree import join
from shared.projects.service import listing_name
from shared.sites.models import (
    ArchiveFormat,
    Progress,
    PublishedSite,
    PublishJob,
    SiteFile,
    SiteRules,
)
from shared.sites.publisher import Publisher

_GONE = Fail(
    "release_gone",
    "An earlier release cannot be used again",
    "The release that was to be used again is not kept any more: deploy without cache",
)


class Publish:
    """The step of ``publishing`` for static releases."""

    def __init__(
        self,
        publisher: Publisher,
        builder: Builder,
        blobs: Blobs,
        database: Database,
        variables: GivenVariables,
    ) -> None:
        self._publisher = publisher
        self._builder = builder
        self._blobs = blobs
        self._database = database
        self._variables = variables

    async def __call__(self, claim: Claim) -> Outcome:
        """Store what is missing; a repetition after a kill goes on where the first one was."""
        release_id = release_id_of(claim.row)
        again = claim.row["source"].get("release")
        if again:
            return await self._use_again(claim, release_id, UUID(again))
        async with self._job(claim, release_id) as job:
            site = await self._published(claim, job)
        claim.log.write(f"{site.new_files:,} of {site.files:,} files uploaded")
        fingerprint = claim.row["source"].get("fingerprint")
        return Ready(_release(release_id, site, fingerprint))

    async def _published(self, claim: Claim, job: PublishJob) -> PublishedSite:
        async def report(progress: Progress) -> None:
            await claim.renew(_counts(progress))

        return await self._publisher.publish(job, report)

    async def _use_again(self, claim: Claim, release_id: UUID, again: UUID) -> Outcome:
        async with self._database.transaction() as connection:
            found = await source_store.read_release(connection, again)
        if found is None:
            return _GONE
        shards = found["serving"]["shards"]
        await self._publisher.copy(claim.row["project_id"], again, release_id, shards)
        site = PublishedSite(
            **found["serving"], files=found["files"], bytes=found["bytes"], new_files=0, new_bytes=0
        )
        return Ready(_release(release_id, site, claim.row["source"]["fingerprint"]))

    @asynccontextmanager
    async def _job(self, claim: Claim, release_id: UUID) -> AsyncIterator[PublishJob]:
        row = claim.row
        source, spec = row["source"], row["build_spec"]
        job = PublishJob(
            account_id=row["account_id"],
            project_id=row["project_id"],
            release_id=release_id,
            archive=source["upload_id"],
            format=cast(ArchiveFormat, source["format"]),
            limits=site_limits(row),
        )
        if source["type"] == "prebuilt":
            yield await self._prebuilt(job, source)
            return
        built = BuildSpec.model_validate(spec)
        inspect, ignored = self._variables.inspector(row)
        if ignored:
            names = ", ".join(ignored)
            claim.log.write(f"Not searched for in the output, too short or too common: {names}")
        job = replace(job, rules=_rules(built), inspect=inspect)
        if not needs_run(built):
            yield replace(job, root=_site_root(source["root"], built))
            return
        with tempfile.TemporaryDirectory(prefix="astrocloud-") as folder:
            path = Path(folder, "output")
            with path.open("wb") as file:  # noqa: ASYNC230 - a local file does not wait
                kind = await claim.keep_while(self._builder.output(row["run"]["key"], file))
            yield replace(job, archive=path, format=kind, root="")

    async def _prebuilt(self, job: PublishJob, source: Mapping[str, Any]) -> PublishJob:
        """The files that were named; the archive, where one was sent."""
        found = await self._blobs.read(STAGING, listing_name(source["upload_id"]))
        rows = json.loads(found.data) if found else []
        files = tuple(SiteFile(f"/{path}", digest, size) for path, digest, size in rows)
        sent = await self._blobs.properties(STAGING, source["upload_id"])
        return replace(job, files=files, archive=source["upload_id"] if sent else None)


def _site_root(root: str, spec: BuildSpec) -> str:
    """Where in the archive the site lies that needs no build."""
    folder = join(join(root, spec.root) or root, spec.output or ".")
    return folder or ""


def _rules(spec: BuildSpec) -> SiteRules:
    told = spec.reasons.get("fallback")
    is_off = told is not None and told.origin != "detected" and spec.fallback is None
    return SiteRules(
        fallback="" if is_off else spec.fallback,
        cache=tuple((rule.path, rule.policy == "immutable") for rule in spec.cache),
    )


def _release(release_id: UUID, site: PublishedSite, fingerprint: str | None) -> Release:
    return Release(
        id=release_id,
        kind="static",
        serving={
            "shards": site.shards,
            "not_found": site.not_found,
            "fallback": site.fallback,
        },
        files=site.files,
        bytes=site.bytes,
        progress={
            "files_total": site.files,
            "files_uploaded": site.new_files,
            "bytes_total": site.bytes,
            "bytes_uploaded": site.new_bytes,
        },
        fingerprint=fingerprint,
    )


def _counts(progress: Progress) -> dict[str, int]:
    return {
        "files_total": progress.files_total,
        "files_uploaded": progress.files_uploaded,
        "bytes_total": progress.bytes_total,
        "bytes_uploaded": progress.bytes_uploaded,
    }
