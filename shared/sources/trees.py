"""Looks into an archive of a source: its tree for detection, its digest, and what changed.

The archive is read as it lies on disk; nothing is unpacked into a folder. Which paths a pattern
of ``watch`` means stands in ``patterns``.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from shared.detection.tree import MAX_BYTES, SKIPPED_FOLDERS
from shared.sites.archive import inspect_source, read_source
from shared.sites.models import MIB, ArchiveFormat, SiteLimits

_HELD_BYTES = 32 * MIB
_EARLY = 64 * 1024
"""The beginning of a page or a script of which only the first lines are asked for."""
# What detection asks for by content: settings, lock files, scripts, pages; never a picture.
_TEXTS = frozenset(
    {
        *(
            "cfg",
            "cjs",
            "conf",
            "cts",
            "ini",
            "js",
            "json",
            "json5",
            "jsonc",
            "jsx",
            "lock",
            "lockb",
        ),
        *(
            "cs",
            "csproj",
            "go",
            "gradle",
            "java",
            "kt",
            "mod",
            "php",
            "pug",
            "rs",
            "vbproj",
            "ex",
            "exs",
        ),
        *("mjs", "mts", "py", "rb", "toml", "ts", "tsx", "txt", "xml", "yaml", "yml", ""),
    }
)
_PAGES = frozenset({"astro", "hbs", "htm", "html", "md", "mdx", "njk", "rst", "svelte", "vue"})


@dataclass(frozen=True, slots=True)
class Listing:
    """A source by what is in it: ``contents`` has a digest for each path, files and links.

    A path's digest tells bytes and mode; ``digest`` is that of the whole. ``root`` is the folder
    of the archive that was looked through.
    """

    root: str
    files: int
    bytes: int
    digest: str
    contents: Mapping[str, str]


class ArchiveTree:
    """The tree of an archive: names, and the beginnings of files that look like text.

    Both are read in one pass, together with the listing. What is held in memory is bounded: the
    shallow files, which decide, come first where there are too many.
    """

    def __init__(
        self, path: Path, format: ArchiveFormat, limits: SiteLimits, root: str | None = None
    ) -> None:
        with path.open("rb") as file:
            summary = inspect_source(file, format, limits, root)
            held = _Held()
            contents: dict[str, str] = {}
            total = 0
            for entry, pieces in read_source(file, format, limits, summary.root):
                if ".git" in entry.name.split("/"):
                    for _ in pieces:
                        pass
                    continue
                if entry.target is not None:
                    contents[entry.name] = _digest("link", iter([_bytes(entry.target)]))
                    continue
                kind = "executable" if entry.is_executable else "file"
                contents[entry.name] = _digest(kind, held.keep(entry.name, entry.size, pieces))
                total += entry.size
                held.names.append(entry.name)
        self._held = held
        self.listing = Listing(
            summary.root, len(held.names), total, _whole(contents), MappingProxyType(contents)
        )

    def files(self) -> list[str]:
        """Shallow ones first."""
        return sorted(self._held.names, key=lambda name: (name.count("/"), name))

    def read(self, path: str, limit: int) -> bytes:
        """The first bytes; raises FileNotFoundError for what is no text, as if it were away."""
        if path not in self._held.texts:
            raise FileNotFoundError(f"{path} is not held: it does not look like text")
        return self._held.texts[path][:limit]


class _Held:
    """Beginnings of files, at most so many bytes of them."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.texts: dict[str, bytes] = {}
        self._bytes = 0

    def keep(self, name: str, size: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same pieces; what detection may ask for is kept on the way."""
        bound = min(_bound(name), size)
        held = bytearray()
        for piece in pieces:
            if len(held) < bound:
                held += piece[: bound - len(held)]
            yield piece
        if _bound(name):
            self.texts[name] = bytes(held)
            self._bytes += len(held)
            self._make_room()

    def _make_room(self) -> None:
        """Drop what lies deepest; of the same depth, the largest."""
        if self._bytes <= _HELD_BYTES:
            return
        order = sorted(
            self.texts, key=lambda name: (name.count("/"), len(self.texts[name])), reverse=True
        )
        for name in order:
            if self._bytes <= _HELD_BYTES // 2:
                return
            self._bytes -= len(self.texts.pop(name))


def _bound(name: str) -> int:
    """How many bytes of a file are held, going by its name."""
    *folders, last = name.split("/")
    if SKIPPED_FOLDERS.intersection(folders):
        return 0
    stem, _, extension = last.lower().rpartition(".")
    if not stem:
        extension = ""  # .nvmrc, .npmrc, Gemfile
    if extension in _TEXTS:
        return MAX_BYTES
    return _EARLY if extension in _PAGES else 0


def digest_of(
    path: Path, format: ArchiveFormat, limits: SiteLimits, root: str | None = None
) -> Listing:
    """The listing of an archive's files, and the digest of all of them."""
    return ArchiveTree(path, format, limits, root).listing


def changed_paths(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Paths that were added, removed or changed, in order."""
    return sorted(
        path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    )


def _digest(kind: str, pieces: Iterator[bytes]) -> str:
    """A hash over the kind and bytes of a file, so that another mode is another digest."""
    digest = hashlib.sha256(f"{kind}\0".encode())
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _whole(contents: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for path in sorted(contents):
        digest.update(_bytes(path) + b"\0" + contents[path].encode() + b"\n")
    return digest.hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
