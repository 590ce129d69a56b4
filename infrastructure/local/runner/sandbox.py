"""The executor ``sandbox``: commands of this machine, hidden from it by bubblewrap.

Where bubblewrap does not work, commands run without a sandbox on a machine of one's own, and
nowhere else.
"""

import asyncio
import posixpath
from collections.abc import Iterator
from pathlib import Path

from infrastructure.local.runner.bounds import (
    Crossed,
    DiskMeter,
    KernelKills,
    Watch,
    log_too_large,
    out_of_memory,
)
from infrastructure.local.runner.bubblewrap import Bubblewrap
from infrastructure.local.runner.executor import Built, LogTooLarge, SandboxUnavailable, Work
from infrastructure.local.runner.launchers import Bare, Launched, Launcher, stream
from shared.builders.port import BuildSpec, Phase

_PIECE = 64 * 1024
_NOT_FOUND = 127


class Sandbox:
    """Runs the commands of one build after the other, each in a sandbox of its own."""

    def __init__(self, *, is_local: bool, marker: str) -> None:
        self._is_local, self._marker = is_local, marker

    async def build(self, work: Work) -> Built:
        """Run ignore, install and build; raises SandboxUnavailable."""
        launcher: Launcher | None = None
        folders = (work.source, work.scratch, *work.tools.writable)
        meter = await asyncio.to_thread(DiskMeter, folders, work.job.bounds.disk_bytes)
        for phase, command, folder in _steps(work.job.spec):
            launcher = launcher or await self._launcher(work)
            work.log.begin(phase)
            work.log.say(f"$ {command}")
            launched = await launcher.launch(command, folder, is_build=phase == "build")
            done = await _Phase(work, phase, meter).run(launched)
            if done is not None:
                return done
        return Built(output=output_folder(work))

    async def _launcher(self, work: Work) -> Launcher:
        try:
            sandbox = Bubblewrap(work, self._marker)
            await sandbox.prepare()
        except SandboxUnavailable as error:
            if not self._is_local:
                raise
            work.log.say(
                f"Warning: there is no sandbox on this machine: {error}. The commands run as your"
                " own user and can read its files. Install bubblewrap to keep them apart."
            )
            return Bare(work, self._marker)
        return sandbox


def _steps(spec: BuildSpec) -> Iterator[tuple[Phase, str, str]]:
    """Phase, command and folder of whatever the spec has."""
    if spec.ignore:
        yield "ignore", spec.ignore, spec.root
    if spec.install:
        yield "install", spec.install, spec.install_directory
    if spec.build:
        yield "build", spec.build, spec.root


def output_folder(work: Work) -> Path | None:
    """Where the site should be by now; None where none is published."""
    spec = work.job.spec
    if spec.kind != "static":
        return None
    return work.source / posixpath.normpath(posixpath.join(spec.root, spec.output or "."))


class _Phase:
    """One command from start to end, within its bounds."""

    def __init__(self, work: Work, phase: Phase, meter: DiskMeter) -> None:
        self._work, self._phase, self._meter = work, phase, meter
        self._crossed: asyncio.Future[Crossed] = asyncio.get_running_loop().create_future()
        self._kills = KernelKills()

    async def run(self, launched: Launched) -> Built | None:
        """How it ended, where that ends the build; nothing of it is alive then."""
        bounds = self._work.job.bounds
        ended = asyncio.ensure_future(launched.ended)
        watching = asyncio.ensure_future(
            Watch(bounds, self._meter, launched.members).until_crossed()
        )
        reading = asyncio.gather(
            self._read(launched.stdout, "stdout"), self._read(launched.stderr, "stderr")
        )
        try:
            await asyncio.wait(
                (ended, watching, self._crossed), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            await asyncio.shield(launched.end())
            watching.cancel()
            # Nothing writes any more, so both streams have an end.
            await asyncio.gather(reading, ended, watching, return_exceptions=True)
        if watching.done() and not watching.cancelled():
            return self._stopped(watching.result())
        reading.result()
        if self._crossed.done():
            return self._stopped(self._crossed.result())
        if late := await asyncio.to_thread(self._meter.look):
            return self._stopped(late)
        return self._judge(ended.result())

    async def _read(self, descriptor: int, name: str) -> None:
        reader, transport = await stream(descriptor)
        try:
            while data := await reader.read(_PIECE):
                self._work.log.write(data, name)
        except LogTooLarge:
            if not self._crossed.done():
                self._crossed.set_result(log_too_large(self._work.job.bounds))
        finally:
            transport.close()

    def _stopped(self, crossed: Crossed) -> Built:
        return Built(phase=self._phase, reason=crossed.reason, detail=crossed.detail)

    def _judge(self, code: int) -> Built | None:
        if self._phase == "ignore":
            return self._ignored() if code == 0 else None
        if code == 0:
            return None
        if self._kills.happened():
            crossed = out_of_memory(self._work.job.bounds)
            return Built(
                phase=self._phase, exit_code=code, reason=crossed.reason, detail=crossed.detail
            )
        detail = f"The {self._phase} command ended with exit code {code}."
        if code == _NOT_FOUND:
            detail += " A program that it calls is not there."
        return Built(phase=self._phase, exit_code=code, reason="command", detail=detail)

    def _ignored(self) -> Built:
        detail = "The ignore command ended with exit code 0, so this revision is not deployed."
        return Built(phase="ignore", exit_code=0, reason="ignored", detail=detail)
