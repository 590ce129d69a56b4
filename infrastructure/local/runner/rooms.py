"""One command in bubblewrap: a root of its own with the system's programs, and what it is given.

Nothing else of the machine is there: not the platform, its state, its sockets or what belongs to
another. The network is the machine's: builds reach package registries, servers are reached. All
options go through a file descriptor, so that no list of processes shows the values of variables.
What builds are given stands in ``bubblewrap``, what servers are given in ``workloads``.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import psutil

from infrastructure.local.runner import privileges, processes, variables
from infrastructure.local.runner.executor import SandboxUnavailable
from infrastructure.local.runner.folders import MARKER
from infrastructure.local.runner.launchers import Launched, Pipes, limited, spawn

SOURCE, TEMPORARY = PurePosixPath("/app"), PurePosixPath("/tmp")  # noqa: S108
_TOPS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_OF_ETC = (
    *("ssl", "pki", "ca-certificates", "ca-certificates.conf", "alternatives", "fonts"),
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "protocols"),
    *("services", "magic", "debian_version", "os-release"),
)
_NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"


@dataclass(frozen=True, slots=True)
class Bind:
    """A path of this machine at a place in the sandbox."""

    path: Path
    place: str
    is_writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What one command finds in its sandbox, and which bounds the kernel holds it to.

    ``marker`` names whose it is to whoever looks from outside.
    """

    host: str
    binds: tuple[Bind, ...]
    environment: Mapping[str, str]
    directory: PurePosixPath
    processes: int
    file_bytes: int
    marker: str


def program() -> str:
    """Where bubblewrap is; raises SandboxUnavailable."""
    found = shutil.which("bwrap")
    if found is None:
        raise SandboxUnavailable("bubblewrap (bwrap) is not installed")
    return found


async def launch(room: Room, command: str) -> Launched:
    """``sh -c`` in a sandbox of its own; raises SandboxUnavailable where none can be made."""
    bwrap = program()
    options = await asyncio.to_thread(_options, bwrap, room)
    is_staged = privileges.owner() is not None
    pipes, (status, told) = Pipes(), os.pipe()
    given = _memory_file("\0".join([*options, "--json-status-fd", str(told)]))
    try:
        process = await spawn(
            [bwrap, "--args", str(given), "--", *limited(room.processes), command],
            environment={"PATH": variables.SYSTEM_PATH, MARKER: room.marker},
            directory=Path("/"),
            pipes=pipes,
            prepare=privileges.prepare(
                room.file_bytes, [bind.path for bind in room.binds] if is_staged else ()
            ),
            descriptors=(given, told),
        )
    except BaseException:
        os.close(status)
        raise
    finally:
        os.close(given)
        os.close(told)
    return await _launched(process, status, pipes)


def write_etc(folder: Path, user: str, home: PurePosixPath) -> tuple[Bind, ...]:
    """The files of a machine of its own, whose one user is called that."""
    folder.mkdir(mode=0o755, exist_ok=True)
    files = {
        "passwd": f"root:x:0:0:root:/root:/bin/sh\n{user}:x:1000:1000:{user}:{home}:/bin/sh\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
        "group": f"root:x:0:\n{user}:x:1000:\nnogroup:x:65534:\n",
        "hosts": f"127.0.0.1 localhost {user}\n::1 localhost ip6-localhost\n",
        "nsswitch.conf": _NSSWITCH,
        "resolv.conf": _text(Path("/etc/resolv.conf")),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return tuple(Bind(folder / name, f"/etc/{name}") for name in files)


def _options(bwrap: str, room: Room) -> list[str]:
    """All of them but for their own descriptor."""
    words = [
        *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
        *("--unshare-cgroup-try", "--uid", "1000", "--gid", "1000", "--hostname", room.host),
        *("--die-with-parent", "--new-session", *_further(bwrap)),
        *_system(),
        *("--proc", "/proc", "--dev", "/dev"),
    ]
    is_staged = privileges.owner() is not None
    for index, bind in enumerate(room.binds):
        path = privileges.staged(index) if is_staged else bind.path
        words += ["--bind" if bind.is_writable else "--ro-bind", str(path), bind.place]
    words += ["--remount-ro", "/dev", "--remount-ro", "/", "--unsetenv", MARKER]
    for name, value in room.environment.items():
        words += ["--setenv", name, value]
    return [*words, "--chdir", str(room.directory)]


async def _launched(process: asyncio.subprocess.Process, status: int, pipes: Pipes) -> Launched:
    report = _Report(status)
    first = await report.line()
    top = int(first["child-pid"]) if first else None

    async def end() -> None:
        if top is not None:
            await _end(top)
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        report.close()

    async def ended() -> int:
        await process.wait()
        last = await report.line()
        if last is None or "exit-code" not in last:
            await end()
            if process.returncode == -signal.SIGKILL:
                return 128 + signal.SIGKILL
            raise SandboxUnavailable(_words(pipes.stderr[0], process.returncode))
        return int(last["exit-code"])

    def members() -> list[psutil.Process]:
        return processes.glance(top) if top is not None else []

    return Launched(top, ended(), pipes.stdout[0], pipes.stderr[0], members, end)


class _Report:
    """What bubblewrap tells of itself: a line when it starts, one when the command has ended."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "rb")

    async def line(self) -> dict[str, int] | None:
        found = await asyncio.to_thread(self._file.readline)
        return json.loads(found) if found else None

    def close(self) -> None:
        self._file.close()


async def _end(top: int) -> None:
    """Kill the first process of a sandbox, and with it, by the kernel, all others in it."""
    try:
        watched = os.pidfd_open(top)
    except ProcessLookupError:
        return
    try:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(watched, signal.SIGKILL)
        # It is only told to be dead once everything in its namespace is.
        await _readable(watched)
    finally:
        os.close(watched)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    happened = asyncio.Event()
    loop.add_reader(descriptor, happened.set)
    try:
        await happened.wait()
    finally:
        loop.remove_reader(descriptor)


def _memory_file(text: str) -> int:
    descriptor = os.memfd_create("options")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _system() -> Iterator[str]:
    """Programs and libraries, and of /etc what they need; nobody's secrets lie there."""
    yield from ("--ro-bind", "/usr", "/usr")
    for name in _TOPS:
        path = Path("/", name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.is_dir():
            yield from ("--ro-bind", str(path), str(path))
    for name in _OF_ETC:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")


def _further(program: str) -> tuple[str, ...]:
    """What newer versions can do besides: no sandbox within the sandbox."""
    return ("--disable-userns",) if "--disable-userns" in _help(program) else ()


@cache
def _help(program: str) -> str:
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""  # a machine without it has no network either


def _words(descriptor: int, code: int | None) -> str:
    """Why bubblewrap could not begin, in its own words."""
    os.set_blocking(descriptor, False)
    try:
        said = os.read(descriptor, 2000).decode("utf-8", "replace").strip()
    except BlockingIOError:
        said = ""
    return f"bubblewrap does not work here ({said or f'it ended with code {code}'})"
