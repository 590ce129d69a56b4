"""What a child does between fork and exec: bounds on itself, and no rights of root.

Where we are root, bubblewrap would stay root: it is started as a user of its own. The state may
lie below a home that this user cannot enter, so what the sandbox is to see is mounted first,
in a mount namespace of the child's own, where that user can.
"""

import ctypes
import os
import resource
import signal
import stat
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from infrastructure.local.parentage import follow_parent

USER = 60_989
"""Of no account; nothing else on the machine should belong to it."""
STAGE = Path("/tmp")  # noqa: S108  covered by an empty file system of the child's own
_NEW_MOUNTS = 0x20000
_NOSUID, _NODEV, _BIND, _RECURSIVE, _PRIVATE = 2, 4, 4096, 16384, 1 << 18
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def owner() -> int | None:
    """Whose the files of a sandbox have to be; None where they are ours."""
    return USER if os.geteuid() == 0 else None


def staged(index: int) -> Path:
    """Where the path of that index is mounted, after ``prepare`` as root."""
    return STAGE / str(index)


def prepare(file_bytes: int, mounts: Sequence[Path] = ()) -> Callable[[], None]:
    """For ``preexec_fn``; with ``mounts`` these paths are staged and root's rights dropped."""
    follow = follow_parent(signal.SIGKILL)

    def run() -> None:
        os.umask(0o022)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _limit(resource.RLIMIT_FSIZE, file_bytes)
        _die_first()
        if mounts:
            _stage(mounts)
            os.setgroups([])
            os.setresgid(USER, USER, USER)
            os.setresuid(USER, USER, USER)
        # Changing the user clears the wish to end with the parent, so this comes last.
        follow()

    return run


def _limit(which: int, most: int) -> None:
    _, hard = resource.getrlimit(which)
    bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (bound, bound))


def _die_first() -> None:
    """Where memory is short the kernel is to end a build, not the platform."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _stage(mounts: Sequence[Path]) -> None:
    _check(_clib().unshare(_NEW_MOUNTS))
    _mount("none", Path("/"), _RECURSIVE | _PRIVATE)
    # Opened before the stage covers what some of them may lie in.
    opened = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in mounts]
    _mount("tmpfs", STAGE, _NOSUID | _NODEV, "tmpfs", "mode=0755,size=4m")
    for index, descriptor in enumerate(opened):
        place = staged(index)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            place.mkdir()
        else:
            place.touch()
        _mount(f"/proc/self/fd/{descriptor}", place, _BIND | _RECURSIVE)


def _clib() -> ctypes.CDLL:
    if _libc is None:
        raise OSError("mount namespaces are Linux's")
    return _libc


def _mount(source: str, target: Path, flags: int, kind: str = "", data: str = "") -> None:
    done = _clib().mount(source.encode(), bytes(target), kind.encode(), flags, data.encode())
    _check(done)


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
