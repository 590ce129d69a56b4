"""What is uploaded: a folder packed into a ZIP, or an archive as it is.

Packing the same folder twice gives the same bytes. What is in it is for the platform to judge;
here stands only what can be said without it.
"""

import os
import re
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

from frontend.cli.errors import UsageError

Format = Literal["zip", "tar.gz"]
SKIPPED_NAMES = frozenset(
    {".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".DS_Store", "Thumbs.db"}
)
# Files of secrets that by convention are never committed; a site would publish them.
SKIPPED_SECRETS = re.compile(r"\.env(\.local|\..+\.local)?")
EARLIEST = (1980, 1, 1, 0, 0, 0)
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Source:
    """A path that can be deployed."""

    path: Path
    format: Format
    is_folder: bool


@dataclass(slots=True)
class Packed:
    """What went into an archive, and what was left out and why."""

    files: int = 0
    size: int = 0
    skipped: list[str] = field(default_factory=list)


def inspect(text: str) -> Source:
    """The source at a path; raises UsageError naming the path, the reason and what to do."""
    path = Path(text).expanduser()
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise _unusable(text, "it is not there", "check the spelling", "path_missing") from None
    except OSError as error:
        raise _unreadable(text, error) from None
    if stat.S_ISDIR(mode):
        return _folder(text, path)
    if stat.S_ISREG(mode):
        return _file(text, path)
    raise _unusable(text, "it is neither a folder nor a file", _NEXT, "path_unsupported")


def project_name(source: Source) -> str:
    """What the project is called: the folder's or archive's name."""
    name = source.path.resolve().name
    if source.is_folder:
        return name
    return re.sub(r"(\.tar\.gz|\.tgz|\.zip)$", "", name, flags=re.IGNORECASE)


def pack(source: Source, target: IO[bytes]) -> Packed:
    """Write a folder's files into a ZIP, in a fixed order and without their times."""
    packed = Packed()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path, name in _files(source.path, "", packed.skipped):
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            _add(archive, entry, path, packed)
    if packed.files == 0:
        raise _unusable(
            str(source.path), "no file is in it", "put an index.html into it", "source_empty"
        )
    return packed


def _add(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, packed: Packed) -> None:
    try:
        with path.open("rb") as file, archive.open(entry, "w", force_zip64=True) as packing:
            while chunk := file.read(1024 * 1024):
                packing.write(chunk)
                packed.size += len(chunk)
    except OSError as error:
        raise _unreadable(str(path), error) from None
    packed.files += 1


def _files(folder: Path, prefix: str, skipped: list[str]) -> Iterator[tuple[Path, str]]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise _unreadable(str(folder), error) from None
    for entry in entries:
        name = prefix + entry.name
        if entry.name in SKIPPED_NAMES or SKIPPED_SECRETS.fullmatch(entry.name):
            skipped.append(name)
        elif entry.is_symlink():
            skipped.append(f"{name} (a link)")
        elif entry.is_dir():
            yield from _files(Path(entry.path), f"{name}/", skipped)
        elif entry.is_file():
            yield Path(entry.path), _archived(name)
        else:
            skipped.append(f"{name} (no regular file)")


def _archived(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = name.encode(errors="surrogateescape").decode(errors="replace")
        raise _unusable(shown, "its name is not UTF-8", "rename it", "name_invalid") from None
    return name


def _folder(text: str, path: Path) -> Source:
    try:
        with os.scandir(path) as found:
            empty = next(found, None) is None
    except OSError as error:
        raise _unreadable(text, error) from None
    if empty:
        raise _unusable(text, "the folder is empty", "put an index.html into it", "source_empty")
    return Source(path, "zip", is_folder=True)


def _file(text: str, path: Path) -> Source:
    name = path.name.lower()
    kind: Format | None = (
        "zip" if name.endswith(".zip") else "tar.gz" if name.endswith((".tar.gz", ".tgz")) else None
    )
    if kind is None:
        raise _unusable(text, "it is no archive that is understood", _NEXT, "path_unsupported")
    try:
        with path.open("rb") as file:
            begin = file.read(2)
    except OSError as error:
        raise _unreadable(text, error) from None
    if not begin:
        raise _unusable(text, "the file is empty", "make the archive again", "source_empty")
    genuine = zipfile.is_zipfile(path) if kind == "zip" else begin == GZIP_MAGIC
    if not genuine:
        raise _unusable(
            text, f"it is not a {kind} file", "make the archive again", "not_an_archive"
        )
    return Source(path, kind, is_folder=False)


_NEXT = "give a folder, a .zip or a .tar.gz"


def _unusable(path: str, reason: str, next_step: str, code: str) -> UsageError:
    return UsageError(
        code, "This cannot be deployed", f"{path} cannot be deployed: {reason}. Next: {next_step}."
    )


def _unreadable(path: str, error: OSError) -> UsageError:
    reason = f"it cannot be read ({(error.strerror or 'input/output error').lower()})"
    return _unusable(path, reason, "change its permissions or give another path", "path_unreadable")
