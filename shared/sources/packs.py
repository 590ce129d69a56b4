"""Takes a pack apart on disk: what came from the server, and the objects in it.

dulwich indexes a pack with whole objects in memory, as large as the pack says they are. Here
nothing is unpacked before its size was compared with the bounds; contents go to a file, and at
most one object and what it is made from are in memory.
"""

import hashlib
import mmap
import re
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from dulwich.errors import ApplyDeltaError
from dulwich.pack import apply_delta

from shared.sources.errors import RefNotFound, RepositoryDamaged, RepositoryTooLarge
from shared.sources.git import GitBounds, Progress
from shared.sources.streams import Watch

_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_OFS_DELTA, _REF_DELTA = 6, 7
_CHUNK = 64 * 1024
_REPORT = 256 * 1024
_TEXT_BYTES = 1024 * 1024
_TAGS_DEEP = 5
_OBJECT_LINE = re.compile(rb"object ([0-9a-f]{40})\n")
_TREE_LINE = re.compile(rb"tree ([0-9a-f]{40})\n")
_PERSON = re.compile(rb"(.*?) ?<[^>]*> (-?\d+) [+-]\d+")


@dataclass(frozen=True, slots=True)
class Stored:
    """An object and where its bytes lie."""

    kind: str
    at: int
    size: int


@dataclass(frozen=True, slots=True)
class Commit:
    """What is told of a commit, and its tree."""

    id: str
    tree: str
    author: str
    time: int
    message: str


class Objects:
    """Objects by their id, in a file; an id is the hash of what was read, so it cannot lie."""

    def __init__(self, spool: BinaryIO, bounds: GitBounds, watch: Watch) -> None:
        self._spool, self._bounds, self._watch = spool, bounds, watch
        self._stored: dict[str, Stored] = {}
        self._end = 0

    def add(self, kind: str, size: int, pieces: Iterable[bytes]) -> tuple[str, Stored]:
        """Keep an object of exactly this size."""
        self._check_size(kind, size)
        digest = hashlib.sha1(b"%s %d\0" % (kind.encode(), size), usedforsecurity=False)
        self._spool.seek(self._end)
        written = 0
        for piece in pieces:
            written += len(piece)
            digest.update(piece)
            self._spool.write(piece)
        if written != size:
            raise damaged()
        stored = Stored(kind, self._end, size)
        self._end += size
        self._stored.setdefault(digest.hexdigest(), stored)
        return digest.hexdigest(), stored

    def _check_size(self, kind: str, size: int) -> None:
        self._watch.check()
        if size > self._bounds.file_bytes:
            raise RepositoryTooLarge(
                f"A {'file' if kind == 'blob' else kind} of the repository has {size:,} bytes, at"
                f" most {self._bounds.file_bytes:,} are accepted: take it out of the repository"
            )
        self.check_total(self._end + size)

    def check_total(self, size: int) -> None:
        """Raise where so many bytes are more than are taken."""
        if size > self._bounds.bytes:
            raise RepositoryTooLarge(
                f"The revision unpacks to more than {self._bounds.bytes:,} bytes: take large files"
                " out of the repository"
            )

    def find(self, id: str, kind: str) -> Stored:
        """An object that the pack has to hold."""
        stored = self._stored.get(id)
        if stored is None or stored.kind != kind:
            raise damaged()
        return stored

    def get(self, id: str) -> Stored | None:
        """An object, where it is there already."""
        return self._stored.get(id)

    def read(self, stored: Stored) -> bytes:
        """All bytes of an object."""
        return b"".join(self.pieces(stored))

    def pieces(self, stored: Stored) -> Iterator[bytes]:
        """The bytes of an object, some at a time."""
        at, left = stored.at, stored.size
        while left:
            self._watch.check()
            self._spool.seek(at)
            piece = self._spool.read(min(left, 4 * _CHUNK))
            if not piece:
                raise damaged()
            at, left = at + len(piece), left - len(piece)
            yield piece

    def commit(self, id: str) -> Commit:
        """The commit of this id, or that an annotated tag of this id leads to."""
        for _ in range(_TAGS_DEEP):
            stored = self._stored.get(id)
            if stored is None:
                raise damaged()
            data = self._text(stored)
            if stored.kind == "commit":
                return _parse_commit(id, data)
            match = _OBJECT_LINE.match(data)
            if stored.kind != "tag" or match is None:
                break
            id = match[1].decode()
        raise RefNotFound("What was asked for is no commit, but a file or folder: name a commit")

    def _text(self, stored: Stored) -> bytes:
        if stored.size > _TEXT_BYTES:
            raise RepositoryTooLarge(
                "The commit's description has more than a megabyte: shorten it"
            )
        return self.read(stored)


