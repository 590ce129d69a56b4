"""The sandboxes of a build: what ``rooms`` shows to its commands of source, tools and caches."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from infrastructure.local.runner import disk, privileges, rooms, variables
from infrastructure.local.runner.executor import CacheMount, Work
from infrastructure.local.runner.launchers import Launched
from infrastructure.local.runner.rooms import SOURCE, TEMPORARY, Bind, Room
from infrastructure.local.runner.toolchains import caches

HOME = PurePosixPath("/home/build")


class Bubblewrap:
    """The sandboxes of one run, one a command; they share source, home and temporary folder.

    Raises SandboxUnavailable where bubblewrap is not installed.
    """

    def __init__(self, work: Work, marker: str) -> None:
        self._work, self._marker = work, marker
        self._etc: tuple[Bind, ...] = ()
        self._owner = privileges.owner()
        rooms.program()

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
        room = await asyncio.to_thread(self._room, folder, is_build)
        return await rooms.launch(room, command)

    def _make_folders(self) -> None:
        work = self._work
        for folder in self._own_folders():
            folder.mkdir(mode=0o755, exist_ok=True)
        self._etc = rooms.write_etc(work.scratch / "etc", "build", HOME)
        if self._owner is not None:
            mounted = (mount.folder for mount in work.caches)
            for folder in (work.source, *self._own_folders(), *work.tools.writable, *mounted):
                disk.give(folder, self._owner)

    def _own_folders(self) -> tuple[Path, Path, Path]:
        scratch = self._work.scratch
        return scratch / "home", scratch / "tmp", scratch / "shm"

    def _room(self, folder: str, is_build: bool) -> Room:
        mounts = [mount for mount in self._work.caches if self._fits(mount, is_build)]
        bounds = self._work.job.bounds
        return Room(
            host="build",
            binds=tuple(self._binds(mounts)),
            environment=self._environment(mounts, is_build),
            directory=SOURCE / folder,
            processes=bounds.processes,
            file_bytes=bounds.disk_bytes,
            marker=self._marker,
        )

    def _binds(self, mounts: list[CacheMount]) -> Iterator[Bind]:
        work = self._work
        home, temporary, shared = self._own_folders()
        yield from self._etc
        # In memory it would escape the bound on memory.
        yield Bind(shared, "/dev/shm", is_writable=True)  # noqa: S108
        yield Bind(temporary, str(TEMPORARY), is_writable=True)
        yield Bind(home, str(HOME), is_writable=True)
        yield Bind(work.source, str(SOURCE), is_writable=True)
        for path in work.tools.folders:
            yield Bind(path, str(path))
        for path in work.tools.writable:
            yield Bind(path, str(path), is_writable=True)
        for mount in mounts:
            yield Bind(mount.folder, str(SOURCE / mount.target), is_writable=True)

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
