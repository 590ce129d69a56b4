"""ZIP files: exactly what publishing needs of the format, everything else refused by name.

The standard library's reader builds an object for each entry before one can look at how many
there are, takes what it finds before the archive, and differs between Python's versions in what
it refuses. This one reads the central directory entry by entry, within bounds.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from shared.sites.archive.entries import Entry
from shared.sites.archive.names import clean_name, is_junk, is_left_out
from shared.sites.errors import (
    DamagedArchive,
    EncryptedEntry,
    LinkEntry,
    OverlappingEntries,
    SpecialEntry,
    TooManyFiles,
    TruncatedArchive,
    UnsupportedCompression,
    shown,
)
from shared.sites.models import SiteLimits

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_KIND, _LINK = 0o170000, 0o120000
_MAX32 = 0xFFFFFFFF
_MAX_TARGET = 4096
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    raw: bytes
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    mode: int


class ZipReader:
    """The files of a ZIP archive, in the order of its directory.

    Of a source nothing is left out, and links are told when their content is asked for.
    """

    def __init__(self, file: BinaryIO, limits: SiteLimits, *, is_source: bool = False) -> None:
        self._file = file
        self._limits = limits
        self._is_source = is_source
        self._members: list[_Member] = []

    def inspect(self) -> Iterator[Entry]:
        """Every file that is not left out, by what the archive says; reads no content."""
        self._read_directory()
        for member in self._members:
            yield Entry(member.name, member.size)

    def contents(self) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        """Each file with its bytes, checked against size and checksum at their end."""
        if not self._members:
            self._read_directory()
        for member in self._members:
            if member.mode & _KIND == _LINK:
                yield self._link(member), iter(())
            else:
                entry = Entry(member.name, member.size, is_executable=bool(member.mode & 0o100))
                yield entry, self._content(member)

    def _link(self, member: _Member) -> Entry:
        if member.size > _MAX_TARGET:
            raise LinkEntry(
                f"{shown(member.name)} is a link to a name that is too long: shorten it"
            )
        target = b"".join(self._content(member)).decode("utf-8", "surrogateescape")
        return Entry(member.name, 0, target=target)

    def _read_directory(self) -> None:
        count, start, size = _find_directory(self._file)
        self._check_count(count, self._limits.entries)
        self._file.seek(start)
        members: list[_Member] = []
        left = size
        for _ in range(count):
            member, taken = self._next(left)
            left -= taken
            if member is not None:
                members.append(member)
                self._check_count(len(members), self._limits.files)
        if left:
            raise DamagedArchive("The archive's directory holds more than it names: pack it again")
        spans = [(m.offset, self._data_start(m) + m.packed, m.name) for m in members]
        _check_overlaps(spans, start)
        self._members = members

    def _check_count(self, count: int, most: int) -> None:
        if count > most:
            raise TooManyFiles(
                f"The archive holds more than {most:,} entries, at most {self._limits.files:,}"
                " files are accepted: leave out what the site does not need"
            )

    def _next(self, left: int) -> tuple[_Member | None, int]:
        """The next entry of the directory, None for one that is no file of the site; its length."""
        fixed = _exactly(self._file, _CENTRAL.size) if left >= _CENTRAL.size else bytes(46)
        fields = _CENTRAL.unpack(fixed)
        taken = _CENTRAL.size + sum(fields[10:13])
        if fields[0] != b"PK\1\2" or taken > left:
            raise DamagedArchive("The archive's directory is damaged: pack the folder again")
        raw = _exactly(self._file, fields[10])
        extra = _exactly(self._file, fields[11])
        _exactly(self._file, fields[12])
        flags, method, crc = fields[3], fields[4], fields[7]
        name = clean_name(raw, self._limits)
        is_unwanted = is_junk if self._is_source else is_left_out
        if not name or raw.endswith(b"/") or is_unwanted(name):
            return None, taken
        packed, size, offset = _wide(extra, packed=fields[8], size=fields[9], offset=fields[16])
        mode = fields[15] >> 16
        if not (self._is_source and mode & _KIND == _LINK):
            _check_kind(name, mode)
        _check_method(name, flags, method)
        if method == _STORED and packed != size:
            raise DamagedArchive(f"The sizes of {shown(name)} contradict each other: pack it again")
        return _Member(name, raw, method, crc, packed, size, offset, mode), taken

    def _data_start(self, member: _Member) -> int:
        self._file.seek(member.offset)
        header = self._file.read(_LOCAL.size + len(member.raw))
        if len(header) < _LOCAL.size or header[:4] != b"PK\3\4":
            raise DamagedArchive(f"{shown(member.name)} is not where the archive says: pack again")
        fields = _LOCAL.unpack_from(header)
        named = header[_LOCAL.size :]
        if fields[9] != len(member.raw) or named != member.raw or fields[3] != member.method:
            raise DamagedArchive(
                f"{shown(member.name)} is described in two ways: pack the folder again"
            )
        return member.offset + _LOCAL.size + int(fields[9]) + int(fields[10])

    def _content(self, member: _Member) -> Iterator[bytes]:
        self._file.seek(self._data_start(member))
        pieces = self._stored(member) if member.method == _STORED else self._inflated(member)
        size = crc = 0
        for piece in pieces:
            size += len(piece)
            crc = zlib.crc32(piece, crc)
            if size > member.size:
                break
            yield piece
        if size != member.size or crc != member.crc:
            raise DamagedArchive(
                f"The bytes of {shown(member.name)} do not fit their checksum: pack it again"
            )

    def _stored(self, member: _Member) -> Iterator[bytes]:
        left = member.packed
        while left:
            piece = _exactly(self._file, min(left, _CHUNK))
            left -= len(piece)
            yield piece

    def _inflated(self, member: _Member) -> Iterator[bytes]:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        left = member.packed
        try:
            while left and not inflate.eof:
                packed = _exactly(self._file, min(left, _CHUNK))
                left -= len(packed)
                # One byte more than is declared is enough to see the lie.
                while piece := inflate.decompress(packed, min(member.size + 1, 4 * _CHUNK)):
                    packed = inflate.unconsumed_tail
                    yield piece
        except zlib.error as error:
            raise DamagedArchive(
                f"{shown(member.name)} cannot be unpacked: pack the folder again"
            ) from error
        if not inflate.eof or inflate.unused_data or left:
            raise DamagedArchive(f"{shown(member.name)} ends in the wrong place: pack it again")


def _find_directory(file: BinaryIO) -> tuple[int, int, int]:
    """Count of entries, start and size of the central directory."""
    length = file.seek(0, 2)
    file.seek(max(0, length - _END.size - 0xFFFF))
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        raise TruncatedArchive("The end of the archive is missing: send the whole file again")
    fields = _END.unpack_from(tail, at)
    end = length - len(tail) + at
    count, size, start = fields[4], fields[5], fields[6]
    if count == 0xFFFF or _MAX32 in (size, start):
        count, size, start, end = _find_directory64(file, end)
    elif fields[1] or fields[2] or fields[3] != count:
        raise DamagedArchive("The archive is one of several parts: pack it as a single file")
    if start + size != end:
        raise DamagedArchive("The archive's directory is not where it should be: pack it again")
    return count, start, size


def _find_directory64(file: BinaryIO, end: int) -> tuple[int, int, int, int]:
    file.seek(max(0, end - _END64_LOCATOR.size))
    mark, _, at, _ = _END64_LOCATOR.unpack(_exactly(file, _END64_LOCATOR.size))
    file.seek(min(at, end))
    fields = _END64.unpack(_exactly(file, _END64.size))
    if mark != b"PK\6\7" or fields[0] != b"PK\6\6":
        raise DamagedArchive("The archive's end is damaged: pack the folder again")
    return fields[7], fields[8], fields[9], at


def _wide(extra: bytes, *, packed: int, size: int, offset: int) -> tuple[int, int, int]:
    """Sizes and offset, from the ZIP64 field where the plain ones are full."""
    # The field holds what is full, in this order.
    values = {"size": size, "packed": packed, "offset": offset}
    wanted = [key for key, value in values.items() if value == _MAX32]
    if wanted:
        field = _extra_field(extra, 1)
        if len(field) < 8 * len(wanted):
            raise DamagedArchive("The archive's directory lacks a size: pack the folder again")
        values.update(zip(wanted, struct.unpack_from(f"<{len(wanted)}Q", field), strict=True))
    return values["packed"], values["size"], values["offset"]


def _extra_field(extra: bytes, wanted: int) -> bytes:
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        if kind == wanted:
            return extra[position + 4 : position + 4 + length]
        position += 4 + length
    return b""


def _check_kind(name: str, mode: int) -> None:
    kind = mode & _KIND
    if kind == _LINK:
        raise LinkEntry(f"{shown(name)} is a link: replace it by the file that it leads to")
    if kind not in (0, 0o100000):
        raise SpecialEntry(f"{shown(name)} is no regular file: leave it out")


def _check_method(name: str, flags: int, method: int) -> None:
    if flags & _ENCRYPTED:
        raise EncryptedEntry(f"{shown(name)} needs a password: pack the folder without one")
    if method not in (_STORED, _DEFLATED):
        raise UnsupportedCompression(
            f"{shown(name)} is compressed by method {method}: pack the folder with deflate"
        )


def _check_overlaps(spans: list[tuple[int, int, str]], directory: int) -> None:
    spans = sorted(spans)
    for (_, end, name), (start, _, other) in pairwise(spans):
        if end > start:
            raise OverlappingEntries(
                f"{shown(name)} and {shown(other)} share bytes of the archive: pack it again"
            )
    if spans and spans[-1][1] > directory:
        raise TruncatedArchive(f"{shown(spans[-1][2])} is cut off: send the whole file again")


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise TruncatedArchive("The archive ends early: send the whole file again")
    return data