class Pack:
    """The bytes that a server sends, bounded while they come."""

    def __init__(
        self, file: BinaryIO, bounds: GitBounds, watch: Watch, progress: Progress | None
    ) -> None:
        self._file, self._bounds, self._watch = file, bounds, watch
        self._progress = progress
        self._size = self._told = 0

    def receive(self, data: bytes) -> int:
        """Take the next bytes."""
        self._watch.check()
        self._size += len(data)
        if self._size > self._bounds.pack_bytes:
            raise RepositoryTooLarge(
                f"The repository has more than {self._bounds.pack_bytes:,} bytes, packed: take"
                " large files out of it"
            )
        if self._progress is not None and self._size - self._told >= _REPORT:
            self._told = self._size
            self._progress(self._size)
        return self._file.write(data)

    def unpack(self, objects: Objects) -> Objects:
        """Every object of the pack, put into ``objects``."""
        if self._progress is not None and self._size != self._told:
            self._progress(self._size)
        if self._size < 32:
            raise damaged()
        self._file.flush()
        with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _check_sum(data)
            _Unpacking(data, objects, self._bounds).run()
        return objects


class _Unpacking:
    def __init__(self, data: mmap.mmap, objects: Objects, bounds: GitBounds) -> None:
        self._data, self._objects, self._bounds = data, objects, bounds
        self._by_offset: dict[int, Stored] = {}
        # Deltas whose base comes later, by what they wait for: an offset or an id.
        self._waiting: dict[int | str, list[tuple[int, int, int]]] = defaultdict(list)
        self._at = 12

    def run(self) -> None:
        magic, version, count = struct.unpack_from(">4sLL", self._data)
        if magic != b"PACK" or version not in (2, 3):
            raise damaged()
        # Besides files there are their folders, at most a few for each.
        if count > 8 * self._bounds.files + 100:
            raise too_many_files(self._bounds)
        for _ in range(count):
            self._next()
        if self._waiting or self._at != len(self._data) - 20:
            raise damaged()

    def _next(self) -> None:
        start = self._at
        byte = self._byte()
        kind, size, shift = byte >> 4 & 7, byte & 15, 4
        while byte & 0x80:
            byte = self._byte()
            size |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63:
                raise damaged()
        if kind in _KINDS:
            id, stored = self._objects.add(_KINDS[kind], size, self._inflate(self._at, size))
            self._settle([(start, id, stored)])
        elif kind == _OFS_DELTA:
            offset = self._offset()
            self._delta(start, start - offset if offset else -1, size)
        elif kind == _REF_DELTA:
            base = self._data[self._at : self._at + 20].hex()
            self._at += 20
            self._delta(start, base, size)
        else:
            raise damaged()

    def _byte(self) -> int:
        if self._at >= len(self._data) - 20:
            raise damaged()
        self._at += 1
        return self._data[self._at - 1]

    def _offset(self) -> int:
        byte = self._byte()
        offset = byte & 0x7F
        while byte & 0x80:
            byte = self._byte()
            offset = (offset + 1) << 7 | byte & 0x7F
            if offset > len(self._data):
                raise damaged()
        return offset

    def _delta(self, start: int, base: int | str, size: int) -> None:
        at = self._at
        if size > self._bounds.file_bytes:
            raise damaged()
        found = self._by_offset.get(base) if isinstance(base, int) else self._objects.get(base)
        if found is None:
            for _ in self._inflate(at, size):
                pass
            self._waiting[base].append((start, at, size))
            return
        self._settle([self._apply(found, start, at, size)])

    def _apply(self, base: Stored, start: int, at: int, size: int) -> tuple[int, str, Stored]:
        end = self._at
        delta = b"".join(self._inflate(at, size))
        self._at = max(end, self._at)
        source, result = _sizes(delta)
        if source != base.size or result > self._bounds.file_bytes:
            raise damaged()
        try:
            made = apply_delta(self._objects.read(base), delta)
        except (ApplyDeltaError, ValueError, IndexError) as error:
            raise damaged() from error
        return start, *self._objects.add(base.kind, result, made)

    def _settle(self, found: list[tuple[int, str, Stored]]) -> None:
        """Note what is known, and make what waited for it."""
        while found:
            start, id, stored = found.pop()
            self._by_offset[start] = stored
            for key in (start, id):
                for waiting in self._waiting.pop(key, ()):
                    found.append(self._apply(stored, *waiting))

    def _inflate(self, at: int, size: int) -> Iterator[bytes]:
        """The unpacked bytes of what begins there, never more than ``size``; goes behind it."""
        inflate = zlib.decompressobj()
        given, last = 0, len(self._data) - 20
        while not inflate.eof:
            packed = self._data[at : min(at + min(_CHUNK, size + 256), last)]
            at += len(packed)
            if not packed:
                raise damaged()
            while packed and not inflate.eof:
                piece = _decompress(inflate, packed)
                packed = inflate.unconsumed_tail
                given += len(piece)
                if given > size:
                    raise damaged()
                if piece:
                    yield piece
        if given != size:
            raise damaged()
        self._at = at - len(inflate.unused_data)


