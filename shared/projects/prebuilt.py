"""Prebuilt sites: the client names all files, is told which contents are missing, and sends those.

What is believed here is only which names and digests a site is to have; the bytes are hashed again
when it is published.
"""

import json
from collections.abc import Sequence
from uuid import UUID

from shared.clients.blobs import STAGING, Blobs
from shared.config import Settings
from shared.database import Database, Row, Scope
from shared.errors import FieldProblem, ValidationFailed
from shared.plans import limits
from shared.projects import store
from shared.projects.models import Prebuilt, PrebuiltCreate, PrebuiltFile
from shared.projects.service import (
    UPLOAD_HEADERS,
    UPLOAD_MINUTES,
    listing_name,
    permitted_project,
)
from shared.projects.service import account_limit as limit_of
from shared.sites import store as sites
from shared.sites.archive.names import check_collisions, clean_name, is_left_out
from shared.sites.errors import ArchiveRefused
from shared.sites.models import SiteLimits

_MOST_PROBLEMS = 20


class PrebuiltRefused(ValidationFailed):
    """The named files cannot be a site."""

    code, title = "prebuilt_refused", "These files cannot be published"


class PrebuiltService:
    """Takes the names of a finished site's files."""

    def __init__(self, database: Database, blobs: Blobs, settings: Settings) -> None:
        self._database = database
        self._blobs = blobs
        self._settings = settings

    async def start(
        self, scope: Scope, project_id: UUID, upload_id: UUID, wanted: PrebuiltCreate
    ) -> Prebuilt:
        """Which contents are missing, and a place for them; raises PrebuiltRefused."""
        async with self._database.transaction(scope) as connection:
            project = await permitted_project(connection, scope.actor, project_id)
            bounds = SiteLimits(
                files=await limit_of(connection, project["account_id"], limits.SITE_FILES),
                bytes=await limit_of(connection, project["account_id"], limits.SITE_BYTES),
                file_bytes=await limit_of(connection, project["account_id"], limits.FILE_BYTES),
            )
            files = _checked(wanted.files, bounds)
            digests = list({file.digest for file in files})
            known = await sites.known_contents(connection, project_id, digests)
            missing = [digest for digest in digests if digest not in known]
            largest = await limit_of(connection, project["account_id"], limits.UPLOAD_BYTES)
        await self._blobs.upload(STAGING, listing_name(upload_id), _document(files))
        return await self._place(scope, project, upload_id, missing, largest)

    async def _place(
        self, scope: Scope, project: Row, upload_id: UUID, missing: list[str], largest: int
    ) -> Prebuilt:
        async with self._database.transaction(scope) as connection:
            expires = await store.insert_upload(
                connection,
                upload_id,
                project,
                scope.actor,
                ("zip", 0),
                UPLOAD_MINUTES,
                prebuilt=True,
            )
        signature = self._blobs.upload_signature(STAGING, str(upload_id), expires)
        return Prebuilt(
            id=upload_id,
            url=f"{self._settings.platform_url}/_blob/{STAGING}/{upload_id}?{signature}",
            headers=UPLOAD_HEADERS,
            max_bytes=largest,
            expires_at=expires,
            missing=missing,
        )


def _checked(files: Sequence[PrebuiltFile], bounds: SiteLimits) -> list[PrebuiltFile]:
    """The files that are published, by the rules that hold for every archive."""
    problems: list[FieldProblem] = []
    kept: list[PrebuiltFile] = []
    for number, file in enumerate(files):
        try:
            name = clean_name(file.path.encode("utf-8", "surrogatepass"), bounds)
        except ArchiveRefused as error:
            problems.append(FieldProblem(f"files[{number}].path", error.detail))
            continue
        if file.size > bounds.file_bytes:
            reason = f"{file.size:,} bytes, at most {bounds.file_bytes:,} are accepted"
            problems.append(FieldProblem(f"files[{number}].size", reason))
        if name and not is_left_out(name):
            kept.append(file.model_copy(update={"path": name}))
    if problems:
        told = "; ".join(problem.reason for problem in problems[:3])
        raise PrebuiltRefused(
            f"{told}. Correct it and send the list again.", fields=problems[:_MOST_PROBLEMS]
        )
    _check_whole(kept, bounds)
    return kept


def _check_whole(files: Sequence[PrebuiltFile], bounds: SiteLimits) -> None:
    if len(files) > bounds.files:
        raise PrebuiltRefused(
            f"The site has {len(files):,} files, the plan allows {bounds.files:,}: publish less"
        )
    total = sum(file.size for file in files)
    if total > bounds.bytes:
        raise PrebuiltRefused(
            f"The site has {total:,} bytes, the plan allows {bounds.bytes:,}: publish less"
        )
    try:
        check_collisions(file.path for file in files)
    except ArchiveRefused as error:
        raise PrebuiltRefused(error.detail) from None
    if not any(file.path.endswith(".html") for file in files):
        raise PrebuiltRefused(
            "None of the files is a page (.html): name the files of the folder that is the site"
        )


def _document(files: Sequence[PrebuiltFile]) -> bytes:
    rows = [[file.path, file.digest, file.size] for file in files]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()
