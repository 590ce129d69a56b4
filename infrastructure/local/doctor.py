"""What this machine offers and lacks, as one table. Standard library only."""

import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from infrastructure.local import binaries
from infrastructure.local.paths import Paths, short
from infrastructure.local.ports import (
    CEILING,
    DEFAULT_BASE,
    STEP,
    Ports,
    is_base,
    owner_of,
    remembered,
    taken,
)
from infrastructure.local.progress import Progress

GIB = 1024**3
RANGE = f"Give a number from 1024 to {CEILING - STEP}."
DISK_NEEDED, DISK_WANTED = 2 * GIB, 4 * GIB
MEMORY_NEEDED, MEMORY_WANTED = 1 * GIB, 2 * GIB
OLDEST, NEWEST = (3, 11), (3, 13)


@dataclass(frozen=True, slots=True)
class Check:
    """One row: what was looked at, what was found, whether it will do, what helps."""

    name: str
    found: str
    state: str = "ok"
    remedy: str = ""


def check_all(paths: Paths, environment: Mapping[str, str]) -> list[Check]:
    """Every check, in the order of the table."""
    return [
        check_python(sys.version_info[:3]),
        check_venv(paths.state / "venv"),
        check_disk(paths.state),
        check_memory(_available_memory()),
        check_ports(paths.state / "ports.json", environment, running=is_running(paths.socket)),
        check_system(sys.platform, platform.machine().lower(), environment),
        check_node(),
        check_user(os.geteuid(), shutil.which),
        check_sandbox(sys.platform, shutil.which),
    ]


def show(checks: Iterable[Check], progress: Progress) -> bool:
    """Print the table; whether nothing is bad."""
    checks = list(checks)
    for check in checks:
        remedy = f" {check.remedy}" if check.remedy else ""
        progress.say(f"  {progress.mark(check.state)} {check.name:<8} {check.found}.{remedy}")
    progress.say()
    return all(check.state != "bad" for check in checks)


def check_python(version: tuple[int, ...]) -> Check:
    """Python itself."""
    text = ".".join(map(str, version))
    if OLDEST <= version[:2] <= NEWEST:
        return Check("Python", f"{text} ({sys.executable})")
    return Check("Python", text, "bad", "Install Python 3.11, 3.12 or 3.13.")


def check_venv(venv: Path) -> Check:
    """Whether a virtual environment is there or can be made."""
    if (venv / "bin" / "python").exists():
        return Check("venv", "the virtual environment is there")
    if find_spec("venv") and find_spec("ensurepip"):
        return Check("venv", "the module is there")
    major, minor = sys.version_info[:2]
    remedy = f"Run `sudo apt install python{major}.{minor}-venv` (or python3-venv)."
    return Check("venv", "the modules venv and ensurepip are missing", "bad", remedy)


def check_disk(folder: Path) -> Check:
    """Free space where the state will lie."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    text = f"{free / GIB:.1f} GB free"
    if free < DISK_NEEDED and not (folder / "install.json").exists():
        return Check("Disk", text, "bad", "Free at least 2 GB.")
    return Check("Disk", text, "ok" if free >= DISK_WANTED else "warn")


def check_memory(available: int | None) -> Check:
    """Memory that is not in use."""
    if available is None:
        return Check("Memory", "unknown")
    text = f"{available / GIB:.1f} GB available"
    if available < MEMORY_NEEDED:
        return Check("Memory", text, "warn", "Close something: the stack takes about 1 GB.")
    return Check("Memory", text, "ok" if available >= MEMORY_WANTED else "warn")


def check_ports(memory: Path, environment: Mapping[str, str], *, running: bool = False) -> Check:
    """Which ports the stack will use."""
    if running:
        return Check("Ports", f"this stack runs at {remembered(memory) or 'a fixed base'}")
    fixed = environment.get("ASTROCLOUD_PORT_BASE", "")
    base = int(fixed) if fixed.isdecimal() else remembered(memory) or DEFAULT_BASE
    if not is_base(base):
        return Check("Ports", f"ASTROCLOUD_PORT_BASE={fixed} is out of range", "bad", RANGE)
    ports = Ports(base)
    busy = taken(ports)
    span = f"{base}-{base + STEP - 1}"
    if not busy:
        return Check("Ports", f"{span} are free")
    who = f"{busy[0]} is taken{owner_of(busy[0])}"
    if fixed:
        return Check("Ports", who, "bad", "Stop it, or change ASTROCLOUD_PORT_BASE.")
    return Check("Ports", who, "warn", "The next free range will be used.")


def is_running(control: Path) -> bool:
    """Whether the daemon of this checkout answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        try:
            line.connect(short(control))
        except OSError:
            return False
    return True


