"""``publishing``: the output becomes a release that stands complete before anyone sees it."""

from typing import cast
from uuid import UUID, uuid5

from shared.deployments.outcomes import Claim, Outcome, Ready, Release
from shared.deployments.steps.fetch import site_limits
from shared.sites.models import ArchiveFormat, Progress, PublishedSite, PublishJob
from shared.sites.publisher import Publisher

_NAMESPACE = UUID("0a8d6f0e-6d0c-4b4e-9d52-6a5b8b0f5c7d")


class Publish:
    """The step of ``publishing`` for static releases."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def __call__(self, claim: Claim) -> Outcome:
        """Store what is missing; a repetition after a kill goes on where the first one was."""
        row = claim.row
        job = PublishJob(
            account_id=row["account_id"],
            project_id=row["project_id"],
            # A repeated step writes the same release again, not another beside it.
            release_id=uuid5(_NAMESPACE, f"{claim.id} {row['attempt']}"),
            archive=row["source"]["upload_id"],
            format=cast(ArchiveFormat, row["source"]["format"]),
            limits=site_limits(claim),
        )

        async def report(progress: Progress) -> None:
            await claim.renew(_counts(progress))

        site = await self._publisher.publish(job, report)
        claim.log.write(f"{site.new_files} of {site.files} files uploaded")
        return Ready(_release(job.release_id, site))


def _release(release_id: UUID, site: PublishedSite) -> Release:
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
    )


def _counts(progress: Progress) -> dict[str, int]:
    return {
        "files_total": progress.files_total,
        "files_uploaded": progress.files_uploaded,
        "bytes_total": progress.bytes_total,
        "bytes_uploaded": progress.bytes_uploaded,
    }
