"""Python for a build: an interpreter of this machine and an environment of the run's own.

Nothing is downloaded but pip and, where a project is theirs, Poetry and Pipenv. An environment
belongs to one run; its process holds a lock on it, so what a dead one left is known and swept.
"""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from infrastructure.local.runner.executor import RunLog, Tools, ToolsUnavailable
from infrastructure.local.runner.toolchains import commands
from infrastructure.local.runner.toolchains.machine import Machine
from infrastructure.local.runner.toolchains.node import uv_program, write_launcher
from infrastructure.local.runner.toolchains.store import installed, locked, try_lock

# `pip install --group` came with 25.1.
PIP = "26.3"
MANAGERS = {"poetry": "2.5.1", "pipenv": "2026.10.3"}
_OLDEST = (3, 9)
_NEWEST_KNOWN = 14
_VERSION = re.compile(r"3\.\d{1,2}")
_ASK = "import json,sys; print(json.dumps([list(sys.version_info[:3]), sys.base_prefix]))"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python of this machine."""

    program: Path
    prefix: Path
    version: tuple[int, int, int]

    @property
    def line(self) -> str:
        """Such as 3.12."""
        return f"{self.version[0]}.{self.version[1]}"

    def folders(self) -> tuple[Path, ...]:
        """What of it a sandbox has to see; of a prefix only what is Python's."""
        if self.prefix == Path("/usr"):
            return ()
        library = self.prefix / "lib"
        shared = sorted(library.glob("libpython*"))
        wanted = [self.program.resolve(), library / f"python{self.line}", *shared]
        named = [self.prefix / "bin" / f"python{self.line}", self.program]
        return tuple(dict.fromkeys(path for path in (*named, *wanted) if path.exists()))


@dataclass(slots=True)
class PythonTools:
    """Installs below ``python``; environments of runs lie in ``python/environments``."""

    folder: Path
    machine: Machine
    _held: dict[str, IO[str]] = field(default_factory=dict)

    @property
    def environments(self) -> Path:
        """Where the environments of runs lie, each with its lock."""
        return self.folder / "python" / "environments"

    async def release(self) -> None:
        """Delete the environments of this process's runs, which have ended."""
        for key, file in list(self._held.items()):
            folder = self.environments / key
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            file.close()
            del self._held[key]

    async def prepare(self, key: str, asked: str | None, manager: str, log: RunLog) -> Tools:
        """An environment for the run of that key, with pip, uv and the project's manager."""
        interpreter = await self.interpreter(asked)
        uv = await self._uv()
        environment = await self._environment(key, interpreter, log)
        path, folders = [environment / "bin", uv / "bin"], [uv, *interpreter.folders()]
        if manager in MANAGERS:
            extra = await self._manager(manager, interpreter, log)
            path.append(extra / "bin")
            folders.append(extra)
        return Tools(
            path=tuple(path),
            folders=tuple(folders),
            writable=(environment,),
            environment=_variables(environment),
        )

    async def interpreter(self, asked: str | None) -> Interpreter:
        """The one that runs us where it fits, else the first of that version that is found."""
        line = match[0] if asked and (match := _VERSION.search(asked)) else None
        for program in _candidates(self.machine, line):
            python = await self._inspected(program)
            if python and python.version >= _OLDEST and line in {None, python.line}:
                return python
        there = sorted(await self._lines(), key=lambda text: int(text.partition(".")[2]))
        raise ToolsUnavailable(
            f"Python {line or 3} is not on this machine; there is {', '.join(there) or 'none'}."
            " Next: install it, or ask for one that is there in .python-version."
        )

    async def _lines(self) -> set[str]:
        """The Pythons that could be asked for."""
        wanted = [f"3.{minor}" for minor in range(_OLDEST[1], _NEWEST_KNOWN + 1)]
        programs = [path for line in wanted for path in _candidates(self.machine, line)]
        found = [await self._inspected(program) for program in dict.fromkeys(programs)]
        return {python.line for python in found if python and python.version >= _OLDEST}

    async def _inspected(self, program: Path) -> Interpreter | None:
        try:
            said = await commands.run(
                program.name,
                [str(program), "-I", "-c", _ASK],
                environment={"PATH": os.defpath, "HOME": str(self.machine.home)},
                directory=Path("/"),
                seconds=20,
            )
            version, prefix = json.loads(said)
        except (ToolsUnavailable, ValueError):
            return None  # a shim or a broken installation: not an interpreter
        home = Path(prefix, "bin", f"python{version[0]}.{version[1]}")
        return Interpreter(home if home.exists() else program, Path(prefix), tuple(version))

    async def _uv(self) -> Path:
        """uv alone in a folder: the one beside us lies among much that no build has to see."""
        program = Path(uv_program())
        size = program.stat().st_size
        final = self.folder / "python" / f"uv-{_installed_version('uv')}-{size}"

        async def make(aside: Path) -> None:
            (aside / "bin").mkdir()
            await asyncio.to_thread(shutil.copy2, program, aside / "bin" / "uv")

        await installed(final, make)
        return final

    async def _environment(self, key: str, interpreter: Interpreter, log: RunLog) -> Path:
        parent = self.environments
        parent.mkdir(parents=True, exist_ok=True)
        final = parent / key
        async with locked(parent.with_name(".environments.lock")):
            await asyncio.to_thread(self._sweep, parent)
            self._hold(key, parent)
        if final.is_symlink():
            final.unlink()  # a bundle of that name has taken the environment away with it
        await asyncio.to_thread(shutil.rmtree, final, ignore_errors=True)
        await self._make_environment(final, interpreter, [f"pip=={PIP}"])
        log.say(f"Python {'.'.join(map(str, interpreter.version))} with pip {PIP}.")
        return final

    async def _manager(self, name: str, interpreter: Interpreter, log: RunLog) -> Path:
        version = MANAGERS[name]
        final = self.folder / "python" / f"{name}-{version}-{interpreter.line}"
        if final.exists():
            return final

        async def make(aside: Path) -> None:
            log.say(f"Installing {name} {version}, once for all builds.")
            await self._make_environment(aside / "of", interpreter, [f"{name}=={version}"])
            (aside / "bin").mkdir()
            # Not the script itself: its first line names the folder where it was made.
            start = [str(final / "of" / "bin" / "python"), "-m", name]
            write_launcher(aside / "bin" / name, start)

        await installed(final, make)
        return final

    async def _make_environment(
        self, folder: Path, interpreter: Interpreter, packages: list[str]
    ) -> None:
        what = f"A Python environment with {', '.join(packages)}"
        variables = self.machine.for_installing()
        # Copies: a build may change what is in its environment, but not what uv keeps for others.
        variables |= {"UV_PYTHON_DOWNLOADS": "never", "UV_LINK_MODE": "copy"}
        new = ["venv", "--quiet", "--no-project", "--python", str(interpreter.program)]
        python = str(folder / "bin" / "python")
        install = ["pip", "install", "--quiet", "--no-config", "--only-binary", ":all:"]
        for words in ([*new, str(folder)], [*install, "--python", python, *packages]):
            await commands.run(
                what, [uv_program(), *words], environment=variables, directory=folder.parent
            )

    def _hold(self, key: str, parent: Path) -> None:
        """Until this process ends, or prepares the same run again."""
        if (before := self._held.pop(key, None)) is not None:
            before.close()
        file = (parent / f"{key}.lock").open("w")
        if not try_lock(file):
            file.close()
            raise ToolsUnavailable(f"Another process has the Python environment of the run {key}.")
        self._held[key] = file

    def _sweep(self, parent: Path) -> None:
        for lock in parent.glob("*.lock"):
            with lock.open("w") as file:
                if try_lock(file):
                    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                    lock.unlink()


