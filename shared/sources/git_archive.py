"""Writes a commit's files as tar.gz: the same bytes for the same commit, whoever writes them."""

import gzip
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from dulwich.errors import ObjectFormatException
from dulwich.objects import parse_tree

from shared.sites.archive.links import stays_within
from shared.sites.errors import shown
from shared.sources.errors import EmptyRepository
from shared.sources.git import GitBounds
from shared.sources.packs import Commit, Objects, Stored, damaged, too_many_files
from shared.sources.streams import Watch

_KIND, _FOLDER, _FILE, _LINK, _SUBMODULE = 0o170000, 0o040000, 0o100000, 0o120000, 0o160000
_LFS = b"version https://git-lfs.github.com/spec/v1\n"
_LFS_BYTES = 1024
_LINK_BYTES = 4096
_LEVEL = 3  # Half of level 6's time for a few per cent more bytes that are read once.
# What other formats can hold: a ZIP of these files cannot say a time before 1980.
_FIRST, _LAST = 315_532_800, 2**33 - 1
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Written:
    """What is in the archive, and what is not."""

    files: int
    bytes: int
    warnings: tuple[str, ...]


def write_archive(
    objects: Objects, commit: Commit, target: BinaryIO, bounds: GitBounds, watch: Watch
) -> Written:
    """Files with their executable bit, and links that stay within the source; in Git's order."""
    time = min(max(commit.time, _FIRST), _LAST)
    with (
        gzip.GzipFile("", "wb", _LEVEL, target, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as tar,
    ):
        writing = _Writing(objects, tar, time, bounds)
        for path, mode, id in _walk(objects, commit.tree, bounds, watch):
            writing.add(path, mode, id)
    if not writing.files:
        raise EmptyRepository("The revision holds no file: push the project's files first")
    return Written(writing.files, writing.bytes, writing.warnings())


class _Writing:
    def __init__(
        self, objects: Objects, tar: tarfile.TarFile, time: int, bounds: GitBounds
    ) -> None:
        self._objects, self._tar, self._time, self._bounds = objects, tar, time, bounds
        self.files = self.bytes = 0
        self._submodules: list[str] = []
        self._links: list[str] = []
        self._pointers: list[str] = []

    def add(self, path: str, mode: int, id: str) -> None:
        """Write one entry, or note why it is left out."""
        if mode & _KIND == _SUBMODULE:
            self._submodules.append(path)
            return
        stored = self._objects.find(id, "blob")
        if mode & _KIND == _LINK:
            self._add_link(path, stored)
        elif mode & _KIND == _FILE:
            self._add_file(path, stored, bool(mode & 0o100))
        else:
            raise damaged()

    def _add_file(self, path: str, stored: Stored, is_executable: bool) -> None:
        self.files += 1
        self.bytes += stored.size
        if self.files > self._bounds.files:
            raise too_many_files(self._bounds)
        # The same content under many names is one object, but many files.
        self._objects.check_total(self.bytes)
        if stored.size < _LFS_BYTES and self._objects.read(stored).startswith(_LFS):
            self._pointers.append(path)
        entry = self._entry(path)
        entry.size, entry.mode = stored.size, 0o755 if is_executable else 0o644
        self._tar.addfile(entry, _Pieces(self._objects.pieces(stored)))

    def _add_link(self, path: str, stored: Stored) -> None:
        target = ""
        if stored.size <= _LINK_BYTES:
            target = self._objects.read(stored).decode("utf-8", "surrogateescape")
        if not stays_within(path, target):
            self._links.append(path)
            return
        entry = self._entry(path)
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
        self._tar.addfile(entry)

    def _entry(self, path: str) -> tarfile.TarInfo:
        entry = tarfile.TarInfo(path)
        entry.mtime = self._time
        return entry

    def warnings(self) -> tuple[str, ...]:
        """What a user has to know of what is left out."""
        found = []
        if self._submodules:
            found.append(
                f"Submodules are not fetched: {_some(self._submodules)}. Where the build needs one,"
                " make it a package, or copy it into the repository"
            )
        if self._pointers:
            found.append(
                f"Files of Git LFS are not fetched, only what stands for them:"
                f" {_some(self._pointers)}. Put them into the repository itself"
            )
        if self._links:
            found.append(
                f"Links that lead out of the repository are left out: {_some(self._links)}"
            )
        return tuple(found)


class _Pieces(io.RawIOBase):
    """Gives pieces as a file that is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._held:
            self._held = next(self._pieces, b"")
        data, self._held = self._held[:size], self._held[size:]
        while len(data) < size and (more := next(self._pieces, b"")):
            wanted = size - len(data)
            data, self._held = data + more[:wanted], more[wanted:]
        return data


def _walk(
    objects: Objects, tree: str, bounds: GitBounds, watch: Watch
) -> Iterator[tuple[str, int, str]]:
    """Path, mode and id of what is no folder, in the order of the trees; ``.git`` is left out."""
    waiting = [("", _FOLDER, tree)]
    seen = 0
    while waiting:
        path, mode, id = waiting.pop()
        if mode & _KIND != _FOLDER:
            yield path, mode, id
            continue
        watch.check()
        below = []
        for name, below_mode, below_id in _entries(objects.read(objects.find(id, "tree"))):
            seen += 1
            # Trees may share each other, so a small pack can name more files than there are.
            if seen > 8 * bounds.files:
                raise too_many_files(bounds)
            if name.lower() != ".git":
                below.append((f"{path}/{name}" if path else name, below_mode, below_id))
        waiting += reversed(below)


def _entries(data: bytes) -> Iterator[tuple[str, int, str]]:
    try:
        for name, mode, id in parse_tree(data, 20):
            text = name.decode("utf-8", "surrogateescape")
            if text in ("", ".", "..") or "/" in text or "\0" in text:
                raise damaged()
            yield text, mode, id.decode()
    except (ObjectFormatException, ValueError) as error:
        raise damaged() from error


def _some(paths: list[str]) -> str:
    named = ", ".join(shown(path) for path in paths[:_NAMED])
    return named if len(paths) <= _NAMED else f"{named} and {len(paths) - _NAMED} more"
