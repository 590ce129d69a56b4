"""Archives of sites: what is inside, whether it may be published, and its files one by one.

``inspect_archive`` decides; ``read_site`` then gives the files and holds them to what was
decided. Both block and belong into a thread. Names are judged in ``names``, formats are read
in ``zip`` and ``tar``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from shared.sites.archive.entries import Entry, Reader
from shared.sites.archive.names import (
    check_collisions,
    checked_root,
    find_root,
    site_path,
    source_root,
)
from shared.sites.archive.tar import TarReader
from shared.sites.archive.zip import ZipReader
from shared.sites.errors import (
    ArchiveRefused,
    DuplicateEntry,
    EmptyArchive,
    FileTooLarge,
    NotAnArchive,
    SiteTooLarge,
    SuspiciousRatio,
    TooManyFiles,
    WrongFormat,
    shown,
)
from shared.sites.models import ArchiveFormat, ArchiveSummary, SiteLimits

_STARTS = {
    b"PK\3\4": "zip",
    b"PK\5\6": "zip",
    b"\x1f\x8b": "tar.gz",
    b"Rar!": "RAR",
    b"7z\xbc\xaf": "7-Zip",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_READERS: dict[str, type[ZipReader] | type[TarReader]] = {"zip": ZipReader, "tar.gz": TarReader}


def inspect_archive(path: Path, format: ArchiveFormat, limits: SiteLimits) -> ArchiveSummary:
    """What would be published of this archive; raises an ArchiveRefused that says why not."""
    with path.open("rb") as file:
        return inspect_file(file, format, limits)


def inspect_file(
    file: BinaryIO, format: ArchiveFormat, limits: SiteLimits, root: str | None = None
) -> ArchiveSummary:
    """``inspect_archive`` for an open file; ``root`` is the site's folder where it is known."""
    length = file.seek(0, 2)
    _check_length(length, limits)
    found: dict[str, int] = {}
    names: list[str] = []
    total = 0
    for entry in _reader(file, format, limits).inspect():
        names.append(entry.name)
        found[entry.name] = entry.size
        total += entry.size
        _check_bounds(entry, len(names), total, limits)
    _check_ratio(total, length, limits)
    check_collisions(names)
    root = find_root(names) if root is None else checked_root(names, root)
    within = f"{root}/" if root else ""
    sizes = [
        size for name, size in found.items() if name.startswith(within) and site_path(name, root)
    ]
    return ArchiveSummary(len(sizes), sum(sizes), root)


def read_site(
    file: BinaryIO,
    format: ArchiveFormat,
    limits: SiteLimits,
    root: str,
) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    """Path, size and bytes of each file of an inspected archive; read one before the next."""
    within = f"{root}/" if root else ""
    for entry, pieces in _reader(file, format, limits).contents():
        path = site_path(entry.name, root) if entry.name.startswith(within) else None
        if path:
            yield path, entry.size, pieces
        else:
            for _ in pieces:
                pass


def inspect_source(
    file: BinaryIO, format: ArchiveFormat, limits: SiteLimits, root: str | None = None
) -> ArchiveSummary:
    """What a build gets of this archive, dot files too; raises an ArchiveRefused.

    Without ``root`` one top folder is looked through. Links count as files without bytes.
    """
    length = file.seek(0, 2)
    _check_length(length, limits)
    sizes: dict[str, int] = {}
    total = 0
    for entry in _reader(file, format, limits, True).inspect():
        if entry.name in sizes:
            raise DuplicateEntry(f"{shown(entry.name)} is in the archive twice: keep one of them")
        sizes[entry.name] = entry.size
        total += entry.size
        _check_bounds(entry, len(sizes), total, limits)
    _check_ratio(total, length, limits)
    root = source_root(sizes) if root is None else root
    within = f"{root}/" if root else ""
    found = [size for name, size in sizes.items() if name.startswith(within)]
    if not found:
        raise EmptyArchive("The archive holds no file: pack the folder of your project")
    return ArchiveSummary(len(found), sum(found), root)


def read_source(
    file: BinaryIO, format: ArchiveFormat, limits: SiteLimits, root: str
) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """Every file below the folder ``root``, dot files too, and every link; names are seen from it.

    The archive need not have been inspected: each entry is held to the bounds before its bytes
    are given. Collisions are for whoever writes the files to see.
    """
    length = file.seek(0, 2)
    within = f"{root}/" if root else ""
    total = 0
    for count, (entry, pieces) in enumerate(_reader(file, format, limits, True).contents(), 1):
        total += entry.size
        _check_bounds(entry, count, total, limits)
        _check_ratio(total, length, limits)
        if entry.name.startswith(within):
            yield entry._replace(name=entry.name.removeprefix(within)), pieces
        else:
            for _ in pieces:
                pass


def _reader(file: BinaryIO, format: str, limits: SiteLimits, is_source: bool = False) -> Reader:
    if format not in _READERS:
        raise WrongFormat(f"{shown(format)} is no format that is accepted: send zip or tar.gz")
    file.seek(0)
    head = file.read(8)
    if not head:
        raise EmptyArchive("The file has no bytes: send the archive again")
    actual = next((kind for start, kind in _STARTS.items() if head.startswith(start)), None)
    if actual is None:
        raise NotAnArchive("The file is no archive: send a ZIP file or a gzipped TAR file")
    if actual != format:
        raise WrongFormat(
            f"The file is a {actual} archive and was sent as {format}: send a zip or tar.gz file"
            " under its own format"
        )
    return _READERS[format](file, limits, is_source=is_source)


def _check_length(length: int, limits: SiteLimits) -> None:
    if length > limits.archive_bytes:
        raise SiteTooLarge(
            f"The archive has {length:,} bytes, at most {limits.archive_bytes:,} are accepted:"
            " publish less"
        )


def _check_ratio(total: int, length: int, limits: SiteLimits) -> None:
    if total > max(limits.ratio_free_bytes, limits.ratio * length):
        raise SuspiciousRatio(
            f"The archive unpacks to more than {limits.ratio} times its size: pack the site's own"
            " files only"
        )


def _check_bounds(entry: Entry, count: int, total: int, limits: SiteLimits) -> None:
    if count > limits.files:
        raise TooManyFiles(
            f"The archive holds more than {limits.files:,} files: leave out what the site does not"
            " need"
        )
    if entry.size > limits.file_bytes:
        raise FileTooLarge(
            f"{shown(entry.name)} has {entry.size:,} bytes, at most {limits.file_bytes:,} are"
            " accepted: make it smaller or leave it out"
        )
    if total > limits.bytes:
        raise SiteTooLarge(f"The archive unpacks to more than {limits.bytes:,} bytes: publish less")


__all__ = [
    "ArchiveRefused",
    "inspect_archive",
    "inspect_file",
    "inspect_source",
    "read_site",
    "read_source",
]
