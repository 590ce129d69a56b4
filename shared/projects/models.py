"""What the API takes and says of projects and uploads."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.models import Request, Response

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^\S(.*\S)?$")]


class ProjectCreate(Request):
    """A new project; its slug becomes part of its host name."""

    slug: Annotated[str, Field(max_length=80)]
    name: Name | None = None
    account_id: UUID | None = None


class ProjectUpdate(Request):
    """What may change; a field left out stays."""

    name: Name


class Live(Response):
    """Which release production's pointer names."""

    deployment_id: UUID
    number: int
    release_id: UUID
    since: datetime


class Project(Response):
    """A project, its address and what is live there."""

    id: UUID
    account_id: UUID
    slug: str
    name: str
    url: str
    live: Live | None
    pinned: bool
    waiting_releases: int
    created_at: datetime
    updated_at: datetime


class UploadCreate(Request):
    """An archive that is about to be uploaded: its size in bytes and its format."""

    size: Annotated[int, Field(ge=1)]
    format: Literal["zip", "tar.gz"]


class Upload(Response):
    """Where to PUT the archive, with which headers, until when."""

    id: UUID
    url: str
    method: Literal["PUT"] = "PUT"
    headers: dict[str, str]
    max_bytes: int
    expires_at: datetime
