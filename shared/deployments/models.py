"""What the API takes and says of deployments."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from shared.deployments.lifecycle import State
from shared.detection.settings import BuildSettings
from shared.models import Request, Response

EnvironmentName = Literal["production", "preview"]


class UploadSource(Request):
    """An archive that was uploaded for this project."""

    type: Literal["upload"]
    upload_id: UUID


class PrebuiltSource(Request):
    """A finished site: its files were named at ``/prebuilt``, the missing ones uploaded."""

    type: Literal["prebuilt"]
    upload_id: UUID


class GitSource(Request):
    """A revision of a Git repository; without an address the project's own.

    At most one of branch, tag and commit; without any the project's branch, or the default one.
    """

    type: Literal["git"]
    url: Annotated[str | None, Field(max_length=2000)] = None
    branch: Annotated[str | None, Field(min_length=1, max_length=250)] = None
    tag: Annotated[str | None, Field(min_length=1, max_length=250)] = None
    commit: Annotated[str | None, Field(min_length=1, max_length=64)] = None

    @model_validator(mode="after")
    def _names_one_revision(self) -> "GitSource":
        named = [name for name in ("branch", "tag", "commit") if getattr(self, name)]
        if len(named) > 1:
            raise ValueError(f"{' and '.join(named)} cannot both be given: name one revision")
        return self


class ImageSource(Request):
    """A container image of any registry; its tag is resolved to a digest once, now."""

    type: Literal["image"]
    reference: Annotated[str, Field(min_length=1, max_length=500)]


class RedeploySource(Request):
    """The source of an earlier deployment of this project, once more."""

    type: Literal["deployment"]
    deployment_id: UUID


Source = Annotated[
    UploadSource | PrebuiltSource | GitSource | ImageSource | RedeploySource,
    Field(discriminator="type"),
]


class DeploymentCreate(Request):
    """What to put online, and where.

    ``settings`` are for this deployment alone and go before all others. Without ``use_cache``
    everything is built anew: no cache is read, no release used again.
    """

    source: Source
    environment: EnvironmentName = "production"
    settings: BuildSettings | None = None
    use_cache: bool = True


class RollbackRequest(Request):
    """The deployment to go back to; without it the release before the live one."""

    deployment_id: UUID | None = None


class DecisiveLine(Response):
    """A line of the build's output that shows the cause; ``n`` counts within that output."""

    n: int
    text: str


class Failure(Response):
    """Why a deployment failed: a stable code, what happened, and what to do.

    Where commands failed, ``cause`` is the slug of what is known of it, with the lines that show
    it and what to try.
    """

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    code: str
    title: str
    detail: str
    cause: str | None = None
    lines: list[DecisiveLine] = []
    tries: Annotated[list[str], Field(alias="try")] = []


class SourceDescription(Response):
    """Where a deployment's files came from."""

    type: Literal["upload", "prebuilt", "git", "image"]
    url: str | None = None
    branch: str | None = None
    tag: str | None = None
    commit: str | None = None
    commit_message: str | None = None
    reference: str | None = None
    digest: str | None = None


class Progress(Response):
    """How much of a release is stored: files and bytes in all, and those that were new."""

    files_total: int = 0
    files_uploaded: int = 0
    bytes_total: int = 0
    bytes_uploaded: int = 0


class Event(Response):
    """One step of a deployment's life."""

    state: State
    detail: str | None
    at: datetime


class BuildTimes(Response):
    """How long the commands of a build took, by phase, and whether a cache helped."""

    seconds: dict[str, float]
    cache_hit: bool


class Deployment(Response):
    """One attempt to put one revision online.

    ``going_live``: a member asked for its release, which goes live as soon as its replicas are
    ready; what is live serves on until then.
    """

    id: UUID
    project_id: UUID
    project_slug: str
    number: int
    environment: EnvironmentName
    state: State
    source: SourceDescription
    build_spec: dict[str, Any] | None
    build: BuildTimes | None
    url: str
    permalink: str | None
    live: bool
    going_live: bool
    release_id: UUID | None
    reused_from: int | None
    skipped: str | None
    progress: Progress
    failure: Failure | None
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class DeploymentDetail(Deployment):
    """A deployment with its events, oldest first."""

    events: list[Event]