def _decompress(inflate: "zlib._Decompress", packed: bytes) -> bytes:
    try:
        return inflate.decompress(packed, 4 * _CHUNK)
    except zlib.error as error:
        raise damaged() from error


def _check_sum(data: mmap.mmap) -> None:
    digest = hashlib.sha1(usedforsecurity=False)
    with memoryview(data) as view, view[:-20] as body:
        for start in range(0, len(body), 16 * _CHUNK):
            digest.update(body[start : start + 16 * _CHUNK])
        if digest.digest() != bytes(view[-20:]):
            raise damaged()


def _sizes(delta: bytes) -> tuple[int, int]:
    """The sizes of a delta's base and result."""
    found, at = [], 0
    for _ in range(2):
        size = shift = 0
        while True:
            if at >= len(delta) or shift > 63:
                raise damaged()
            size |= (delta[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not delta[at - 1] & 0x80:
                break
        found.append(size)
    return found[0], found[1]


def _parse_commit(id: str, data: bytes) -> Commit:
    tree = _TREE_LINE.match(data)
    if tree is None:
        raise damaged()
    head, _, message = data.partition(b"\n\n")
    lines = dict(line.split(b" ", 1) for line in reversed(head.split(b"\n")) if b" " in line)
    author = _PERSON.fullmatch(lines.get(b"author", b""))
    committer = _PERSON.fullmatch(lines.get(b"committer", b""))
    return Commit(
        id=id,
        tree=tree[1].decode(),
        author=author[1].decode("utf-8", "replace")[:200] if author else "",
        time=int(committer[2]) if committer and len(committer[2]) < 18 else 0,
        message=message.decode("utf-8", "replace").strip(),
    )


def damaged() -> RepositoryDamaged:
    """The error of a pack that breaks a rule of the format."""
    return RepositoryDamaged(
        "What the server sent does not fit together: try again, or check the repository with"
        " git fsck"
    )


def too_many_files(bounds: GitBounds) -> RepositoryTooLarge:
    """The error of a revision with too many files."""
    return RepositoryTooLarge(
        f"The revision has more than {bounds.files:,} files: take what is generated (dependencies,"
        " output) out of the repository"
    )
