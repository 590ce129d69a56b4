"""Commands in bubblewrap: a root of its own with the system's programs, the source and caches.

Nothing else of the machine is there: not the platform, its state, its sockets or another build.
The network is the machine's: builds reach package registries. All options go through a file
descriptor, so that no list of processes shows the values of variables.
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

from infrastructure.local.runner import disk, privileges, processes, variables
from infrastructure.local.runner.executor import CacheMount, SandboxUnavailable, Work
from infrastructure.local.runner.folders import MARKER
from infrastructure.local.runner.launchers import Launched, Pipes, limited, spawn
from infrastructure.local.runner.toolchains import caches

SOURCE, HOME, TEMPORARY = PurePosixPath("/app"), PurePosixPath("/home/build"), PurePosixPath("/tmp")  # noqa: S108
_TOPS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_OF_ETC = (
    *("ssl", "pki", "ca-certificates", "ca-certificates.conf", "alternatives", "fonts"),
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "protocols"),
    *("services", "magic", "debian_version", "os-release"),
)
_USERS_OF_SANDBOX = """root:x:0:0:root:/root:/bin/sh
build:x:1000:1000:build:/home/build:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
"""
_GROUP = "root:x:0:\nbuild:x:1000:\nnogroup:x:65534:\n"
_HOSTS = "127.0.0.1 localhost build\n::1 localhost ip6-localhost\n"
_NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"


@dataclass(frozen=True, slots=True)
class _Bind:
    """A path of this machine at a place in the sandbox."""

    path: Path
    place: str
    is_writable: bool = False


class Bubblewrap:
    """The sandboxes of one run, one a command; they share source, home and temporary folder."""

    def __init__(self, work: Work, marker: str) -> None:
        self._work, self._marker = work, marker
        program = shutil.which("bwrap")
        if program is None:
            raise SandboxUnavailable("bubblewrap (bwrap) is not installed")
        self._program = program
        self._owner = privileges.owner()

    async def prepare(self) -> None:
        """Make the folders of the sandbox; raises SandboxUnavailable where none can be made."""
        await asyncio.to_thread(self._make_folders)
        tried = await self.launch("exit 0", "", is_build=False)
        try:
            await tried.ended
        finally:
            await tried.end()
            os.close(tried.stdout)
            os.close(tried.stderr)

    async def launch(self, command: str, folder: str, *, is_build: bool) -> Launched:
        """Start a sandbox of its own for a command."""
        options, binds = await asyncio.to_thread(self._options, folder, is_build)
        words = [*limited(self._work.job.bounds.processes), command]
        pipes, (status, told) = Pipes(), os.pipe()
        given = _memory_file("\0".join([*options, "--json-status-fd", str(told)]))
        try:
            process = await spawn(
                [self._program, "--args", str(given), "--", *words],
                environment={"PATH": variables.SYSTEM_PATH, MARKER: self._marker},
                directory=Path("/"),
                pipes=pipes,
                prepare=privileges.prepare(
                    self._work.job.bounds.disk_bytes,
                    [bind.path for bind in binds] if self._owner is not None else (),
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

    def _make_folders(self) -> None:
        work = self._work
        etc = work.scratch / "etc"
        for folder in (*self._own_folders(), etc):
            folder.mkdir(mode=0o755, exist_ok=True)
        for name, text in (
            ("passwd", _USERS_OF_SANDBOX),
            ("group", _GROUP),
            ("hosts", _HOSTS),
            ("nsswitch.conf", _NSSWITCH),
            ("resolv.conf", _text(Path("/etc/resolv.conf"))),
        ):
            (etc / name).write_text(text)
        if self._owner is not None:
            mounted = (mount.folder for mount in work.caches)
            for folder in (work.source, *self._own_folders(), *work.tools.writable, *mounted):
                disk.give(folder, self._owner)

    def _own_folders(self) -> tuple[Path, Path, Path]:
        scratch = self._work.scratch
        return scratch / "home", scratch / "tmp", scratch / "shm"

    def _options(self, folder: str, is_build: bool) -> tuple[list[str], list[_Bind]]:
        """The options but for their descriptor, and what of this machine they show."""
        mounts = [mount for mount in self._work.caches if self._fits(mount, is_build)]
        binds = list(self._binds(mounts))
        words = [
            *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
            *("--unshare-cgroup-try", "--uid", "1000", "--gid", "1000", "--hostname", "build"),
            *("--die-with-parent", "--new-session", *_further(self._program)),
            *_system(),
            *("--proc", "/proc", "--dev", "/dev"),
        ]
        for index, bind in enumerate(binds):
            path = privileges.staged(index) if self._owner is not None else bind.path
            words += ["--bind" if bind.is_writable else "--ro-bind", str(path), bind.place]
        words += ["--remount-ro", "/dev", "--remount-ro", "/", "--unsetenv", MARKER]
        for name, value in self._environment(mounts, is_build).items():
            words += ["--setenv", name, value]
        return [*words, "--chdir", str(SOURCE / folder)], binds

    def _binds(self, mounts: list[CacheMount]) -> Iterator[_Bind]:
        work = self._work
        home, temporary, shared = self._own_folders()
        for name in ("passwd", "group", "hosts", "nsswitch.conf", "resolv.conf"):
            yield _Bind(work.scratch / "etc" / name, f"/etc/{name}")
        # In memory it would escape the bound on memory.
        yield _Bind(shared, "/dev/shm", is_writable=True)  # noqa: S108
        yield _Bind(temporary, str(TEMPORARY), is_writable=True)
        yield _Bind(home, str(HOME), is_writable=True)
        yield _Bind(work.source, str(SOURCE), is_writable=True)
        for path in work.tools.folders:
            yield _Bind(path, str(path))
        for path in work.tools.writable:
            yield _Bind(path, str(path), is_writable=True)
        for mount in mounts:
            yield _Bind(mount.folder, str(SOURCE / mount.target), is_writable=True)

    def _fits(self, mount: CacheMount, is_build: bool) -> bool:
        """Caches beside the source are there for the build alone: installs replace such folders."""
        if mount.target.startswith("/"):
            return True
        if not is_build or not caches.ready(self._work.source, mount):
            return False
        if self._owner is not None:
            place = self._work.source
            for part in Path(mount.target).parts:
                place = place / part
                os.chown(place, self._owner, self._owner, follow_symlinks=False)
        return True

    def _environment(self, mounts: list[CacheMount], is_build: bool) -> Mapping[str, str]:
        found = variables.of_commands(
            self._work,
            home=HOME,
            temporary=TEMPORARY,
            caches={name: value for mount in mounts for name, value in mount.variables.items()},
        )
        return variables.with_own_programs(found, self._work, SOURCE) if is_build else found


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
        return processes.tree(top) if top is not None else []

    return Launched(ended(), pipes.stdout[0], pipes.stderr[0], members, end)


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
