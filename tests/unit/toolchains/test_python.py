"""Which Python a build gets, what of it a sandbox sees, and whose an environment is."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infrastructure.local.paths import ROOT
from infrastructure.local.runner.executor import ToolsUnavailable
from infrastructure.local.runner.toolchains.machine import Machine
from infrastructure.local.runner.toolchains.python import Interpreter, PythonTools

RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[PythonTools]:
    home = tmp_path / "home"
    home.mkdir()
    environ = {"PATH": str(tmp_path / "bin"), "HOME": str(home)}
    tools = PythonTools(tmp_path / "tools", Machine(environ, home))
    yield tools
    await tools.release()


def fake_python(folder: Path, line: str) -> Path:
    """A program that says that it is of that version."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / f"python{line}"
    version = line.replace(".", ", ")
    program.write_text(f"#!/bin/sh\necho '[[{version}, 1], \"{folder.parent}\"]'\n")
    program.chmod(0o755)
    return program


@contextmanager
def held_by_another(lock: Path) -> Iterator[None]:
    """A process that holds a lock until the end of the block."""
    text = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'w')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", text, str(lock)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"held\n"
        yield
        other.stdin.close()


async def test_the_running_python_is_taken_where_nothing_else_is_asked(tools: PythonTools) -> None:
    for asked in (None, RUNNING, f"{RUNNING}.0"):
        assert (await tools.interpreter(asked)).line == RUNNING


async def test_another_python_is_found_on_the_machine(tools: PythonTools, tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "python3.99"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n")
    broken.chmod(0o755)
    program = fake_python(tmp_path / "home/.pyenv/versions/3.99.1/bin", "3.99")
    fake_python(tmp_path / "home/.pyenv/versions/3.9.20/bin", "3.9")
    found = await tools.interpreter("3.99")
    assert (found.program, found.version) == (program, (3, 99, 1))


async def test_one_that_is_not_there_is_told_with_those_that_are(tools: PythonTools) -> None:
    with pytest.raises(ToolsUnavailable, match=rf"Python 3.98 is not .*{RUNNING}.* Next: install"):
        await tools.interpreter("3.98")


async def test_a_python_that_is_too_old_is_not_taken(tools: PythonTools, tmp_path: Path) -> None:
    fake_python(tmp_path / "home/.pyenv/versions/3.8.18/bin", "3.8")
    with pytest.raises(ToolsUnavailable, match=r"Python 3\.8"):
        await tools.interpreter("3.8")


def test_of_a_prefix_only_what_is_pythons_is_shown(tmp_path: Path) -> None:
    program = fake_python(tmp_path / "bin", "3.12")
    (tmp_path / "lib" / "python3.12").mkdir(parents=True)
    (tmp_path / "lib" / "libpython3.12.so.1.0").write_text("")
    (tmp_path / ".ssh").mkdir()
    folders = Interpreter(program, tmp_path, (3, 12, 1)).folders()
    names = {str(folder.relative_to(tmp_path)) for folder in folders}
    assert names == {"bin/python3.12", "lib/python3.12", "lib/libpython3.12.so.1.0"}
    assert Interpreter(Path("/usr/bin/python3.11"), Path("/usr"), (3, 11, 2)).folders() == ()


async def test_an_environment_stays_while_its_process_lives(
    tools: PythonTools, tmp_path: Path
) -> None:
    parent = tools.environments
    parent.mkdir(parents=True)
    for key in ("alive", "dead", "ours"):
        (parent / key).mkdir()
    (parent / "dead.lock").touch()
    tools._hold("ours", parent)
    with held_by_another(parent / "alive.lock"):
        tools._sweep(parent)
        assert sorted(path.name for path in parent.iterdir() if path.is_dir()) == ["alive", "ours"]
        with pytest.raises(ToolsUnavailable, match="Another process"):
            PythonTools(tmp_path, tools.machine)._hold("alive", parent)
    tools._hold("ours", parent)
    tools._sweep(parent)
    assert sorted(path.name for path in parent.iterdir() if path.is_dir()) == ["ours"]
    await tools.release()
    assert [path.name for path in parent.iterdir() if path.is_dir()] == []


async def test_uv_stands_alone_in_a_folder(tools: PythonTools) -> None:
    folder = await tools._uv()
    assert os.access(folder / "bin" / "uv", os.X_OK)
    assert sorted(path.name for path in folder.rglob("*")) == ["bin", "uv"]
    shutil.rmtree(folder)
    assert (await tools._uv()) == folder
