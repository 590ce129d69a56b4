"""What goes into a publish and what comes out of it; no behaviour lives here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal
from uuid import UUID

ArchiveFormat = Literal["zip", "tar.gz"]
Encoding = Literal["gzip", "br"]

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteLimits:
    """Bounds of one archive and its content, all in bytes or pieces."""

    archive_bytes: int = 512 * MIB
    files: int = 20_000
    bytes: int = 1024 * MIB
    file_bytes: int = 128 * MIB
    # How many times larger than the archive its content may be. Text shrinks to a tenth.
    ratio: int = 100
    # Below this many bytes of content a high ratio is no threat: a new site of empty pages.
    ratio_free_bytes: int = 16 * MIB
    path_bytes: int = 1024
    name_bytes: int = 255

    @property
    def entries(self) -> int:
        """Entries of any kind: folders and what is left out (.git) come on top of the files."""
        return 4 * self.files


@dataclass(frozen=True, slots=True)
class ArchiveSummary:
    """What an accepted archive holds: published files only, below the folder ``root``."""

    files: int
    bytes: int
    root: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a publish is; ``files_uploaded`` and its bytes count contents that were new."""

    files_total: int
    files_uploaded: int
    bytes_total: int
    bytes_uploaded: int


@dataclass(frozen=True, slots=True)
class SiteRules:
    """What goes before what the files themselves tell.

    ``fallback`` is the page for paths that no file has; None: the site's own ``/200.html`` where
    there is one; empty: none. ``cache`` holds (pattern, whether its files never change).
    """

    fallback: str | None = None
    cache: tuple[tuple[str, bool], ...] = ()


NO_RULES = SiteRules()


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A path of the site and the content behind it."""

    path: str
    digest: str
    size: int


Inspect = Callable[[str, "bytes | BinaryIO"], None]
"""Looks at a file's path and bytes before it is stored; what it raises ends the publish."""


@dataclass(frozen=True, slots=True)
class PublishJob:
    """One release to publish: from a file, or from the staging blob of that name.

    ``root`` is the folder of the archive that is the site; None: it is looked for. With ``files``
    the site is exactly these, and the archive (None: there is none) brings those contents that
    the project does not have.
    """

    account_id: UUID
    project_id: UUID
    release_id: UUID
    archive: Path | str | None
    format: ArchiveFormat
    limits: SiteLimits
    root: str | None = None
    files: tuple[SiteFile, ...] | None = None
    rules: SiteRules = NO_RULES
    inspect: Inspect | None = None


@dataclass(frozen=True, slots=True)
class PublishedSite:
    """What a release needs to be served, and what publishing it cost."""

    shards: int
    not_found: str | None
    fallback: str | None
    files: int
    bytes: int
    new_files: int
    new_bytes: int


@dataclass(frozen=True, slots=True)
class Form:
    """A compressed form of a content: an object of its own."""

    digest: str
    size: int
