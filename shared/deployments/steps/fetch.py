"""``fetching``: bring the source to where the build finds it, and look at it first.

What is decided by looking (the build spec, whether anything changed, whether there is a release of
just this already) is decided here, once, and kept in the row.
"""

import asyncio
import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from shared.clients.blobs import STAGING, Blobs
from shared.clusters.port import Cluster
from shared.database import Database
from shared.deployments import source_store
from shared.deployments.given_variables import GivenVariables
from shared.deployments.outcomes import Claim, Next, Outcome, Skip, release_id_of
from shared.deployments.steps.git_source import GitFetch
from shared.deployments.steps.image_source import ImageLookup, spec_of
from shared.deployments.steps.looking import (
    Located,
    Looked,
    check_kind,
    differing_paths,
    look,
)
from shared.deployments.steps.run_checks import check_run
from shared.detection.build_spec import BuildSpec
from shared.detection.settings import BuildSettings
from shared.errors import ValidationFailed
from shared.plans import limits
from shared.plans.limits import value_of
from shared.sites.models import ArchiveFormat, SiteLimits
from shared.sources.patterns import matches

_PRODUCED_BY = "1"
"""Part of every fingerprint: another number where the same input gives another release."""
_CHANGED_BYTES = 65_536
# What is said of a build, and how a server runs: neither changes what is built.
_NOT_BUILT = {
    *("reasons", "warnings", "alternatives"),
    *("port", "release", "release_seconds", "readiness", "liveness", "scaling", "workers"),
    *("schedules", "stop_seconds"),
}


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths that differ from the deployment of that number."""

    since: int
    paths: Sequence[str]


class UploadMissing(ValidationFailed):
    """The source names an archive that is not there."""

    code, title = "upload_missing", "The archive did not arrive"


class Fetch:
    """The step of ``fetching``."""

    def __init__(
        self,
        blobs: Blobs,
        database: Database,
        git: GitFetch,
        images: ImageLookup,
        variables: GivenVariables,
        cluster: Cluster,
        *,
        runs_servers: bool,
    ) -> None:
        self._blobs = blobs
        self._database = database
        self._git = git
        self._images = images
        self._variables = variables
        self._cluster = cluster
        self._runs_servers = runs_servers

    async def __call__(self, claim: Claim) -> Outcome:
        """Bring the source and look at it; what must not be unpacked is refused here."""
        source = claim.row["source"]
        if source["type"] == "prebuilt":
            claim.log.write("Prebuilt: the files are published as they came")
            spec = BuildSpec(framework="html", kind="static", reasons={})
            return Next("building", build_spec=spec.model_dump(mode="json"))
        if source["type"] == "image":
            return await self._image(claim)
        with tempfile.TemporaryDirectory(prefix="astrocloud-") as folder:
            archive = Path(folder, "archive")
            brought = await self._bring(claim, archive)
            looked = await claim.keep_while(asyncio.to_thread(_look, claim.row, brought, archive))
            return await self._decide(claim, brought, looked, archive)

    async def _image(self, claim: Claim) -> Outcome:
        """Nothing is built: an image is run as it is."""
        row = claim.row
        source = await self._images.find(claim)
        spec = spec_of(
            source["image"], _settings(row["project_settings"]), _settings(row["settings"])
        )
        self._check_run(claim, spec)
        variables = await self._variables.choose(row, None, None, release_id_of(row))
        return Next(
            "building",
            source=source,
            build_spec=spec.model_dump(mode="json"),
            variables=variables.sealed,
        )

    def _check_run(self, claim: Claim, spec: BuildSpec) -> None:
        check_kind(spec, runs_servers=self._runs_servers)
        if spec.kind == "dynamic":
            for warning in check_run(spec, claim.row, self._cluster.capabilities):
                claim.log.write(f"Warning: {warning}", stream="stderr")

    async def _bring(self, claim: Claim, archive: Path) -> Mapping[str, Any]:
        """The archive on disk and in staging; what is known of the source now."""
        source = claim.row["source"]
        if source["type"] == "git" and not source.get("upload_id"):
            return await self._git.fetch(claim, archive)
        if await self._blobs.properties(STAGING, source["upload_id"]) is None:
            raise UploadMissing(
                "The archive was never uploaded, or too long ago: upload it and deploy again"
            )
        await self._download(claim, source["upload_id"], archive)
        return cast(Mapping[str, Any], source)

    async def _download(self, claim: Claim, name: str, path: Path) -> None:
        bound = site_limits(claim.row).archive_bytes
        with path.open("wb") as file:
            await claim.keep_while(self._blobs.download(STAGING, name, file, max_bytes=bound))

    async def _decide(
        self, claim: Claim, source: Mapping[str, Any], looked: Looked, archive: Path
    ) -> Outcome:
        spec = looked.spec
        _tell(claim, looked)
        self._check_run(claim, spec)
        changes = await self._changes(claim, source, spec, archive)
        if changes is not None and spec.watch and not matches(changes.paths, spec.watch):
            return Skip(
                f"Skipped: no file that fits watch ({', '.join(spec.watch)}) has changed since"
                f" #{changes.since}"
            )
        variables = await self._variables.choose(
            claim.row, source.get("branch"), source.get("commit"), release_id_of(claim.row)
        )
        is_dynamic = spec.kind == "dynamic"
        seen = variables.build_fingerprint if is_dynamic else variables.fingerprint
        fingerprint = _fingerprint(looked.digest, spec, seen)
        kept = {**source, "root": looked.root}
        kept["image_key" if is_dynamic else "fingerprint"] = fingerprint
        if changes is not None and spec.ignore:
            kept["changed"] = _bounded(changes.paths)
        outcome = Next(
            "building",
            source=kept,
            build_spec=spec.model_dump(mode="json"),
            variables=variables.sealed,
        )
        return await self._again(claim, outcome, fingerprint)

    async def _again(self, claim: Claim, outcome: Next, fingerprint: str) -> Next:
        """The same move, with the release that was made of exactly this, where there is one."""
        if not claim.row["use_cache"]:
            return outcome
        if "image_key" in outcome.source:
            return await self._image_again(claim, outcome, fingerprint)
        async with self._database.transaction() as connection:
            found = await source_store.find_release(connection, claim.row, fingerprint)
        if found is None:
            return outcome
        claim.log.write(
            f"Nothing differs from #{found['number']} (source, settings, variables):"
            " its release is used again"
        )
        source = {**outcome.source, "release": str(found["id"])}
        return replace(outcome, source=source, reused_from=found["number"])

    async def _image_again(self, claim: Claim, outcome: Next, image_key: str) -> Next:
        async with self._database.transaction() as connection:
            found = await source_store.find_image(connection, claim.row, image_key)
        if found is None:
            return outcome
        claim.log.write(
            f"Nothing that is built differs from #{found['number']}: its image is used again"
        )
        again = {
            "image": found["image"],
            "image_of": found["number"],
            "image_bytes": found["bytes"],
            "image_is_ours": True,
        }
        return replace(outcome, source={**outcome.source, **again}, reused_from=found["number"])

    async def _changes(
        self, claim: Claim, source: Mapping[str, Any], spec: BuildSpec, archive: Path
    ) -> Changes | None:
        """What differs from the last ready deployment; None: nobody asks, or nobody can tell."""
        if not (spec.watch or spec.ignore):
            return None
        async with self._database.transaction() as connection:
            before = await source_store.last_built(connection, claim.row)
        if before is None or not before["is_staged"]:
            return None
        with tempfile.TemporaryDirectory(prefix="astrocloud-") as folder:
            earlier = Path(folder, "archive")
            await self._download(claim, before["source"]["upload_id"], earlier)
            archives = _located(earlier, before["source"]), _located(archive, source)
            paths = await claim.keep_while(
                asyncio.to_thread(differing_paths, *archives, site_limits(claim.row))
            )
        return Changes(before["number"], paths)


def _bounded(paths: Sequence[str]) -> list[str]:
    """As many as fit into one variable of a command."""
    kept: list[str] = []
    size = 0
    for path in paths:
        size += len(path.encode()) + 1
        if size > _CHANGED_BYTES:
            return [*kept, "…"]
        kept.append(path)
    return kept


def _look(row: Mapping[str, Any], source: Mapping[str, Any], archive: Path) -> Looked:
    return look(
        _located(archive, source),
        site_limits(row),
        project=_settings(row["project_settings"]),
        user=_settings(row["settings"]),
    )


def _located(archive: Path, source: Mapping[str, Any]) -> Located:
    """A repository's archive has no folder around it, an upload may have one."""
    root = "" if source["type"] == "git" else None
    return archive, cast(ArchiveFormat, source["format"]), root