def check_system(system: str, machine: str, environment: Mapping[str, str]) -> Check:
    """Operating system and processor, with what is known to be missing there."""
    name = f"{platform.system()} {machine}"
    if system == "darwin":
        return _check_mac(machine)
    if system != "linux":
        return Check("System", name, "bad", "Use Linux, macOS, or Windows with WSL2.")
    if not platform.libc_ver()[0]:
        return Check("System", f"{name} without glibc", "bad", "Use a system with glibc.")
    if machine in ("aarch64", "arm64"):
        return _check_linux_arm(name, environment)
    if machine not in ("x86_64", "amd64"):
        return Check("System", name, "bad", "Use x86_64 or aarch64.")
    if "microsoft" in platform.release().lower() and str(Path.cwd()).startswith("/mnt/"):
        remedy = "Move the checkout below the home of WSL2: Windows' drives are slow there."
        return Check("System", f"{name}, WSL2", "warn", remedy)
    return Check("System", name)


def check_node() -> Check:
    """Where Node comes from."""
    if system := binaries.system_node():
        return Check("Node", f"the system's ({system})")
    return Check("Node", f"from its Python wheel (no version {binaries.NODE_MAJOR}+ on PATH)")


def check_user(uid: int, which: Callable[[str], str | None]) -> Check:
    """Who we are: Postgres refuses root."""
    if uid != 0:
        return Check("User", "ordinary")
    if which("unshare") or which("setpriv"):
        return Check("User", "root; Postgres runs unprivileged")
    remedy = "Run ./dev as an ordinary user, or install util-linux."
    return Check("User", "root, without unshare and setpriv", "bad", remedy)


def check_sandbox(system: str, which: Callable[[str], str | None]) -> Check:
    """Whether builds run apart from this machine's files."""
    if which("bwrap"):
        return Check("Sandbox", "bubblewrap")
    remedy = "Builds run as your own user, with your files in reach"
    if system == "linux":
        remedy += ": install bubblewrap to keep them apart"
    return Check("Sandbox", "none", "warn", f"{remedy}.")


def _check_mac(machine: str) -> Check:
    if machine == "arm64" or shutil.which("nginx"):
        note = "Safari does not resolve *.localhost: use another browser."
        return Check("System", f"macOS {machine}", "ok", note)
    return Check("System", "macOS x86_64, no Nginx", "bad", "Run `brew install nginx` with njs.")


def _check_linux_arm(name: str, environment: Mapping[str, str]) -> Check:
    missing = []
    if not shutil.which("nginx"):
        missing.append("install `nginx` and `libnginx-mod-http-js`")
    if not environment.get("KAFKA_BROKERS"):
        missing.append("name a Kafka broker in KAFKA_BROKERS")
    if missing:
        remedy = f"No wheels for this processor: {' and '.join(missing)}."
        return Check("System", name, "bad", remedy)
    return Check("System", f"{name}, with the system's Nginx and KAFKA_BROKERS")


def _available_memory() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        total = subprocess.run(
            ["sysctl", "-n", "hw.memsize"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return int(total.stdout)
