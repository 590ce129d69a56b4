"""Unpacks a source for a build: every regular file, dot files too, then links that stay within."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from infrastructure.local.runner.executor import RunLog
from shared.builders.port import BuildJob
from shared.errors import AstroCloudError
from shared.sites.archive import read_source
from shared.sites.archive.links import stays_within
from shared.sites.errors import DuplicateEntry, EmptyArchive, FileFolderCollision, shown
from shared.sites.models import MIB, SiteLimits

LIMITS = SiteLimits(
    archive_bytes=2048 * MIB,
    files=100_000,
    bytes=4096 * MIB,
    file_bytes=1024 * MIB,
    ratio_free_bytes=64 * MIB,
)
"""Wider than a site's: what of it is published is bounded again."""
_MANY_LINKS = 5


def unpack(job: BuildJob, archive: Path, target: Path, log: RunLog) -> None:
    """Fill the empty folder ``target``; raises an AstroCloudError that says what is refused."""
    links: dict[str, str] = {}
    count = 0
    made = {target}
    with archive.open("rb") as file:
        for entry, pieces in read_source(file, job.source_format, LIMITS, job.source_root):
            if entry.target is not None:
                links[entry.name] = entry.target
                continue
            mode = 0o755 if entry.is_executable else 0o644
            _write(target / entry.name, pieces, mode, entry.name, made)
            count += 1
    if not count:
        where = f" in {shown(job.source_root)}" if job.source_root else ""
        raise EmptyArchive(f"The source holds no file{where}: send the project's folder")
    _make_links(target, links, log)


def _write(path: Path, pieces: Iterator[bytes], mode: int, name: str, made: set[Path]) -> None:
    try:
        _make_folder(path.parent, made)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, mode)
    except (FileExistsError, NotADirectoryError) as error:
        raise _collision(path, name) from error
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        for piece in pieces:
            file.write(piece)


def _make_folder(path: Path, made: set[Path]) -> None:
    if path not in made:
        _make_folder(path.parent, made)
        path.mkdir(mode=0o755, exist_ok=True)
        made.add(path)


def _collision(path: Path, name: str) -> AstroCloudError:
    if path.is_file():
        return DuplicateEntry(f"{shown(name)} is in the archive twice: keep one of them")
    return FileFolderCollision(f"{shown(name)} is a file and also a folder: rename one")


def _make_links(target: Path, links: dict[str, str], log: RunLog) -> None:
    """Links come last, so that nothing was ever written through one."""
    skipped = [name for name, to in links.items() if not _make_link(target, name, to)]
    if skipped:
        named = ", ".join(shown(name) for name in skipped[:_MANY_LINKS])
        more = f" and {len(skipped) - _MANY_LINKS} more" if len(skipped) > _MANY_LINKS else ""
        log.say(f"Left out links that lead out of the source or nowhere: {named}{more}.")


def _make_link(target: Path, name: str, to: str) -> bool:
    if not stays_within(name, to):
        return False
    *folders, last = name.split("/")
    try:
        with ExitStack() as opened:
            parent = _open(target, None, opened)
            for part in folders:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=parent)
                parent = _open(part, parent, opened)
            os.symlink(to, last, dir_fd=parent)
    except (OSError, ValueError):
        # Its folder is a link itself, its name is taken, or where it leads is no name at all.
        return False
    return True


def _open(path: Path | str, parent: int | None, opened: ExitStack) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, dir_fd=parent)
    opened.callback(os.close, descriptor)
    return descriptor
