"""From the layers of a static run's image to the archive that is published.

The image was made by ``COPY`` on ``scratch``; what came along with the files, such as links, is
refused here as it is anywhere else.
"""

import asyncio
import gzip
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from shared.builders.acr.registry import Layer, Registry
from shared.builders.port import BuildBounds, Reason
from shared.sites.errors import shown
from shared.sites.models import MIB

_PIECE = 1024 * 1024
_TIME = (1980, 1, 1, 0, 0, 0)
_IN_MEMORY = 8 * MIB
_HEADERS = 4096
# Where the output is the source itself, these are no part of the site.
_NOT_SITE = frozenset({".git", "node_modules"})


class OutputRefused(Exception):
    """The output cannot be published; ``reason`` is the port's, the text is for the user."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


async def write_archive(
    registry: Registry,
    repository: str,
    reference: str,
    target: BinaryIO,
    bounds: BuildBounds,
    name: str,
) -> None:
    """Write the ZIP of an image's files; raises OutputRefused."""
    image = await registry.image(repository, reference)
    layers = image.layers if image else ()
    if len(layers) > 1:
        raise OutputRefused("output_missing", "The image of the output is not one layer.")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        count = 0
        for layer in layers:
            with tempfile.SpooledTemporaryFile(_IN_MEMORY) as stored:
                file = cast(BinaryIO, stored)
                await registry.download(repository, layer, file)
                count += await asyncio.to_thread(_pack, file, layer, archive, bounds)
    if not count:
        raise OutputRefused(
            "output_empty",
            f"The build left no file in {shown(name)}. Next: see in the log whether the build did"
            " what it should, or set output to the folder that holds the site.",
        )


def _pack(stored: BinaryIO, layer: Layer, archive: zipfile.ZipFile, bounds: BuildBounds) -> int:
    most = bounds.output_bytes + bounds.output_files * _HEADERS + MIB
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as plain:
        for piece in _unpacked(stored, layer):
            plain.write(piece)
            if plain.tell() > most:
                raise _too_many_bytes(bounds)
        plain.seek(0)
        with tarfile.open(fileobj=plain, mode="r:") as tar:
            return _copy(tar, archive, bounds)


def _unpacked(stored: BinaryIO, layer: Layer) -> Iterator[bytes]:
    stored.seek(0)
    source = gzip.GzipFile(fileobj=stored, mode="rb") if _is_packed(layer) else stored
    try:
        while piece := source.read(_PIECE):
            yield piece
    except (OSError, EOFError, zlib.error) as error:
        raise OutputRefused(
            "output_missing", "The image of the output cannot be read. Next: deploy again."
        ) from error


def _is_packed(layer: Layer) -> bool:
    return layer.type.endswith("gzip")


def _copy(tar: tarfile.TarFile, archive: zipfile.ZipFile, bounds: BuildBounds) -> int:
    count = total = 0
    for member in sorted(tar.getmembers(), key=lambda one: one.name):
        name = member.name.removeprefix("./").strip("/")
        if member.isdir() or name.split("/")[0] in _NOT_SITE:
            continue
        _check(member, name)
        content = tar.extractfile(member)
        if content is None:
            raise _no_file(name)
        count += 1
        if count > bounds.output_files:
            raise OutputRefused(
                "output_too_large",
                f"The output holds more than {bounds.output_files:,} files."
                " Next: see whether output is the right folder, or publish less.",
            )
        with content, archive.open(_info(name), "w", force_zip64=True) as target:
            while piece := content.read(_PIECE):
                total += len(piece)
                if total > bounds.output_bytes:
                    raise _too_many_bytes(bounds)
                target.write(piece)
    return count


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _TIME)
    info.external_attr = 0o100644 << 16
    return info


def _check(member: tarfile.TarInfo, name: str) -> None:
    if member.issym():
        raise OutputRefused(
            "output_link",
            f"{shown(name)} in the output is a link to {shown(member.linkname)}: links are not"
            " published. Next: have the build copy the file instead.",
        )
    # A second name of the same file is packed as a hard link: it is as good as the first.
    if not (member.isreg() or member.islnk()):
        raise _no_file(name)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise OutputRefused(
            "output_link",
            f"The name {shown(name.encode('utf-8', 'replace').decode())} in the output is not"
            " UTF-8. Next: rename it.",
        ) from None


def _no_file(name: str) -> OutputRefused:
    return OutputRefused(
        "output_link",
        f"{shown(name)} in the output is no regular file. Next: have the build leave it out.",
    )


def _too_many_bytes(bounds: BuildBounds) -> OutputRefused:
    return OutputRefused(
        "output_too_large",
        f"The output has more than {bounds.output_bytes:,} bytes."
        " Next: see whether output is the right folder, or publish less.",
    )
