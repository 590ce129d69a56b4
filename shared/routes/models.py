"""The document that the gateway reads for a host, ``routes/<host>.json``."""

from typing import Literal
from uuid import UUID

from shared.models import Response

RouteKind = Literal["static", "dynamic", "empty", "stopped", "suspended", "unknown"]


class Route(Response):
    """What answers a host. ``generation`` grows with every change and is never overtaken.

    ``unknown`` is a host that was given up: the document stays, so that a late writer of an older
    generation cannot bring the site back. A dynamic one that is ``asleep`` has no replica: whoever
    has a request for it wakes it first.
    """

    version: Literal[1] = 1
    host: str
    generation: int
    kind: RouteKind
    project: UUID
    release: UUID | None = None
    shards: int | None = None
    not_found: str | None = None
    fallback: str | None = None
    addresses: tuple[str, ...] | None = None
    asleep: bool = False
    noindex: bool = False


def host_of(slug: str, sites_domain: str) -> str:
    """The production host of a project."""
    return f"{slug}.{sites_domain}"


def permalink_host(slug: str, number: int, sites_domain: str) -> str:
    """The host of one release; no slug holds ``--``, so it collides with no project."""
    return f"{slug}--{number}.{sites_domain}"
