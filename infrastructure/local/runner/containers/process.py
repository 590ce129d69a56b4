"""Runs an engine so that nothing of it is alive afterwards, however we end.

On Linux it is put into a namespace of processes: when its first one ends, the kernel ends all
others, whoever they belong to and whatever they did to hide. It ends with us, too: by a signal
of the kernel to its first process.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

from infrastructure.local.parentage import follow_parent
from infrastructure.local.runner.containers.bounds import Bounds
from infrastructure.local.runner.containers.groups import Group

_SPACE = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
_CHUNK = 64 * 1024
_END_SECONDS = 20.0
_LAST_SECONDS = 2.0


@lru_cache(maxsize=1)
def namespace() -> tuple[str, ...]:
    """What stands before a command to give it a namespace; empty where that does not work.

    An ordinary user's has all the users that ``/etc/subuid`` gives him, as engines need them.
    """
    program = shutil.which("unshare")
    if program is None or sys.platform != "linux":
        return ()
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user", "--map-auto")
    words = (program, *user, *_SPACE)
    try:
        done = subprocess.run([*words, "true"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return ()
    return words if done.returncode == 0 else ()


def identity() -> Mapping[str, str]:
    """Tells an engine in such a namespace which ordinary user it works for."""
    if os.geteuid() == 0 or not namespace():
        return {}
    return {
        "_CONTAINERS_USERNS_CONFIGURED": "done",
        "_CONTAINERS_ROOTLESS_UID": str(os.getuid()),
        "_CONTAINERS_ROOTLESS_GID": str(os.getgid()),
    }


async def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    take: Callable[[bytes], None],
    group: Group | None = None,
    bounds: Bounds | None = None,
    with_output: bool = False,
) -> int:
    """The exit code of a command whose standard error was handed on as it came.

    ``with_output``: its standard output, too.

    Raises what ``take`` or ``bounds`` raise; then, and when canceled, it has been ended.
    """
    # A pipe of our own: asyncio's has to be read to its end before a process counts as ended.
    ours, theirs = os.pipe()
    stream, transport = await _reader(ours)
    try:
        process = await asyncio.create_subprocess_exec(
            *namespace(),
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=theirs if with_output else asyncio.subprocess.DEVNULL,
            stderr=theirs,
            env={**environment, **identity()},
            cwd=directory,
            start_new_session=True,
            preexec_fn=_prepare(group),
        )
    except BaseException:
        transport.close()
        raise
    finally:
        os.close(theirs)
    reading = asyncio.create_task(_read(stream, take))
    ended = asyncio.create_task(process.wait())
    tasks: set[asyncio.Task[None] | asyncio.Task[int]] = {reading, ended}
    if bounds:
        tasks.add(asyncio.create_task(bounds.watch(process.pid)))
    try:
        pending = set(tasks)
        while not ended.done():
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        # What it left running, where there is no namespace, may hold its output open for ever.
        await asyncio.wait({reading}, timeout=_LAST_SECONDS)
        if reading.done():
            reading.result()
        return ended.result()
    finally:
        for task in tasks - {ended}:
            task.cancel()
        await _whole(_end(process, group))
        transport.close()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Await something to its end, also when canceled meanwhile, and be canceled then."""
    task, canceled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            canceled = True
    task.result()
    if canceled:
        raise asyncio.CancelledError


def _prepare(group: Group | None) -> Callable[[], None]:
    follow, join = follow_parent(signal.SIGKILL), group.join() if group else None

    def prepare() -> None:
        follow()
        if join:
            join()

    return prepare


async def _reader(descriptor: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    stream = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(descriptor, "rb", 0)
    )
    return stream, transport


async def _read(stream: asyncio.StreamReader, take: Callable[[bytes], None]) -> None:
    while data := await stream.read(_CHUNK):
        take(data)


async def _end(process: asyncio.subprocess.Process, group: Group | None) -> None:
    """Kill it with all below it, and wait until they are gone."""
    members: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        members = psutil.Process(process.pid).children(recursive=True)
    for member in members:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    if group:
        group.end()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    await asyncio.to_thread(psutil.wait_procs, members, _END_SECONDS)
