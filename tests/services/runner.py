"""A runner's daemon of a test's own: started, killed and started again."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from infrastructure.local.runner.folders import KeptFolder
from infrastructure.local.runner.processes import marked
from infrastructure.local.runner.workloads.state import WorkloadFolder
from shared.builders.runner import RunnerBuilder
from shared.clusters.port import WorkloadRef
from shared.clusters.runner import RunnerCluster
from shared.errors import Unavailable

ROOT = Path(__file__).parents[2]
FIRST_PORT, STEP, RANGES = 22_400, 100, 16


class RunnerDaemon:
    """A daemon with its state below a folder, and its clients."""

    def __init__(self, folder: Path, *, bare: bool = False, kafka: str = "") -> None:
        self.folder = folder
        self.state = folder / "state"
        self.socket = folder / "run" / "runner.sock"
        self.bare = bare
        self.builder = RunnerBuilder(str(self.socket))
        self.cluster = RunnerCluster(str(self.socket))
        self.kafka = kafka
        first = FIRST_PORT + os.getpid() % RANGES * STEP
        self.ports = f"{first}-{first + STEP - 1}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def up(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "infrastructure.local.runner", "--environment", "local"]
        command += ["--socket", str(self.socket), "--state", str(self.state)]
        command += ["--toolchains", str(ROOT / ".local" / "toolchains"), "--ports", self.ports]
        if self.kafka:
            command += ["--kafka", self.kafka]
        environment = dict(os.environ)
        if self.bare:
            environment["PATH"] = without_bwrap(self.folder)
        with (self.folder / "daemon.log").open("ab") as output:
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
        """What it has said."""
        return (self.folder / "daemon.log").read_text()

    def kill(self) -> None:
        """End it by SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def down(self) -> None:
        """End it as the supervisor does."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)

    def workload(self, ref: WorkloadRef) -> WorkloadFolder:
        """The files of a workload."""
        path = self.state / "workloads" / str(ref.project) / str(ref.release)
        return WorkloadFolder(path)

    def alive(self, ref: WorkloadRef, replica: str = "") -> list[psutil.Process]:
        """The processes of a workload, or of one of its replicas, that can be seen from outside."""
        folder = self.workload(ref)
        return marked(KeptFolder(folder.replica(replica)) if replica else folder)


def without_bwrap(folder: Path) -> str:
    """A PATH of everything that is there but bubblewrap."""
    links = folder / "bin"
    links.mkdir(exist_ok=True)
    for place in os.environ["PATH"].split(os.pathsep):
        for program in Path(place).glob("*"):
            link = links / program.name
            if program.name != "bwrap" and not link.is_symlink():
                link.symlink_to(program)
    return str(links)
