"""Finds a Python 3.13 and makes the environment in which Microsoft's worker library runs.

The environment is kept below ``.local/test``, named by what is in it, so only the first run
installs.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
WANTED = (3, 13)


class Unavailable(Exception):
    """Why the worker library cannot be run here."""


def find() -> Path:
    """A Python 3.13: this one, on PATH, of pyenv or of uv."""
    for candidate in _candidates():
        if candidate.is_file() and _version(candidate) == WANTED:
            return candidate
    raise Unavailable("no Python 3.13 found: not this one, on PATH, of pyenv or of uv")


def _candidates() -> Iterator[Path]:
    yield Path(sys.executable)
    for name in ("python3.13", "python3", "python"):
        if found := shutil.which(name):
            yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob("versions/3.13.*/bin/python"))
    data = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))
    yield from sorted(data.glob("uv/python/cpython-3.13*/bin/python3.13"))


def _version(python: Path) -> tuple[int, ...] | None:
    script = "import sys; print(*sys.version_info[:2])"
    try:
        shown = subprocess.run(
            [python, "-c", script], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return tuple(int(part) for part in shown.stdout.split())


def environment(python: Path, extra: Sequence[str]) -> Path:
    """The Python of an environment with the project's pins and ``extra``."""
    pins = ROOT / "requirements.txt"
    digest = hashlib.sha256("\n".join([*extra, pins.read_text(), str(python)]).encode())
    folder = ROOT / ".local" / "test" / f"conformance-{digest.hexdigest()[:12]}"
    (ROOT / ".local").mkdir(mode=0o700, exist_ok=True)
    folder.parent.mkdir(exist_ok=True)
    # Several test processes may come here at once.
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _install(python, folder, ["-r", str(pins), *extra])
            (folder / "complete").touch()
    return folder / "bin" / "python"


def _install(python: Path, folder: Path, packages: Sequence[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _run([str(python), "-m", "venv", str(folder)])
    target = str(folder / "bin" / "python")
    if importlib.util.find_spec("uv"):
        _run([sys.executable, "-m", "uv", "pip", "install", "-q", "--python", target, *packages])
    else:
        _run([target, "-m", "pip", "install", "-q", *packages])


def _run(command: list[str]) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    if ended.returncode:
        told = (ended.stderr or ended.stdout).strip().splitlines()[-1:] or ["no output"]
        raise Unavailable(f"the worker library cannot be installed: {told[0]}")
