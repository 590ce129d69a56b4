"""The executor of the embedded stack: each command a process tree of its own, sandboxed.

What starts and ends a tree stands in ``launchers`` and ``bubblewrap``, what watches it in
``bounds``; here is the order of things.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infrastructure.local.runner import bounds, bundles, output
from infrastructure.local.runner.bounds import Crossed, DiskMeter, KernelKills, Watch
from infrastructure.local.runner.bubblewrap import Bubblewrap
from infrastructure.local.runner.executor import (
    Built,
    LogTooLarge,
    RunLog,
    SandboxUnavailable,
    Work,
)
from infrastructure.local.runner.launchers import Bare, Launched, Launcher
from infrastructure.local.runner.toolchains.packages import has_development, install_command
from shared.builders.dockerfiles.images import is_python
from shared.builders.dockerfiles.languages import prune_of, without_development
from shared.builders.port import Phase

_PIECE = 256 * 1024
_KILLED = 137


@dataclass(frozen=True, slots=True)
class _Command:
    """``is_build``: it finds the programs of packages, and what the framework keeps beside them."""

    phase: Phase
    shown: str
    run: str
    folder: str
    is_build: bool = False


class Sandbox:
    """Runs the commands of one build after another; ``marker`` names the run to whoever looks.

    With ``allow_bare`` a machine without bubblewrap builds without a sandbox, and says so. A
    dynamic build leaves its bundle below ``bundles``.
    """

    def __init__(self, marker: str, *, allow_bare: bool, bundles: Path) -> None:
        self._marker = marker
        self._allow_bare = allow_bare
        self._bundles = bundles

    async def build(self, work: Work) -> Built:
        """Run ignore, install and build; nothing of them is alive when this ends."""
        if work.job.spec.dockerfile:
            return _needs_containers(work.job.spec.dockerfile)
        launcher = await self._launcher(work)
        app = work.source / work.job.spec.root
        before = output.folders(app)
        folders = (work.source, work.scratch, *work.tools.writable)
        meter = await asyncio.to_thread(DiskMeter, folders, work.job.bounds.disk_bytes)
        last: Phase | None = None
        for command in _commands(work):
            if command.phase != last:
                work.log.begin(command.phase)
            last = command.phase
            if built := await _phase(work, launcher, meter, command):
                return built
        if work.job.image:
            built = await asyncio.to_thread(bundles.leave, self._bundles, work)
            return replace(built, phase=last)
        folder = app / (work.job.spec.output or ".")
        try:
            output.relative_to(folder, work.source)
        except output.OutputRefused as error:
            return Built(phase=last, reason=error.reason, detail=error.detail)
        if not folder.is_dir():
            detail = output.missing(work.job.spec, app, before)
            return Built(phase=last, reason="output_missing", detail=detail)
        return Built(output=folder, phase=last, exit_code=0)

    async def _launcher(self, work: Work) -> Launcher:
        try:
            sandbox = Bubblewrap(work, self._marker)
            await sandbox.prepare()
        except SandboxUnavailable as error:
            if not self._allow_bare:
                raise
            work.log.say(f"Warning: this build has no sandbox, it can read your files: {error}")
            return Bare(work, self._marker)
        return sandbox


def _needs_containers(dockerfile: str) -> Built:
    return Built(
        reason="needs_containers",
        detail=f"{dockerfile} has to be built with containers, and this builder runs commands as"
        " processes. Next: set ASTROCLOUD_RUNNER=containers and a cluster that runs images, or"
        " leave the Dockerfile out and give the install, build and start commands.",
    )


def _commands(work: Work) -> Iterator[_Command]:
    """One after another, so that what stands in the source is looked at when its turn comes."""
    spec, is_server = work.job.spec, bool(work.job.image)
    if spec.ignore:
        yield _Command("ignore", spec.ignore, spec.ignore, spec.root)
    install = without_development(spec) if is_server and is_python(spec) else spec.install
    if install:
        run = install_command(work.job, work.source) or install
        yield _Command("install", install, run, spec.install_directory)
    if spec.build:
        yield _Command("build", spec.build, spec.build, spec.root, is_build=True)
    prune = prune_of(spec) if is_server else None
    if prune is not None and has_development(work.job, work.source):
        phase: Phase = "build" if spec.build else "install"
        yield _Command(phase, prune.words, prune.command, spec.install_directory)


async def _phase(
    work: Work, launcher: Launcher, meter: DiskMeter, command: _Command
) -> Built | None:
    """One command to its end; None where the next one comes."""
    work.log.say(f"$ {command.shown}")
    kills = KernelKills()
    launched = await launcher.launch(command.run, command.folder, is_build=command.is_build)
    try:
        code, crossed = await _attend(work, meter, launched)
    finally:
        await launched.end()
    if crossed is None and code == _KILLED and kills.happened():
        crossed = bounds.out_of_memory(work.job.bounds)
    if crossed is not None:
        return Built(phase=command.phase, reason=crossed.reason, detail=crossed.detail)
    if command.phase == "ignore":
        return Built(phase="ignore", exit_code=0, reason="ignored") if code == 0 else None
    if code:
        return Built(phase=command.phase, exit_code=code, reason="command")
    return None


async def _attend(
    work: Work, meter: DiskMeter, launched: Launched
) -> tuple[int | None, Crossed | None]:
    """Wait for the command's end or for a bound that is crossed, and tell its log meanwhile."""
    ended = asyncio.ensure_future(launched.ended)
    watching = asyncio.create_task(Watch(work.job.bounds, meter, launched.members).until_crossed())
    telling = asyncio.ensure_future(tell_both(launched, work.log))
    try:
        waiting: set[asyncio.Future[Any]] = {ended, watching, telling}
        while not ended.done():
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if watching in done:
                return None, watching.result()
            if telling in done:
                telling.result()  # raises what telling raised
                waiting.discard(telling)
        await launched.end()  # whatever the command left behind would keep its pipes open
        await telling
        return ended.result(), None
    except LogTooLarge:
        return None, bounds.log_too_large(work.job.bounds)
    finally:
        await launched.end()
        for task in (ended, watching, telling):
            task.cancel()
        with suppress(asyncio.CancelledError, LogTooLarge):
            await telling
        await asyncio.gather(ended, watching, return_exceptions=True)


async def tell_both(launched: Launched, log: RunLog) -> None:
    """Everything that a command writes, to its log."""
    streams = ((launched.stdout, "stdout"), (launched.stderr, "stderr"))
    await asyncio.gather(*(_tell(pipe, log, stream) for pipe, stream in streams))


async def _tell(descriptor: int, log: RunLog, stream: str) -> None:
    """Everything that comes out of a pipe, until nobody holds its other end."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_PIECE)
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    try:
        while data := await reader.read(_PIECE):
            log.write(data, stream)
    finally:
        transport.close()
