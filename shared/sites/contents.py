"""The files of an archive as contents: read once, hashed, small ones held in memory.

What happens to a content is the publisher's business. Everything here blocks and belongs into
a thread; ``Archive`` is how the event loop tells that thread to stop.
"""

import hashlib
import io
import os
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from shared.sites.archive import read_site
from shared.sites.models import MIB, ArchiveFormat, Inspect, SiteFile, SiteLimits

_SPOOL = 4 * MIB
_BATCH_FILES = 64
_BATCH_BYTES = 8 * MIB


class Stopped(Exception):
    """The publish was given up while a thread was still reading."""


class Archive(io.BufferedReader):
    """An archive on disk whose readers end as soon as ``stop`` is called."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(io.FileIO(os.dup(file.fileno())))
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Make the next read raise Stopped."""
        self._stopped.set()

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as any file does."""
        if self._stopped.is_set():
            raise Stopped
        return super().read(size)


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes behind a path, in memory or, when large, in a file without a name."""

    file: SiteFile
    held: bytes | BinaryIO

    def data(self) -> bytes:
        """All bytes."""
        if isinstance(self.held, bytes):
            return self.held
        self.held.seek(0)
        return self.held.read()

    def close(self) -> None:
        """Give the file back, where there is one."""
        if not isinstance(self.held, bytes):
            self.held.close()


def batches(
    archive: Archive,
    format: ArchiveFormat,
    limits: SiteLimits,
    root: str,
    inspect: Inspect | None = None,
) -> Iterator[list[Content]]:
    """The site's files, some at a time: bounded by their number and by what is in memory.

    What ``inspect`` raises comes out of here, before anything of that batch is given.
    """
    batch: list[Content] = []
    held = 0
    for path, size, pieces in read_site(archive, format, limits, root):
        content = _read(path, size, pieces)
        batch.append(content)
        if inspect is not None:
            _inspect(inspect, batch)
        held += size if isinstance(content.held, bytes) else 0
        if len(batch) == _BATCH_FILES or held >= _BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _inspect(inspect: Inspect, batch: list[Content]) -> None:
    """Look at the newest content of a batch; the batch is closed where that raises."""
    newest = batch[-1]
    try:
        if not isinstance(newest.held, bytes):
            newest.held.seek(0)
        inspect(newest.file.path, newest.held)
    except BaseException:
        for content in batch:
            content.close()
        raise


def _read(path: str, size: int, pieces: Iterator[bytes]) -> Content:
    if size <= _SPOOL:
        data = b"".join(pieces)
        return Content(SiteFile(path, hashlib.sha256(data).hexdigest(), len(data)), data)
    file = tempfile.TemporaryFile(prefix="astrocloud-")  # noqa: SIM115, its Content closes it
    digest = hashlib.sha256()
    try:
        for piece in pieces:
            digest.update(piece)
            file.write(piece)
    except BaseException:
        file.close()
        raise
    return Content(SiteFile(path, digest.hexdigest(), size), file)
