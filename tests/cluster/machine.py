"""The processes that a test cluster on this machine consists of: killed, and started again.

Only what the cluster's own folder (that of its kubeconfig) names in ``pids/`` is touched.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

_START = 'log=$1 file=$2; shift 2; setsid "$@" </dev/null >>"$log" 2>&1 & echo $! >"$file"'


def folder() -> Path:
    """Where the cluster keeps its state."""
    return Path(os.environ["KUBECONFIG"]).parent


def is_here(name: str) -> bool:
    """Whether a part of the cluster is a process of this machine that may be killed."""
    return (folder() / "pids" / name).exists()


@contextmanager
def services_stay_inside() -> Iterator[None]:
    """Addresses of Services that no node knows are refused, as they are nobody's.

    Without this they go out of the machine, where anybody may answer in the app's place.
    """
    if not is_here("kube-apiserver"):
        yield
        return
    command = Part.of("kube-apiserver").command
    addresses = command[command.index("--service-cluster-ip-range") + 1]
    # New connections only: of those that are, a late packet may come here under this address, too.
    rule = f"OUTPUT -d {addresses} -p tcp --syn -j REJECT --reject-with tcp-reset".split()
    subprocess.run(["iptables", "-I", *rule], check=True)
    try:
        yield
    finally:
        subprocess.run(["iptables", "-D", *rule], check=True)


@dataclass(frozen=True, slots=True)
class Part:
    """One of its processes, as it was started."""

    name: str
    pid: int
    command: tuple[str, ...]
    environment: dict[str, str]
    cwd: str

    @classmethod
    def of(cls, name: str) -> "Part":
        """The process that runs now; another cluster's is refused."""
        process = psutil.Process(int((folder() / "pids" / name).read_text()))
        command = tuple(process.cmdline())
        if name not in " ".join(command) or str(folder()) not in " ".join(command):
            raise RuntimeError(f"{process.pid} is not the {name} of {folder()}: {command}")
        return cls(name, process.pid, command, process.environ(), process.cwd())

    def kill(self) -> None:
        """End it by SIGKILL."""
        process = psutil.Process(self.pid)
        process.kill()
        psutil.wait_procs([process], timeout=10)

    def start_again(self) -> None:
        """As it was started before, in a session of its own; nothing where it runs."""
        if self.is_alive():
            return
        files = (str(folder() / "logs" / f"{self.name}.log"), str(folder() / "pids" / self.name))
        subprocess.run(
            ["sh", "-c", _START, "sh", *files, *self.command],
            env=self.environment,
            cwd=self.cwd,
            check=True,
        )

    def is_alive(self) -> bool:
        """Whether some life of it runs."""
        pid = int((folder() / "pids" / self.name).read_text())
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
