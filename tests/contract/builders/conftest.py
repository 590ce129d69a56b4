"""Builders under contract: each a runner daemon of its own, started and killed by tests."""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from infrastructure.local.runner.folders import RunFolder
from infrastructure.local.runner.processes import marked
from shared.builders.port import BuildBounds, BuildJob, LogFrame, RunStatus
from shared.builders.runner import RunnerBuilder
from shared.detection.build_spec import BuildSpec
from shared.errors import Unavailable
from shared.sites.models import MIB
from tests.fakes.azure.builds import why_not as acr_unavailable
from tests.unit.sites.archives import zip_bytes

ROOT = Path(__file__).parents[3]
EXECUTORS = ("sandbox", "bare", "containers", "acr")
SECONDS = 120


def unavailable(executor: str) -> str:
    """Why an executor cannot be tested here; empty where it can."""
    if executor == "sandbox" and not shutil.which("bwrap"):
        return "bubblewrap is not installed"
    if executor == "acr":
        return acr_unavailable()
    if executor == "containers" and not os.environ.get("TEST_REGISTRY"):
        return "TEST_REGISTRY names no registry with base images"
    return ""


class Runner:
    """A daemon and its client."""

    def __init__(self, executor: str, folder: Path) -> None:
        self.executor = executor
        self.state = folder / "state"
        self.socket = folder / "run" / "runner.sock"
        self.builder = RunnerBuilder(str(self.socket))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def up(self) -> None:
        """Start the daemon and wait until it answers."""
        kind = "containers" if self.executor == "containers" else "sandbox"
        command = [sys.executable, "-m", "infrastructure.local.runner", "--executor", kind]
        command += ["--socket", str(self.socket), "--state", str(self.state)]
        command += ["--toolchains", str(ROOT / ".local" / "toolchains"), "--environment", "local"]
        if self.executor == "containers":
            command += ["--registry", os.environ["TEST_REGISTRY"]]
        environment = dict(os.environ)
        if self.executor == "bare":
            environment["PATH"] = _without_bwrap(self.state.parent)
        with (self.state.parent / "daemon.log").open("ab") as output:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - killed and waited for by tests
                command, cwd=ROOT, env=environment, stdout=output, stderr=output
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                await self.builder.status("nobody")
            except Unavailable:
                assert time.monotonic() < deadline, self.words()
                await asyncio.sleep(0.05)
            else:
                return

    def words(self) -> str:
        """What the daemon has said."""
        return (self.state.parent / "daemon.log").read_text()

    def kill(self) -> None:
        """End the daemon by SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def down(self) -> None:
        """End the daemon as the supervisor does."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)

    def folder(self, key: str) -> RunFolder:
        """The files of a run."""
        return RunFolder(self.state / "runs" / key)

    def alive(self, key: str) -> list[Any]:
        """The processes of a run that can be seen from outside."""
        return marked(self.folder(key))

    async def ended(self, key: str, seconds: float = SECONDS) -> RunStatus:
        """How a run ended."""
        deadline = time.monotonic() + seconds
        while True:
            status = await self.builder.status(key)
            assert status is not None
            if status.has_ended:
                return status
            assert time.monotonic() < deadline, f"{key} is {status} after {seconds} s"
            await asyncio.sleep(0.05)

    async def frames(self, key: str) -> list[LogFrame]:
        """The whole log of a run that has ended."""
        found: list[LogFrame] = []
        while page := await self.builder.log(key, found[-1].n if found else 0):
            found += page
        return found

    async def text(self, key: str) -> str:
        """The same as text."""
        lines = [line.text for frame in await self.frames(key) for line in frame.lines]
        return "\n".join(lines)

    async def until_said(self, key: str, text: str) -> None:
        """Wait until a line of the run's log holds a text."""
        deadline = time.monotonic() + SECONDS
        while text not in await self.text(key):
            assert time.monotonic() < deadline, await self.text(key)
            await asyncio.sleep(0.05)

    async def run(self, build: str, **options: Any) -> tuple[str, RunStatus]:
        """Build with a shell script to the end; its key and how it ended."""
        key = await self.begin(build, **options)
        return key, await self.ended(key)

    async def begin(self, build: str, **options: Any) -> str:
        """Start a build with a shell script; its key."""
        made = job(build, **options)
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, "source.zip")
            archive.write_bytes(source(build, options.get("files", {})))
            await self.builder.start(made, archive)
        return made.key


def source(build: str, files: dict[str, bytes]) -> bytes:
    """An archive whose build.sh is the script."""
    return zip_bytes({"build.sh": build.encode(), **files})


def job(build: str, **options: Any) -> BuildJob:
    """A job that runs build.sh with Node's image or the machine's shell."""
    spec = BuildSpec(
        framework="other",
        kind="static",
        build=options.get("command", "sh build.sh"),
        install=options.get("install"),
        ignore=options.get("ignore"),
        output=options.get("output", "dist"),
        root=options.get("root", ""),
        node=options.get("node"),
        package_manager=options.get("package_manager"),
        lock_file=options.get("lock_file"),
        reasons={},
    )
    bounds = {"memory_bytes": 1024 * MIB, "seconds": 60, **options.get("bounds", {})}
    return BuildJob(
        key=options.get("key", f"run-{secrets.token_hex(6)}"),
        source_format="zip",
        spec=spec,
        environment=options.get("environment", {}),
        secrets=options.get("secrets", {}),
        cache=options.get("cache", ""),
        fresh=options.get("fresh", False),
        bounds=BuildBounds(**bounds),
    )


def _without_bwrap(folder: Path) -> str:
    """A PATH with everything but bubblewrap."""
    place = folder / "bin"
    place.mkdir(exist_ok=True)
    for entry in os.environ["PATH"].split(":"):
        for program in Path(entry).glob("*") if Path(entry).is_dir() else ():
            link = place / program.name
            if program.name != "bwrap" and not link.exists() and not link.is_symlink():
                link.symlink_to(program)
    return str(place)


@pytest.fixture(scope="module", params=EXECUTORS)
def _folder(request: pytest.FixtureRequest) -> Iterator[tuple[str, Path]]:
    if reason := unavailable(request.param):
        pytest.skip(reason)
    # Short: the path of a Unix socket has its bound.
    with tempfile.TemporaryDirectory(prefix="runner-") as folder:
        yield request.param, Path(folder)


@pytest.fixture
async def runner(_folder: tuple[str, Path]) -> AsyncIterator[Runner]:
    """A runner of each kind; what it builds is one test's, its state the module's."""
    if _folder[0] == "acr":
        from tests.contract.builders import acr

        place = await acr.started(*_folder)
        yield place
        await acr.ended(place)
        return
    made = Runner(*_folder)
    await made.up()
    yield made
    made.down()
