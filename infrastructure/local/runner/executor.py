"""What runs the commands of a build: the interface of ``sandbox`` and ``containers``.

Before it stands the unpacked source, behind it the folder of output; both are the keeper's
business, as are time limit and log.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from shared.builders.port import BuildJob, Phase, Reason


class RunLog(Protocol):
    """Where a run's output goes; lines are cut, bounded and framed there."""

    def write(self, data: bytes, stream: str = "stdout") -> None:
        """Bytes of a command, as they came; raises LogTooLarge at the bound."""
        ...

    def say(self, text: str) -> None:
        """A line of our own."""
        ...

    def begin(self, phase: Phase) -> None:
        """From here on it is this phase."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What the commands need of languages and package managers, ready to use.

    ``path`` goes before the system's PATH; ``folders`` have to be readable at their own place in
    the sandbox; ``writable`` are there too, belong to this run alone and are deleted after it;
    ``environment`` is set for every command.
    """

    path: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class Toolchains(Protocol):
    """Brings languages and package managers of the versions that a spec asks for."""

    async def prepare(self, job: BuildJob, log: RunLog) -> Tools:
        """Install what is missing, outside of any sandbox, from pinned releases.

        Raises ToolsUnavailable, naming what and why.
        """
        ...

    async def release(self) -> None:
        """Delete what was prepared for this run alone."""
        ...


@dataclass(frozen=True, slots=True)
class CacheMount:
    """One folder of a cache: where it lies on disk, and where the commands see it.

    ``target`` is absolute, or seen from the top of the source for what a framework keeps beside
    it (``.next/cache``); ``variables`` tell tools to use it.
    """

    name: str
    folder: Path
    target: str
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One build as an executor sees it.

    ``source`` holds the unpacked source and may be changed; ``scratch`` is an empty folder of the
    executor's own on the same disk.
    """

    job: BuildJob
    source: Path
    scratch: Path
    log: RunLog
    tools: Tools
    caches: tuple[CacheMount, ...] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """How the commands ended. Where all went well, ``output`` is the folder to publish, or
    ``image`` the reference of what a dynamic project's cluster starts."""

    output: Path | None = None
    image: str | None = None
    image_bytes: int | None = None
    phase: Phase | None = None
    exit_code: int | None = None
    reason: Reason | None = None
    detail: str = ""


class Executor(Protocol):
    """Runs ignore, install and build commands, whichever the spec has."""

    async def build(self, work: Work) -> Built:
        """Run them; when this returns, raises or is canceled, no process of it is alive."""
        ...


class ToolsUnavailable(Exception):
    """A language or package manager of this version cannot be had; says which and why."""


class SandboxUnavailable(Exception):
    """Commands cannot be run safely here, and running them unsafely is not allowed."""


class LogTooLarge(Exception):
    """The commands wrote more than the bound."""
