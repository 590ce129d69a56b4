"""A finished site: all its files are named by their digests, and only unknown contents are sent."""

import hashlib
import stat
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frontend.cli import archive
from frontend.cli.errors import UsageError

BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class File:
    """A file, its path in the site, and its contents' SHA-256."""

    place: Path
    path: str
    digest: str
    size: int

    @property
    def described(self) -> dict[str, Any]:
        return {"path": self.path, "digest": self.digest, "size": self.size}


def files_of(folder: Path, skipped: list[str]) -> list[File]:
    """Every file of a folder. What Git ignores is part of it: builds mostly are ignored."""
    found = [_file(place, path) for place, path in archive.files(folder, skipped, git=False)]
    if not found:
        detail = f"{folder} cannot be deployed: no file is in it. Next: build the site first."
        raise UsageError("source_empty", "This cannot be deployed", detail)
    return found


def _file(place: Path, path: str) -> File:
    digest, size = hashlib.sha256(), 0
    try:
        with place.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise archive.unreadable(str(place), error) from None
    return File(place, path, digest.hexdigest(), size)


def pack(files: Sequence[File], missing: Sequence[str], target: Path) -> None:
    """A ZIP with one file for each missing content."""
    wanted = set(missing)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packing:
        for file in files:
            if file.digest not in wanted:
                continue
            wanted.remove(file.digest)
            entry = zipfile.ZipInfo(file.path, archive.EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.add(packing, entry, file.place)


def check_size(upload: Mapping[str, Any], path: Path) -> None:
    """Raise UsageError before anything is sent that would be refused."""
    size, most = path.stat().st_size, int(upload["max_bytes"])
    if size > most:
        detail = f"{size:,} bytes are to be uploaded, {most:,} are accepted. Next: publish less."
        raise UsageError("upload_too_large", "The upload is too large", detail)
