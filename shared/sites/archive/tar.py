"""gzipped TAR files: regular files and folders of the ustar, pax and GNU dialects.

The standard library's reader takes whatever an extended header claims into memory; this one
refuses what is not a file, and bounds what it unpacks while it does so.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from shared.sites.archive.entries import Entry
from shared.sites.archive.names import clean_name, is_junk, is_left_out
from shared.sites.errors import (
    DamagedArchive,
    InvalidName,
    LinkEntry,
    SiteTooLarge,
    SpecialEntry,
    SuspiciousRatio,
    TooManyFiles,
    TruncatedArchive,
    shown,
)
from shared.sites.models import SiteLimits

_BLOCK = 512
_CHUNK = 256 * 1024
_EXTENDED = 64 * 1024
_FILES = frozenset(b"0\0007")
_LINKS = frozenset(b"12")


class Gunzip:
    """Reads a gzip file as it unpacks, within bounds on bytes and ratio."""

    def __init__(self, file: BinaryIO, limits: SiteLimits) -> None:
        file.seek(0)
        self._file, self._limits = file, limits
        self._inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._buffer, self._at = b"", 0
        self._packed = b""
        self._read = self._unpacked = 0
        # Names and padding come on top of the files' own bytes.
        self._most = limits.bytes + limits.entries * 4 * _BLOCK

    def read(self, size: int) -> bytes:
        """Up to so many bytes; fewer only at the end."""
        data = self._buffer[self._at : self._at + size]
        self._at += len(data)
        while len(data) < size:
            self._buffer, self._at = self._next(), size - len(data)
            if not self._buffer:
                break
            data += self._buffer[: self._at]
        return data

    def exactly(self, size: int) -> bytes:
        """So many bytes; raises TruncatedArchive."""
        data = self.read(size)
        if len(data) != size:
            raise _truncated()
        return data

    def skip(self, size: int) -> None:
        """Unpack and forget."""
        while size:
            size -= len(self.exactly(min(size, _CHUNK)))

    def _next(self) -> bytes:
        while True:
            if self._inflate.eof and not self._next_member():
                return b""
            self._packed = self._inflate.unconsumed_tail or self._packed or self._more()
            try:
                piece = self._inflate.decompress(self._packed, _CHUNK)
            except zlib.error as error:
                raise DamagedArchive(
                    "The archive's bytes do not fit their checksum: pack the folder again"
                ) from error
            self._packed = b""
            if piece:
                self._count(len(piece))
                return piece

    def _more(self) -> bytes:
        packed = self._file.read(_CHUNK)
        if not packed:
            raise _truncated()
        self._read += len(packed)
        return packed

    def _next_member(self) -> bool:
        rest = (self._inflate.unused_data or self._file.read(_CHUNK)).lstrip(b"\0")
        if not rest:
            return False
        self._inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._packed = rest
        return True

    def _count(self, size: int) -> None:
        self._unpacked += size
        if self._unpacked > self._most:
            raise SiteTooLarge(
                f"The archive unpacks to more than {self._limits.bytes:,} bytes: publish less"
            )
        if self._unpacked > max(self._limits.ratio_free_bytes, self._limits.ratio * self._read):
            raise SuspiciousRatio(
                f"The archive unpacks to more than {self._limits.ratio} times its size: pack the"
                " site's own files only"
            )


@dataclass(frozen=True, slots=True)
class _Header:
    name: bytes
    size: int
    kind: int
    mode: int
    target: bytes


class TarReader:
    """The files of a gzipped TAR archive in their order; every pass unpacks it anew.

    Of a source nothing is left out, and links are told.
    """

    def __init__(self, file: BinaryIO, limits: SiteLimits, *, is_source: bool = False) -> None:
        self._file, self._limits = file, limits
        self._is_source = is_source

    def inspect(self) -> Iterator[Entry]:
        """Every file that is not left out; unpacks everything once, so checksums are checked."""
        for entry, pieces in self.contents():
            yield entry  # first, so that a file that claims too much is not unpacked
            for _ in pieces:
                pass

    def contents(self) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        """Each file with its bytes, which must be read before the next file is asked for."""
        stream = Gunzip(self._file, self._limits)
        for count, header in enumerate(_headers(stream)):
            if count >= self._limits.entries:
                raise TooManyFiles(
                    f"The archive holds more than {self._limits.entries:,} entries, at most"
                    f" {self._limits.files:,} files are accepted: leave out what is not needed"
                )
            name = clean_name(header.name, self._limits)
            padding = -header.size % _BLOCK
            if not self._is_file(name, header):
                stream.skip(header.size + padding)
                continue
            yield _entry(name, header), _pieces(stream, header.size)
            stream.skip(padding)

    def _is_file(self, name: str, header: _Header) -> bool:
        is_unwanted = is_junk if self._is_source else is_left_out
        if not name or is_unwanted(name) or header.kind == ord("5"):
            return False
        if header.kind in _LINKS:
            if self._is_source:
                return True
            raise LinkEntry(f"{shown(name)} is a link: replace it by the file that it leads to")
        if header.kind not in _FILES:
            raise SpecialEntry(f"{shown(name)} is no regular file: leave it out")
        return not header.name.endswith(b"/")


def _entry(name: str, header: _Header) -> Entry:
    if header.kind not in _LINKS:
        return Entry(name, header.size, is_executable=bool(header.mode & 0o100))
    target = header.target.decode("utf-8", "surrogateescape")
    # A second name of a file is told as leading to the archive's top, from where it is named.
    return Entry(name, 0, target=target if header.kind == ord("2") else f"/{target}")


def _pieces(stream: Gunzip, size: int) -> Iterator[bytes]:
    while size:
        piece = stream.exactly(min(size, _CHUNK))
        size -= len(piece)
        yield piece


def _headers(stream: Gunzip) -> Iterator[_Header]:
    """The entries, with what extended headers say of them; ends after two blocks of zeros."""
    extended: dict[bytes, bytes] = {}
    common: dict[bytes, bytes] = {}
    while True:
        block = stream.exactly(_BLOCK)
        if not block.strip(b"\0"):
            break
        header = _parse(block)
        if header.kind in b"xgLK":
            data = _extended(stream, header.size)
            if header.kind == ord("x"):
                extended.update(_pax(data))
            elif header.kind == ord("g"):
                common.update(_pax(data))
            else:
                key = b"path" if header.kind == ord("L") else b"linkpath"
                extended[key] = data.rstrip(b"\0")
            continue
        yield _merge(header, {**common, **extended})
        extended = {}
    # What follows is padding; reading it lets gzip check its sum.
    while stream.read(_CHUNK):
        pass


def _parse(block: bytes) -> _Header:
    stated = _number(block[148:156])
    if stated != sum(block[:148]) + 8 * 0x20 + sum(block[156:]):
        raise DamagedArchive("An entry of the archive has a wrong checksum: pack it again")
    name = block[:100].split(b"\0", 1)[0]
    prefix = block[345:500].split(b"\0", 1)[0]
    if prefix and block[257:263] == b"ustar\0":
        name = prefix + b"/" + name
    target = block[157:257].split(b"\0", 1)[0]
    return _Header(name, _number(block[124:136]), block[156], _number(block[100:108]), target)


def _number(field: bytes) -> int:
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        raise DamagedArchive("An entry of the archive has no valid size: pack it again") from None


def _extended(stream: Gunzip, size: int) -> bytes:
    if size > _EXTENDED:
        raise InvalidName(
            "An entry of the archive has a description of more than 64 KiB: shorten its name"
        )
    data = stream.exactly(size)
    stream.skip(-size % _BLOCK)
    return data


def _pax(data: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    while data.strip(b"\0"):
        length, _, _ = data.partition(b" ")
        if not length.isdigit() or not len(length) + 3 <= int(length) <= len(data):
            raise DamagedArchive("An entry of the archive has a damaged description: pack again")
        key, equals, value = data[len(length) + 1 : int(length)].removesuffix(b"\n").partition(b"=")
        if not equals:
            raise DamagedArchive("An entry of the archive has a damaged description: pack again")
        found[key] = value
        data = data[int(length) :]
    return found


def _merge(header: _Header, extended: Mapping[bytes, bytes]) -> _Header:
    name = extended.get(b"path", header.name)
    size = extended.get(b"size", str(header.size).encode())
    if any(key.startswith(b"GNU.sparse") for key in extended):
        raise SpecialEntry(
            f"{shown(name.decode('utf-8', 'replace'))} is a sparse file: pack without --sparse"
        )
    if not size.isdigit() or len(size) > 18:
        raise DamagedArchive("An entry of the archive has no valid size: pack it again")
    # Links, folders and devices carry no bytes, whatever their size field says.
    bytes_ = int(size) if header.kind not in b"123456" else 0
    target = extended.get(b"linkpath", header.target)
    return _Header(name, bytes_, header.kind, header.mode, target)


def _truncated() -> TruncatedArchive:
    return TruncatedArchive("The archive ends early: send the whole file again")