def _settings(values: Mapping[str, Any]) -> BuildSettings | None:
    return BuildSettings.model_validate(values) if values else None


def _tell(claim: Claim, looked: Looked) -> None:
    """The log's account of what will be done, and why."""
    spec = looked.spec
    claim.log.write(f"Source: {looked.files:,} files, {looked.bytes:,} bytes")
    claim.log.write(f"Framework: {spec.framework} ({spec.reasons['framework'].text})")
    for name in ("root", "package_manager", "install", "build", "output", "dockerfile", "start"):
        reason = spec.reasons.get(name)
        if reason is not None and reason.value:
            claim.log.write(
                f"{name.replace('_', ' ').capitalize()}: {reason.value} ({reason.text})"
            )
    for warning in spec.warnings:
        claim.log.write(f"Warning: {warning}", stream="stderr")


def _fingerprint(source: str, spec: BuildSpec, variables: str) -> str:
    told = spec.model_dump(mode="json", exclude=_NOT_BUILT)
    parts = [_PRODUCED_BY, source, json.dumps(told, sort_keys=True), variables]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def site_limits(row: Mapping[str, Any]) -> SiteLimits:
    """The bounds of the account's plan for one site."""
    own = row["account_limits"]
    return SiteLimits(
        archive_bytes=value_of(limits.UPLOAD_BYTES, own),
        files=value_of(limits.SITE_FILES, own),
        bytes=value_of(limits.SITE_BYTES, own),
        file_bytes=value_of(limits.FILE_BYTES, own),
    )
