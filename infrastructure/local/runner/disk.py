"""Folders that others have filled: how large they are, whose they are, and how they go away."""

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path


def used(folders: Iterable[Path]) -> int:
    """Bytes on disk of everything below; what vanishes meanwhile counts nothing."""
    return sum(found.st_blocks * 512 for folder in folders for found in _below(folder))


def free(folder: Path) -> int:
    """Bytes that an ordinary user can still write on this disk."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def give(folder: Path, owner: int) -> None:
    """Let everything below belong to this user and group; links themselves, never their ends."""
    if folder.lstat().st_uid == owner:
        return
    # The top comes last: one that is given has been given whole.
    for top, folders, files in os.walk(folder, topdown=False):
        for name in (*folders, *files):
            os.chown(Path(top, name), owner, owner, follow_symlinks=False)
    os.chown(folder, owner, owner, follow_symlinks=False)


def remove(folder: Path) -> None:
    """Delete a folder whatever its permissions; one that is gone is no error."""
    with suppress(FileNotFoundError):
        try:
            shutil.rmtree(folder)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.ENOTEMPTY):
                raise
            _open_up(folder)
            shutil.rmtree(folder)


def _open_up(folder: Path) -> None:
    folder.chmod(0o700)
    for top, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(top, name)
            if not path.is_symlink():
                path.chmod(0o700)


def _below(folder: Path) -> Iterator[os.stat_result]:
    stack = [str(folder)]
    while stack:
        try:
            with os.scandir(stack.pop()) as found:
                for item in found:
                    with suppress(OSError):
                        yield item.stat(follow_symlinks=False)
                        if item.is_dir(follow_symlinks=False):
                            stack.append(item.path)
        except OSError:
            continue  # deleted meanwhile, or closed by the commands themselves
