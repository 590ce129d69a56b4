"""What a deployment's row keeps of its source: from what was asked for, to what the steps read.

An upload, a prebuilt site and a fetched repository all end as an archive in staging, named by
``upload_id`` and ``format``.
"""

from collections.abc import Collection, Mapping
from typing import Any, assert_never
from uuid import UUID

from shared.database import Connection, Row
from shared.deployments import store
from shared.deployments.models import (
    DeploymentCreate,
    GitSource,
    ImageSource,
    PrebuiltSource,
    RedeploySource,
    SourceDescription,
    UploadSource,
)
from shared.errors import Conflict, NotFound, ValidationFailed
from shared.projects import store as projects

_OF_GIT = ("type", "url", "branch", "tag", "commit")
_TOLD = ("branch", "tag", "commit", "commit_message", "reference", "digest")
_KEPT = (*_OF_GIT, "commit_message", "upload_id", "format")


class UploadUnknown(ValidationFailed):
    """The source names no upload of this project."""

    code, title = "upload_unknown", "No such upload"


class NoRepository(ValidationFailed):
    """A revision was asked for, but of no repository."""

    code, title = "no_repository", "The project has no repository"


class SourceGone(Conflict):
    """The source of an earlier deployment is kept no longer."""

    code, title = "source_gone", "The source is not kept any more"


async def resolve(
    connection: Connection, project: Row, wanted: DeploymentCreate, allowed: Collection[str]
) -> dict[str, Any]:
    """The source as the row keeps it; ``allowed`` holds the hosts that may be private.

    Raises UploadUnknown, NoRepository, SourceGone, NotFound, or what an address is refused for.
    """
    match wanted.source:
        case UploadSource(upload_id=upload_id):
            return await _upload(connection, project, upload_id, "upload")
        case PrebuiltSource(upload_id=upload_id):
            return await _upload(connection, project, upload_id, "prebuilt")
        case GitSource():
            return _git(project, wanted.source, allowed)
        case ImageSource(reference=reference):
            return _image(reference)
        case RedeploySource(deployment_id=deployment_id):
            return await _again(connection, project, deployment_id)
        case _:
            assert_never(wanted.source)


def describe(source: Mapping[str, Any]) -> SourceDescription:
    """The source as the API tells it; an address never holds credentials."""
    told = {name: source.get(name) for name in ("url", *_TOLD)}
    return SourceDescription(type=source["type"], **told)


def lane_of(environment: str, source: Mapping[str, Any]) -> str | None:
    """In which lane it waits: of one lane the newest wins. None: in one of its own."""
    if environment == "production":
        return "production"
    return f"preview {source['url']} {source['branch']}" if source.get("branch") else None


async def _upload(
    connection: Connection, project: Row, upload_id: UUID, kind: str
) -> dict[str, Any]:
    upload = await projects.read_upload(connection, upload_id, project["id"])
    if upload is None or upload["prebuilt"] != (kind == "prebuilt"):
        where = "prebuilt" if kind == "prebuilt" else "uploads"
        raise UploadUnknown(
            f"{upload_id} is no such upload of {project['slug']}: ask for one at /{where} first"
        )
    return {"type": kind, "upload_id": str(upload["id"]), "format": upload["format"]}


def _git(project: Row, wanted: GitSource, allowed: Collection[str]) -> dict[str, Any]:
    from shared.sources.repository_url import check_url

    own = project["git"] or {}
    url = check_url(wanted.url, allowed) if wanted.url else own.get("url")
    if url is None:
        raise NoRepository(
            f"{project['slug']} has no repository: set git in the project, or give the source's url"
        )
    named = {name: getattr(wanted, name) for name in ("branch", "tag", "commit")}
    revision = {name: value for name, value in named.items() if value}
    if not revision and url == own.get("url") and own.get("branch"):
        revision = {"branch": own["branch"]}
    return {"type": "git", "url": url, **revision}


def _image(reference: str) -> dict[str, Any]:
    from shared.sources.image_reference import parse_reference

    return {"type": "image", "reference": str(parse_reference(reference))}


async def _again(connection: Connection, project: Row, deployment_id: UUID) -> dict[str, Any]:
    before = await store.read_deployment(connection, deployment_id)
    if before is None or before["project_id"] != project["id"]:
        raise NotFound("No such deployment in this project")
    source: dict[str, Any] = before["source"]
    staged = source.get("upload_id")
    upload = await projects.read_upload(connection, UUID(staged), project["id"]) if staged else None
    if upload is not None:
        return {name: source[name] for name in _KEPT if name in source}
    if source["type"] == "image":
        # The very image, not what its tag is by now.
        return {"type": "image", "reference": source.get("image") or source["reference"]}
    if source["type"] == "git":
        # The very commit, not what its branch is by now.
        return {name: source[name] for name in _OF_GIT if source.get(name)}
    raise SourceGone(
        f"The archive of {project['slug']} #{before['number']} is kept no longer:"
        " upload the source again"
    )
