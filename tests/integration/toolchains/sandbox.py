"""A small sandbox for tests: the system's programs, what a toolchain names, and a network."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infrastructure.local.runner.executor import CacheMount, Tools
from shared.builders.port import BuildJob, Phase
from shared.detection.build_spec import BuildSpec

_SYSTEM = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf")
_LINKS = ("bin", "sbin", "lib", "lib64")
_SECONDS = 200


class Log:
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def write(self, data: bytes, stream: str = "stdout") -> None:
        self.said.append(data.decode())

    def say(self, text: str) -> None:
        self.said.append(text)

    def begin(self, phase: Phase) -> None:
        self.said.append(phase)


def job(key: str = "shop-1", *, cache: str = "", fresh: bool = False, **spec: Any) -> BuildJob:
    """A run of a spec."""
    values = {"framework": "other", "kind": "static", "reasons": {}, **spec}
    return BuildJob(
        key=key,
        source_format="zip",
        spec=BuildSpec.model_validate(values),
        cache=cache,
        fresh=fresh,
    )


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    text: str


async def sandboxed(
    tools: Tools, source: Path, command: str, caches: Sequence[CacheMount] = ()
) -> Done:
    """Run a shell command that sees ``/usr`` read-only, the tools and its source, nothing else."""
    words = ["bwrap", "--unshare-all", "--share-net", "--die-with-parent", "--new-session"]
    words += ["--clearenv", "--ro-bind", "/usr", "/usr"]
    words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/tmp/home"]
    for name in _LINKS:
        if Path("/", name).exists():
            words += ["--symlink", f"usr/{name}", f"/{name}"]
    for name in _SYSTEM:
        words += ["--ro-bind-try", name, name]
    for folder in tools.folders:
        words += ["--ro-bind", str(folder), str(folder)]
    for folder in tools.writable:
        words += ["--bind", str(folder), str(folder)]
    words += ["--bind", str(source), "/source", "--chdir", "/source"]
    variables = dict(tools.environment)
    for mount in caches:
        target = mount.target if mount.target.startswith("/") else f"/source/{mount.target}"
        words += ["--bind", str(mount.folder), target]
        variables |= mount.variables
    variables["PATH"] = ":".join([*map(str, tools.path), "/usr/bin", "/bin"])
    variables["HOME"] = "/tmp/home"
    for name, value in variables.items():
        words += ["--setenv", name, value]
    process = await asyncio.create_subprocess_exec(
        *words,
        "sh",
        "-c",
        command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), _SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return Done(process.returncode or 0, said.decode(errors="replace"))


def works() -> bool:
    """Whether bubblewrap is here and allowed."""
    program = shutil.which("bwrap")
    if program is None:
        return False
    import subprocess

    words = [program, "--unshare-all", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib"]
    words += ["--symlink", "usr/lib64", "/lib64", "/usr/bin/true"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0
