"""A repository's revision as an archive in staging: from there on it is like an upload."""

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.clients.blobs import STAGING, Blobs
from shared.crypto import Crypto
from shared.database import Database
from shared.deployments import source_store
from shared.deployments.outcomes import Claim
from shared.plans import limits
from shared.plans.limits import value_of
from shared.projects.service import git_token_of
from shared.sources.git import GitBounds, GitRequest, GitRevision, fetch_git
from shared.sources.guard import Guard

_KEPT_MESSAGE = 500


class GitFetch:
    """Fetches over https, with the project's credentials where the address is the project's."""

    def __init__(self, blobs: Blobs, database: Database, guard: Guard, crypto: Crypto) -> None:
        self._blobs = blobs
        self._database = database
        self._guard = guard
        self._crypto = crypto

    async def fetch(self, claim: Claim, archive: Path) -> Mapping[str, Any]:
        """The archive on disk and in staging; the source with what is known of it now."""
        source = claim.row["source"]
        claim.log.write(f"Fetching {source['url']}{_named(source)}")
        revision = await self._receive(claim, archive)
        summary = revision.message.strip().partition("\n")[0][:_KEPT_MESSAGE]
        claim.log.write(f"Commit {revision.commit[:12]}: {summary}")
        for warning in revision.warnings:
            claim.log.write(f"Warning: {warning}", stream="stderr")
        await self._stage(claim, archive)
        return {
            **source,
            "branch": revision.branch or source.get("branch"),
            "commit": revision.commit,
            "commit_message": summary,
            "upload_id": str(claim.id),
            "format": "tar.gz",
        }

    async def _receive(self, claim: Claim, archive: Path) -> GitRevision:
        """Fetch in a thread of its own, which ends when the claim does."""
        stop = threading.Event()
        request = self._request(claim.row)
        with archive.open("wb") as file:
            work = asyncio.to_thread(fetch_git, request, file, guard=self._guard, stop=stop)
            task = asyncio.ensure_future(work)
            try:
                return await claim.keep_while(asyncio.shield(task))
            finally:
                stop.set()
                await asyncio.gather(task, return_exceptions=True)

    def _request(self, row: Mapping[str, Any]) -> GitRequest:
        source, own = row["source"], row["project_git"] or {}
        is_own = own.get("url") == source["url"]
        token = row["git_token"] if is_own else None
        revision = {} if source.get("commit") else {n: source.get(n) for n in ("branch", "tag")}
        return GitRequest(
            url=source["url"],
            **revision,
            commit=source.get("commit"),
            username=own.get("username") if is_own else None,
            token=git_token_of(self._crypto, row["project_id"], token),
            bounds=_bounds(row["account_limits"]),
        )

    async def _stage(self, claim: Claim, archive: Path) -> None:
        """Keep the archive; its row first, so that whatever happens it is cleaned up."""
        async with self._database.transaction() as connection:
            size = archive.stat().st_size
            await source_store.insert_staged(connection, claim.row, claim.id, size)
        with archive.open("rb") as file:
            kind = "application/octet-stream"
            upload = self._blobs.upload(STAGING, str(claim.id), file, content_type=kind)
            await claim.keep_while(upload)


def _named(source: Mapping[str, Any]) -> str:
    for kind in ("commit", "tag", "branch"):
        if source.get(kind):
            return f", {kind} {source[kind]}"
    return ", its default branch"


def _bounds(own: Mapping[str, int]) -> GitBounds:
    return GitBounds(
        pack_bytes=value_of(limits.UPLOAD_BYTES, own),
        bytes=value_of(limits.SITE_BYTES, own),
        file_bytes=value_of(limits.FILE_BYTES, own),
        files=value_of(limits.SITE_FILES, own),
    )
