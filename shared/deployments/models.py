"""What the API takes and says of deployments."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.deployments.lifecycle import State
from shared.models import Request, Response

EnvironmentName = Literal["production", "preview"]


class UploadSource(Request):
    """An archive that was uploaded for this project."""

    type: Literal["upload"]
    upload_id: UUID


class DeploymentCreate(Request):
    """What to put online, and where."""

    source: Annotated[UploadSource, Field(discriminator=None)]
    environment: EnvironmentName = "production"


class RollbackRequest(Request):
    """The deployment to go back to; without it the release before the live one."""

    deployment_id: UUID | None = None


class Failure(Response):
    """Why a deployment failed: a stable code, what happened, and what to do."""

    code: str
    title: str
    detail: str


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


class Deployment(Response):
    """One attempt to put one revision online."""

    id: UUID
    project_id: UUID
    project_slug: str
    number: int
    environment: EnvironmentName
    state: State
    url: str
    permalink: str | None
    live: bool
    release_id: UUID | None
    progress: Progress
    failure: Failure | None
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class DeploymentDetail(Deployment):
    """A deployment with its events, oldest first."""

    events: list[Event]
