"""What the API says of its own health."""

from datetime import datetime
from typing import Literal

from shared.models import Response


class Dependency(Response):
    """Something that we need, and whether it answers; ``detail`` says what to do where not."""

    name: str
    status: Literal["ok", "failed"]
    detail: str | None = None


class Alive(Response):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Health(Response):
    """Each dependency; ``degraded`` where one does not answer."""

    status: Literal["ok", "degraded"]
    dependencies: list[Dependency]


class LiveSite(Response):
    """A site that is online."""

    project: str
    url: str
    deployment: int
    since: datetime


class Status(Health):
    """Health, and on a local installation the sites that are live."""

    sites: list[LiveSite]
