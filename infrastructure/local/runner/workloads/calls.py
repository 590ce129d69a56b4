"""Calls from one process to another, through a named pipe: look again, there is something new.

They carry nothing that has to arrive: whoever listens looks now and then anyway.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PIECE = 64 * 1024


@contextmanager
def listening(pipe: Path, called: Callable[[bytes], object]) -> Iterator[None]:
    """Hear what comes through a pipe; it is made where there is none."""
    with suppress(FileExistsError):
        os.mkfifo(pipe, 0o600)
    # Ours to write, too: without a writer it would be readable without end.
    descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    loop = asyncio.get_running_loop()

    def read() -> None:
        with suppress(BlockingIOError):
            called(os.read(descriptor, _PIECE))

    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def call(pipe: Path, words: bytes = b"!") -> bool:
    """Call whoever listens; False where nobody does."""
    try:
        descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        with suppress(BlockingIOError):  # full of calls: it will look anyway
            os.write(descriptor, words)
    finally:
        os.close(descriptor)
    return True
