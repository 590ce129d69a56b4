"""Where a replica's processes run: its own copy of the app, and a sandbox around it.

A server may write into its own folder, as it may in a container, and what it writes is gone with
it. Packages (``node_modules`` and environments of Python) are shown from the bundle and cannot be
written; all else is copied, unless it is too much: then the whole app is read-only.
"""

import asyncio
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil

from infrastructure.local.runner import disk, privileges, processes, rooms
from infrastructure.local.runner.bundles import Bundle, BundleMissing
from infrastructure.local.runner.executor import SandboxUnavailable
from infrastructure.local.runner.folders import MARKER
from infrastructure.local.runner.launchers import Launched, Pipes, spawn
from infrastructure.local.runner.rooms import SOURCE, TEMPORARY, Bind, Room
from infrastructure.local.runner.workloads.variables import of_server
from shared.clusters.port import ReplicaBounds, Workload
from shared.sites.models import MIB

HOME = PurePosixPath("/home/app")
COPIED_BYTES, COPIED_FILES = 256 * MIB, 20_000
"""Most that is copied of an app at each start of a replica."""
_PACKAGES = "node_modules"
_MOST_MOUNTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One replica's or task's own folder, what it is made from and what may be used there."""

    folder: Path
    bundle: Bundle
    workload: Workload
    port: int | None
    allow_bare: bool

    @property
    def bounds(self) -> ReplicaBounds:
        return self.workload.bounds

    @property
    def written(self) -> tuple[Path, ...]:
        """The folders that its processes may write."""
        return tuple(self.folder / name for name in ("app", "home", "tmp", "shm"))


@dataclass(frozen=True, slots=True)
class Started:
    """A command at work; ``warning`` is for the log."""

    launched: Launched
    warning: str = ""


async def start(place: Place, command: str) -> Started:
    """Make the folder and start a command in it.

    Raises SandboxUnavailable or BundleMissing.
    """
    await asyncio.to_thread(_check_tools, place.bundle)
    copied = await asyncio.to_thread(_make_folders, place)
    warning = (
        ""
        if copied
        else "The app is too large to be copied for each replica, so its folder is read-only:"
        " write to /tmp or to $HOME."
    )
    try:
        room = await asyncio.to_thread(_room, place, copied)
        return Started(await rooms.launch(room, command), warning)
    except SandboxUnavailable as error:
        if not place.allow_bare:
            raise
        said = f"Warning: this server has no sandbox, it can read your files: {error}"
        return Started(await _bare(place, command, copied), said)


def _check_tools(bundle: Bundle) -> None:
    """Raises BundleMissing where what the build has used is there no more."""
    for path in (bundle.tree, *bundle.manifest.folders):
        if not path.exists():
            raise BundleMissing(f"{path.name} of the bundle {bundle.path.name} is gone")


def _make_folders(place: Place) -> bool:
    """Whether the app could be copied."""
    disk.remove(place.folder)
    for folder in place.written:
        folder.mkdir(mode=0o755, parents=True)
    copied = _copy(place.bundle.tree, place.folder / "app")
    if not copied:
        disk.remove(place.folder / "app")
        (place.folder / "app").mkdir(mode=0o755)
    if (owner := privileges.owner()) is not None:
        for folder in place.written:
            disk.give(folder, owner)
    return copied


def _room(place: Place, copied: bool) -> Room:
    bundle = place.bundle
    app = SOURCE / bundle.manifest.root
    etc = rooms.write_etc(place.folder / "etc", "app", HOME)
    return Room(
        host="app",
        binds=(*etc, *_binds(place, copied)),
        environment=of_server(
            place.workload, bundle, app=app, home=HOME, temporary=TEMPORARY, port=place.port
        ),
        directory=app,
        processes=place.bounds.processes,
        file_bytes=place.bounds.disk_bytes,
        marker=str(place.folder),
    )


def _binds(place: Place, copied: bool) -> Iterator[Bind]:
    app, home, temporary, shared = place.written
    bundle = place.bundle
    # In memory it would escape the bound on memory.
    yield Bind(shared, "/dev/shm", is_writable=True)  # noqa: S108
    yield Bind(temporary, str(TEMPORARY), is_writable=True)
    yield Bind(home, str(HOME), is_writable=True)
    if copied:
        yield Bind(app, str(SOURCE), is_writable=True)
        for path in _packages(bundle.tree):
            yield Bind(path, str(SOURCE / path.relative_to(bundle.tree)))
    else:
        yield Bind(bundle.tree, str(SOURCE))
    for path in bundle.manifest.folders:
        yield Bind(path, str(path))
    for moved in bundle.manifest.moved:
        yield Bind(bundle.path / moved.name, str(moved.place))


def _packages(tree: Path) -> list[Path]:
    """The topmost folders of packages; links are not followed."""
    found: list[Path] = []
    for top, folders, _ in os.walk(tree):
        if _PACKAGES in folders:
            folders.remove(_PACKAGES)
            path = Path(top, _PACKAGES)
            if not path.is_symlink():
                found.append(path)
    return found


def _copy(tree: Path, target: Path) -> bool:
    """Everything but packages, in whose place there is an empty folder; False if it is too much."""
    packages = _packages(tree)
    if len(packages) > _MOST_MOUNTS:
        return False
    left = [COPIED_BYTES, COPIED_FILES]
    for top, folders, files in os.walk(tree):
        place = target / Path(top).relative_to(tree)
        for name in list(folders):
            path = Path(top, name)
            if path.is_symlink():
                (place / name).symlink_to(path.readlink())
                folders.remove(name)
                continue
            (place / name).mkdir(mode=0o755)
            if name == _PACKAGES:
                folders.remove(name)
        for name in files:
            found = Path(top, name).lstat()
            left = [left[0] - found.st_size, left[1] - 1]
            if min(left) < 0:
                return False
            _copy_file(Path(top, name), place / name, found)
    return True


def _copy_file(path: Path, target: Path, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        target.symlink_to(path.readlink())
    elif stat.S_ISREG(found.st_mode):
        # Pipes and devices of a build are no part of an app, and reading one could wait for ever.
        shutil.copyfile(path, target)
        target.chmod(stat.S_IMODE(found.st_mode) & 0o777 | 0o600)


async def _bare(place: Place, command: str, copied: bool) -> Launched:
    """A plain process of our own user; its packages are links to the bundle's."""
    bundle = place.bundle
    app, home, temporary, _ = place.written
    if copied:
        for path in _packages(bundle.tree):
            link = app / path.relative_to(bundle.tree)
            link.rmdir()
            link.symlink_to(path)
    folder = (app if copied else bundle.tree) / bundle.manifest.root
    environment = of_server(
        place.workload,
        bundle,
        app=PurePosixPath(folder),
        home=PurePosixPath(home),
        temporary=PurePosixPath(temporary),
        port=place.port,
    )
    pipes = Pipes()
    process = await spawn(
        ["sh", "-c", command],
        environment={**environment, "PWD": "", MARKER: str(place.folder)},
        directory=folder,
        pipes=pipes,
        prepare=privileges.prepare(place.bounds.disk_bytes),
    )

    def members() -> list[psutil.Process]:
        return _members(process.pid, str(place.folder), processes.glance)

    async def end() -> None:
        marker = str(place.folder)
        while found := await asyncio.to_thread(_members, process.pid, marker, processes.tree):
            for one in found:
                with suppress(psutil.NoSuchProcess):
                    one.kill()
            await asyncio.sleep(processes.POLL_SECONDS)
        await process.wait()

    return Launched(process.pid, process.wait(), pipes.stdout[0], pipes.stderr[0], members, end)


def _members(
    pid: int, marker: str, below: Callable[[int], list[psutil.Process]]
) -> list[psutil.Process]:
    """A process and all below it, and whatever of it was left behind and so became our child."""
    found = below(pid)
    known = {one.pid for one in found}
    for child in processes.orphans():
        with suppress(psutil.Error, OSError):
            if child.pid not in known and child.environ().get(MARKER) == marker:
                found += below(child.pid)
    return found
