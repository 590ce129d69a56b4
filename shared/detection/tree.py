"""What detection sees of a source: names of files and the beginnings of those it asks for.

A folder, an archive and a Git tree look alike. Bounds stand here: how many files are looked at
and how much of one is read, so that a hostile or huge tree costs no more than a large one.
"""

import os
import stat
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, TypeVar

Made = TypeVar("Made")

MAX_FILES = 50_000
MAX_BYTES = 1024 * 1024
# Folders that hold no source, whatever is in them: not looked into.
SKIPPED_FOLDERS = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".cache",
        ".next",
        ".nuxt",
        ".output",
        ".parcel-cache",
        ".svelte-kit",
        ".turbo",
        ".venv",
        ".yarn",
        "__pycache__",
        "bower_components",
        "node_modules",
        "venv",
    }
)


class SourceTree(Protocol):
    """A tree of regular files; links and anything special are not part of it."""

    def files(self) -> Iterable[str]:
        """Paths with ``/`` and without a leading one, shallow ones first."""
        ...

    def read(self, path: str, limit: int) -> bytes:
        """The first ``limit`` bytes of one of these files."""
        ...


class FolderTree:
    """A folder of this machine. Links are not followed, so nothing outside it is ever read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def files(self) -> Iterator[str]:
        """Breadth first: what decides about a build lies near the top."""
        waiting = deque([""])
        while waiting:
            prefix = waiting.popleft()
            for entry in self._entries(prefix):
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in SKIPPED_FOLDERS:
                        waiting.append(name + "/")
                elif entry.is_file(follow_symlinks=False):
                    yield name

    def _entries(self, prefix: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._folder / prefix) as found:
                return sorted(found, key=lambda entry: entry.name)
        except PermissionError:
            return []  # A folder that may not be read has no say in how the rest is built.

    def read(self, path: str, limit: int) -> bytes:
        """Read without following a link that took the file's place, and nothing but a file."""
        descriptor = os.open(self._folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(f"{path} is not a regular file")
            return file.read(limit)


class FilesTree:
    """Files that are in memory already: of an API call, of an archive's beginning, of a test."""

    def __init__(self, files: Mapping[str, bytes | str]) -> None:
        self._files = {
            name: content.encode() if isinstance(content, str) else content
            for name, content in files.items()
        }

    def files(self) -> list[str]:
        """Shallow ones first."""
        return sorted(self._files, key=lambda name: (name.count("/"), name))

    def read(self, path: str, limit: int) -> bytes:
        """The first ``limit`` bytes."""
        return self._files[path][:limit]


class Source:
    """A tree with its names indexed once and what was read kept."""

    def __init__(self, tree: SourceTree) -> None:
        self._tree = tree
        self._read: dict[str, str] = {}
        self._made: dict[Hashable, Any] = {}

    @cached_property
    def _listed(self) -> tuple[frozenset[str], bool]:
        names: set[str] = set()
        for name in self._tree.files():
            if len(names) >= MAX_FILES:
                return frozenset(names), True
            if not SKIPPED_FOLDERS.intersection(name.split("/")[:-1]):
                names.add(name)
        return frozenset(names), False

    @property
    def names(self) -> frozenset[str]:
        """Every file that is looked at."""
        return self._listed[0]

    @property
    def is_cut(self) -> bool:
        """Whether there are more files than are looked at."""
        return self._listed[1]

    @cached_property
    def folders(self) -> frozenset[str]:
        """Every folder with a file in it; the top is ``""``."""
        found = {""}
        for name in self.names:
            folder = name.rpartition("/")[0]
            while folder not in found:
                found.add(folder)
                folder = folder.rpartition("/")[0]
        return frozenset(found)

    def text(self, path: str) -> str | None:
        """A file's text, cut at the bound; None where there is none."""
        if path not in self.names:
            return None
        if path not in self._read:
            try:
                content = self._tree.read(path, MAX_BYTES)
            except OSError:
                return None  # It went, or may not be read: as if it were not there.
            self._read[path] = content.decode("utf-8-sig", errors="replace")
        return self._read[path]

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.names)

    def below(self, folder: str) -> Iterator[str]:
        """Files below a folder, by their names within it."""
        prefix = f"{folder}/" if folder else ""
        for at in range(bisect_left(self._sorted, prefix), len(self._sorted)):
            if not self._sorted[at].startswith(prefix):
                return
            yield self._sorted[at][len(prefix) :]

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What is made from the files once, however often it is asked for."""
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made


def join(folder: str, path: str) -> str | None:
    """A path seen from a folder, normalised; None where it leads out of the tree.

    ``""`` is the top, and what begins with ``/`` is absolute: it leads out.
    """
    if path.startswith("/"):
        return None
    parts: list[str] = []
    for part in PurePosixPath(folder, path).parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
