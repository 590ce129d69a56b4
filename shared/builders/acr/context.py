"""The archive that ACR unpacks: the Dockerfile, and the source below a name of ours.

It is written from one archive to the other: no file of a stranger is ever put on this disk by its
own name.
"""

import gzip
import io
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from shared.builders.acr.plan import CONTEXT, OWN_FILE, Plan
from shared.builders.port import BuildJob
from shared.detection.tree import FilesTree, Source
from shared.sites.archive import read_source
from shared.sites.archive.links import stays_within
from shared.sites.errors import DuplicateEntry, EmptyArchive, shown
from shared.sites.models import MIB, SiteLimits

LIMITS = SiteLimits(
    archive_bytes=2048 * MIB,
    files=100_000,
    bytes=4096 * MIB,
    file_bytes=1024 * MIB,
    ratio_free_bytes=64 * MIB,
)
"""Wider than a site's: what of it is published is bounded again."""
_HELD_BYTES = MIB
_HELD_IN_ALL = 32 * MIB
_IN_MEMORY = 4 * MIB


def read_tree(job: BuildJob, archive: Path) -> Source:
    """The names of a source, and the small files of it; raises an AstroCloudError."""
    files: dict[str, bytes] = {}
    held = 0
    with archive.open("rb") as file:
        for entry, pieces in read_source(file, job.source_format, LIMITS, job.source_root):
            if entry.target is not None:
                continue
            if entry.name in files:
                raise DuplicateEntry(
                    f"{shown(entry.name)} is in the archive twice: keep one of them"
                )
            keep = entry.size <= _HELD_BYTES and held + entry.size <= _HELD_IN_ALL
            content = b"".join(pieces) if keep else _skipped(pieces)
            files[entry.name] = content
            held += len(content)
    if not files:
        where = f" in {shown(job.source_root)}" if job.source_root else ""
        raise EmptyArchive(f"The source holds no file{where}: send the project's folder")
    return Source(FilesTree(files))


def _skipped(pieces: Iterable[bytes]) -> bytes:
    for _ in pieces:
        pass
    return b""


def write_context(job: BuildJob, archive: Path, plan: Plan, target: BinaryIO) -> None:
    """Write the archive of a run."""
    wanted = frozenset(plan.manifests)
    with (
        gzip.GzipFile(fileobj=target, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, text in (("Dockerfile", plan.dockerfile), (OWN_FILE, plan.own_dockerfile)):
            if text:
                told = text.encode()
                _add(tar, name, io.BytesIO(told), len(told), 0o644)
        for name, content, size, mode in _files(job, archive, tar):
            _add(tar, f"{CONTEXT}/source/{name}", content, size, mode)
            if name in wanted:
                content.seek(0)
                _add(tar, f"{CONTEXT}/manifests/{name}", content, size, mode)


def _files(
    job: BuildJob, archive: Path, tar: tarfile.TarFile
) -> Iterator[tuple[str, BinaryIO, int, int]]:
    """Regular files with their bytes; links that stay within are added last."""
    links: dict[str, str] = {}
    taken: set[str] = set()
    with archive.open("rb") as file:
        for entry, pieces in read_source(file, job.source_format, LIMITS, job.source_root):
            if entry.target is not None:
                links[entry.name] = entry.target
                continue
            taken.update(_with_folders(entry.name))
            with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
                for piece in pieces:
                    spool.write(piece)
                size = spool.tell()
                spool.seek(0)
                mode = 0o755 if entry.is_executable else 0o644
                yield entry.name, spool, size, mode  # type: ignore[misc]
    for name, to in sorted(links.items()):
        behind = any(folder in links for folder in _with_folders(name) if folder != name)
        if stays_within(name, to) and name not in taken and not behind:
            info = tarfile.TarInfo(f"{CONTEXT}/source/{name}")
            info.type, info.linkname = tarfile.SYMTYPE, to
            tar.addfile(info)


def _with_folders(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition("/")[0]


def _add(tar: tarfile.TarFile, name: str, content: BinaryIO, size: int, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, mode
    tar.addfile(info, content)
