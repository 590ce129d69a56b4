"""What is uploaded: a folder packed into a ZIP, or an archive as it is.

Packing the same folder twice gives the same bytes. What is in it is for the platform to judge;
here stands only what can be said without it.
"""

import os
import re
import stat
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

from frontend.cli.errors import UsageError
from frontend.cli.ignore import Ignore

Format = Literal["zip", "tar.gz"]
SKIPPED_NAMES = frozenset(
    {
        *(".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".DS_Store", "Thumbs.db"),
        ".astrocloud",
    }
)
# Files of secrets that by convention are never committed; a site would publish them.
SKIPPED_SECRETS = re.compile(r"\.env(\.local|\..+\.local)?")
OUTPUTS = frozenset({"dist", "build", "out", "output", "_site", "public", "www"})
_BY_RULE = ("ignore)",)
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
        raise unreadable(text, error) from None
    if stat.S_ISDIR(mode):
        return _folder(text, path)
    if stat.S_ISREG(mode):
        return _file(text, path)
    raise _unusable(text, "it is neither a folder nor a file", _NEXT, "path_unsupported")


def project_name(source: Source, *, is_built: bool = False) -> str:
    """What the project is called: the folder's or archive's name; not that of a build's output."""
    path = source.path.resolve()
    name = path.name
    if source.is_folder:
        return path.parent.name if is_built and name in OUTPUTS else name
    return re.sub(r"(\.tar\.gz|\.tgz|\.zip)$", "", name, flags=re.IGNORECASE)


def pack(source: Source, target: IO[bytes]) -> Packed:
    """Write a folder's files into a ZIP, in a fixed order and without their times."""
    packed = Packed()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path, name in files(source.path, packed.skipped):
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            packed.size += add(archive, entry, path)
            packed.files += 1
    if packed.files == 0:
        raise _nothing(source, packed.skipped)
    return packed


def _nothing(source: Source, skipped: Sequence[str]) -> UsageError:
    reason, next_step = "no file is in it", "put an index.html into it"
    if any(name.endswith(_BY_RULE) for name in skipped):
        reason = "every file in it is ignored by .gitignore or .astrocloudignore"
        next_step = "deploy a folder that was built with --prebuilt, or correct the rules"
    return _unusable(str(source.path), reason, next_step, "source_empty")


def add(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> int:
    """Put a file into a ZIP; how many bytes it has."""
    size = 0
    try:
        with path.open("rb") as file, archive.open(entry, "w", force_zip64=True) as packing:
            while chunk := file.read(1024 * 1024):
                packing.write(chunk)
                size += len(chunk)
    except OSError as error:
        raise unreadable(str(path), error) from None
    return size


def files(folder: Path, skipped: list[str], *, git: bool = True) -> Iterator[tuple[Path, str]]:
    """Every file that is part of a folder, by its path in it; what is not goes to ``skipped``."""
    return _files(folder, "", skipped, Ignore.of(folder, git=git), git)


def _files(
    folder: Path, prefix: str, skipped: list[str], ignore: Ignore, git: bool
) -> Iterator[tuple[Path, str]]:
    for entry in _entries(folder):
        name = prefix + entry.name
        is_link = entry.is_symlink()
        is_folder = not is_link and entry.is_dir()
        if entry.name in SKIPPED_NAMES or SKIPPED_SECRETS.fullmatch(entry.name):
            skipped.append(name)
        elif rule := ignore.why(entry.name, is_folder=is_folder):
            skipped.append(f"{name} ({rule})")
        elif is_link:
            skipped.append(f"{name} (a link)")
        elif is_folder:
            below = Path(entry.path)
            rules = ignore.below(entry.name, below, git=git)
            yield from _files(below, f"{name}/", skipped, rules, git)
        elif entry.is_file():
            yield Path(entry.path), _archived(name)
        else:
            skipped.append(f"{name} (no regular file)")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise unreadable(str(folder), error) from None


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
        raise unreadable(text, error) from None
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
        raise unreadable(text, error) from None
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


def unreadable(path: str, error: OSError) -> UsageError:
    """Why a file or folder cannot be read, and what to do."""
    reason = f"it cannot be read ({(error.strerror or 'input/output error').lower()})"
    return _unusable(path, reason, "change its permissions or give another path", "path_unreadable")
