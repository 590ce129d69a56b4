"""Ties a child process to its parent. Standard library only: installing uses it too."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def follow_parent(death_signal: int) -> Callable[[], None]:
    """What a child does between fork and exec, so that it ends when its parent does.

    On Linux the kernel sends the signal once the thread that forked is gone. Elsewhere what a
    killed parent leaves is found by its record (``process.Records``).
    """
    parent = os.getpid()

    def prepare() -> None:
        # A shell that runs us in the background has SIGINT ignored; a child must see it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:
            os._exit(1)

    return prepare
