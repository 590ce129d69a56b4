"""Slugs: the part of a host name that a project chooses."""

import re

from shared.errors import FieldProblem, ValidationFailed

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
RESERVED = frozenset(
    {
        "admin",
        "api",
        "app",
        "apps",
        "assets",
        "astrocloud",
        "auth",
        "blog",
        "cdn",
        "dashboard",
        "docs",
        "ftp",
        "help",
        "localhost",
        "login",
        "mail",
        "metrics",
        "ns1",
        "ns2",
        "root",
        "smtp",
        "static",
        "status",
        "support",
        "test",
        "www",
    }
)


class InvalidSlug(ValidationFailed):
    """A slug that cannot be a DNS label."""

    code, title = "invalid_slug", "This name cannot be an address"


class ReservedSlug(ValidationFailed):
    """A slug that the platform keeps."""

    code, title = "slug_reserved", "This name is reserved"


def check_slug(slug: str) -> None:
    """Raise InvalidSlug or ReservedSlug where a project cannot have this slug."""
    if not _LABEL.fullmatch(slug) or "--" in slug:
        reason = (
            "use 1 to 40 lower-case letters, digits and single hyphens,"
            " beginning and ending with a letter or digit"
        )
        raise InvalidSlug(
            f"{slug[:80]!r} cannot be part of a host name: {reason}",
            fields=[FieldProblem("slug", reason)],
        )
    if slug in RESERVED:
        reason = "the platform keeps this name: choose another"
        raise ReservedSlug(
            f"{slug} is reserved: choose another", fields=[FieldProblem("slug", reason)]
        )
