"""Archives as tests need them: written by Python's own libraries, then bent where they must be."""

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

INDEX = {"index.html": b"<h1>Hello</h1>"}


def zip_bytes(
    files: Mapping[str, bytes] | Iterable[tuple[str | zipfile.ZipInfo, bytes]],
    method: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """A ZIP archive; names may repeat when files are pairs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items() if isinstance(files, Mapping) else files:
            archive.writestr(name, data, compress_type=method)
    return buffer.getvalue()


def zip_entry(name: str, mode: int) -> zipfile.ZipInfo:
    """An entry with the mode of a Unix system."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def tar_bytes(
    files: Mapping[str, bytes] | Iterable[tuple[str | tarfile.TarInfo, bytes]],
    format: int = tarfile.PAX_FORMAT,
) -> bytes:
    """A gzipped TAR archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=format, compresslevel=1) as archive:
        for name, data in files.items() if isinstance(files, Mapping) else files:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def tar_entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """An entry that is no file."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def renamed(archive: bytes, old: bytes, new: bytes) -> bytes:
    """A ZIP in which a name reads otherwise, in both places that hold it."""
    assert len(old) == len(new)
    assert archive.count(old) == 2
    return archive.replace(old, new)


def declared(archive: bytes, size: int) -> bytes:
    """A ZIP of one entry whose directory claims another size."""
    at = archive.rfind(b"PK\1\2")
    return archive[: at + 24] + struct.pack("<L", size) + archive[at + 28 :]


def gzip_zeros(path: Path, size: int) -> None:
    """A gzipped TAR file with one file of so many zeros, written without holding them."""
    info = tarfile.TarInfo("zeros.bin")
    info.size = size
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        block = bytes(1024 * 1024)
        for _ in range(size // len(block)):
            file.write(block)
        file.write(bytes(1024))
