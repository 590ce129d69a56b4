"""Installs something once for all builds: aside, under a lock, then renamed into its place.

A folder that is there is complete. What was killed in between lies aside under a name of its own
and is swept by the next one that installs the same.
"""

import asyncio
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

_POLL_SECONDS = 0.05


async def installed(final: Path, make: Callable[[Path], Awaitable[None]]) -> bool:
    """Have ``make`` fill a folder that becomes ``final``; whether it had to be made."""
    if final.exists():
        return False
    final.parent.mkdir(parents=True, exist_ok=True)
    async with locked(final.with_name(f".{final.name}.lock")):
        if final.exists():
            return False
        for old in final.parent.glob(f".{final.name}.new-*"):
            await asyncio.to_thread(shutil.rmtree, old, ignore_errors=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{final.name}.new-", dir=final.parent))
        try:
            await make(aside)
            await asyncio.to_thread(_make_readable, aside)
            aside.rename(final)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
    return True


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold a lock that other processes take, too; the kernel frees it when its holder dies."""
    with path.open("w") as file:
        # Asked again and again: a thread that blocks in flock could not be canceled.
        while not try_lock(file):  # noqa: ASYNC110 - other processes signal no event
            await asyncio.sleep(_POLL_SECONDS)
        yield


def try_lock(file: IO[str]) -> bool:
    """Take the lock of an open file if nobody has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make_readable(folder: Path) -> None:
    """For everybody, as a sandbox may run its commands as another user.

    Files can be links into a cache of the installer that others share, so only what is not yet
    right is touched.
    """
    for where, _, files in os.walk(folder):
        _allow(Path(where), 0o755)
        for name in files:
            path = Path(where, name)
            if not path.is_symlink():
                mode = path.stat().st_mode
                _allow(path, 0o755 if mode & stat.S_IXUSR else 0o644)


def _allow(path: Path, wanted: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & wanted != wanted:
        path.chmod(mode | wanted)