def _variables(environment: Path) -> dict[str, str]:
    return {
        "VIRTUAL_ENV": str(environment),
        # uv would make an environment of its own in the project, of whichever Python it finds.
        "UV_PROJECT_ENVIRONMENT": str(environment),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_MANAGED_PYTHON": "1",
        "UV_LINK_MODE": "copy",
        "POETRY_VIRTUALENVS_CREATE": "false",
        "PIPENV_VERBOSITY": "-1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "PYTHONUNBUFFERED": "1",
    }


def _candidates(machine: Machine, line: str | None) -> Iterator[Path]:
    """Programs that may be a Python of that line; the one that runs us first."""
    running = Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    seen = {running}
    yield running
    name = f"python{line}" if line else "python3"
    folders = [Path(part) for part in machine.environ.get("PATH", "").split(os.pathsep) if part]
    folders += [Path("/usr/bin"), Path("/usr/local/bin"), Path("/opt/homebrew/bin")]
    pyenv = Path(machine.environ.get("PYENV_ROOT") or machine.home / ".pyenv")
    managed = machine.home / ".local" / "share" / "uv" / "python"
    folders += [path / "bin" for path in _versions_first(pyenv / "versions", line)]
    folders += sorted(managed.glob(f"cpython-{line or '3'}*/bin"), reverse=True)
    for folder in folders:
        program = folder / name
        if program.is_file() and program not in seen:
            seen.add(program)
            yield program


def _versions_first(folder: Path, line: str | None) -> list[Path]:
    found = [path for path in folder.glob(f"{line or '3'}.*") if path.is_dir()]
    numbers = {path: [int(n) for n in re.findall(r"\d+", path.name)] for path in found}
    return sorted(found, key=lambda path: numbers[path], reverse=True)


def _installed_version(package: str) -> str:
    from importlib.metadata import version

    return version(package)
