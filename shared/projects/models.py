"""What the API takes and says of projects and uploads."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from shared.detection.settings import BuildSettings
from shared.models import Request, Response

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^\S(.*\S)?$")]


class ProjectCreate(Request):
    """A new project; its slug becomes part of its host name."""

    slug: Annotated[str, Field(max_length=80)]
    name: Name | None = None
    account_id: UUID | None = None


class GitSettings(Request):
    """The repository of a project, and how it is read where it is private.

    A token that is left out stays as long as the address does; it is never given back.
    """

    url: Annotated[str, Field(min_length=1, max_length=2000)]
    branch: Annotated[str | None, Field(min_length=1, max_length=250)] = None
    username: Annotated[str | None, Field(max_length=250, pattern=r"^[^:\x00-\x1f]+$")] = None
    token: Annotated[str | None, Field(min_length=1, max_length=2000)] = None


class RegistrySettings(Request):
    """Who may pull the project's own images from a registry, such as ``ghcr.io``.

    A token that is left out stays as long as the registry does; it is never given back.
    """

    registry: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$")]
    username: Annotated[str, Field(min_length=1, max_length=250, pattern=r"^[^:\x00-\x1f]+$")]
    token: Annotated[str | None, Field(min_length=1, max_length=10_000)] = None


class ProjectUpdate(Request):
    """What may change; a field left out stays, null takes the repository or registry away."""

    name: Name | None = None
    settings: BuildSettings | None = None
    git: GitSettings | None = None
    registry: RegistrySettings | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "ProjectUpdate":
        if not self.model_fields_set:
            raise ValueError("nothing is to be changed: send name, settings, git or registry")
        if "name" in self.model_fields_set and self.name is None:
            raise ValueError("a project cannot be without a name: leave name out to keep it")
        return self


class Git(Response):
    """A project's repository; whether it has a token, never which."""

    url: str
    branch: str | None
    username: str | None
    has_token: bool


class Registry(Response):
    """A registry that the project pulls from; whether it has a token, never which."""

    registry: str
    username: str
    has_token: bool


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
    settings: dict[str, Any]
    git: Git | None
    registry: Registry | None
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


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class PrebuiltFile(Request):
    """A file of a finished site: its path, the SHA-256 of its bytes and their number."""

    path: Annotated[str, Field(min_length=1, max_length=1024)]
    digest: Digest
    size: Annotated[int, Field(ge=0)]


class PrebuiltCreate(Request):
    """All files of a finished site."""

    files: Annotated[list[PrebuiltFile], Field(min_length=1, max_length=50_000)]


class Prebuilt(Upload):
    """Which contents are missing, and where a ZIP of files with just these is to be PUT."""

    missing: list[str]
