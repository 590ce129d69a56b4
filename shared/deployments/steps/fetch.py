"""``fetching``: bring the source to where the build finds it, and look at it first."""

import asyncio
import tempfile
from pathlib import Path
from typing import cast

from shared.clients.blobs import STAGING, Blobs
from shared.deployments.outcomes import Claim, Next, Outcome
from shared.errors import ValidationFailed
from shared.plans import limits
from shared.plans.limits import value_of
from shared.sites.archive import inspect_archive
from shared.sites.models import ArchiveFormat, ArchiveSummary, SiteLimits


class UploadMissing(ValidationFailed):
    """The source names an archive that is not there."""

    code, title = "upload_missing", "The archive did not arrive"


class Fetch:
    """The step of ``fetching``: the source is an archive that was uploaded."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def __call__(self, claim: Claim) -> Outcome:
        """Look into the archive; what must not be unpacked is refused here."""
        source = claim.row["source"]
        if await self._blobs.properties(STAGING, source["upload_id"]) is None:
            raise UploadMissing(
                "The archive was never uploaded, or too long ago: upload it and deploy again"
            )
        summary = await self._inspect(claim, site_limits(claim))
        claim.log.write(f"Source: {summary.files} files, {summary.bytes:,} bytes")
        await claim.renew({"files_total": summary.files, "bytes_total": summary.bytes})
        return Next(
            "building",
            source={"root": summary.root, "files": summary.files, "bytes": summary.bytes},
        )

    async def _inspect(self, claim: Claim, bounds: SiteLimits) -> ArchiveSummary:
        source = claim.row["source"]

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "archive")
            with path.open("wb") as file:  # noqa: ASYNC230 - opening a local file does not wait
                download = self._blobs.download(
                    STAGING, source["upload_id"], file, max_bytes=bounds.archive_bytes
                )
                await claim.keep_while(download)
            kind = cast(ArchiveFormat, source["format"])
            inspection = asyncio.to_thread(inspect_archive, path, kind, bounds)
            return await claim.keep_while(inspection)


def site_limits(claim: Claim) -> SiteLimits:
    """The bounds of the account's plan for one site."""
    own = claim.row["account_limits"]
    return SiteLimits(
        archive_bytes=value_of(limits.UPLOAD_BYTES, own),
        files=value_of(limits.SITE_FILES, own),
        bytes=value_of(limits.SITE_BYTES, own),
        file_bytes=value_of(limits.FILE_BYTES, own),
    )
