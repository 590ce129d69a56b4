"""What every builder can do, whoever runs the commands: the port of ``runner`` and ``acr``.

A run is named by its key, so starting it twice is one run. A builder holds no credential of the
control plane: it is given an archive and a job, and asked for state, log and output.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from shared.detection.build_spec import BuildSpec
from shared.sites.models import MIB, ArchiveFormat

Phase = Literal["ignore", "install", "build"]
State = Literal["running", "succeeded", "failed", "canceled", "lost"]
"""``lost``: nobody knows how it ended, because what kept it was killed; it may be started anew."""

Reason = Literal[
    "command",
    "ignored",
    "timeout",
    "out_of_memory",
    "too_many_processes",
    "disk_full",
    "log_too_large",
    "output_missing",
    "output_empty",
    "output_link",
    "output_too_large",
    "source_refused",
    "tools_unavailable",
    "sandbox_unavailable",
    "dockerfile_refused",
    "base_image_unavailable",
    "image_too_large",
    "image_not_pushed",
    "needs_containers",
]
"""Why a run failed: ``command`` is a command's own exit code, all others are ours.

``ignored``: the ignore command ended with 0, so this source is not to be deployed.
``needs_containers``: a Dockerfile, and this builder runs commands as processes.
"""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BuildBounds(_Value):
    """What one run may use; ``disk_bytes`` counts what it writes outside of its cache."""

    seconds: int = 1200
    memory_bytes: int = 4096 * MIB
    processes: int = 512
    disk_bytes: int = 8192 * MIB
    log_bytes: int = 16 * MIB
    output_bytes: int = 2_000_000_000
    output_files: int = 50_000
    image_bytes: int = 2048 * MIB


class BuildJob(_Value):
    """One run: what to build, how, with what and within which bounds.

    ``source_root`` is the one top folder of the archive that is looked through, or empty.
    ``environment`` and ``secrets`` are both variables of the commands; secrets reach no argument,
    no image and no file that outlives the run. ``cache`` names the folder of caches that this run
    may read and write: it holds the project and the trust scope; empty means none. With
    ``fresh`` nothing is read from it, but it is written. ``image`` is the repository that a dynamic
    project's image goes to, without registry and tag; empty for a static one.
    """

    key: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")
    source_format: ArchiveFormat
    source_root: str = ""
    spec: BuildSpec
    environment: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    cache: str = ""
    fresh: bool = False
    image: str = Field(default="", pattern=r"^([a-z0-9]+([._/-][a-z0-9]+)*)?$", max_length=200)
    bounds: BuildBounds = Field(default_factory=BuildBounds)


class RunStatus(_Value):
    """How a run stands.

    ``phase`` is what is at work, or was when it ended. ``detail`` tells a user what happened and
    what to do where ``reason`` is ours. ``frames`` counts the frames of the log so far; after the
    end it is final. ``seconds`` says how long each phase took. ``image`` is how a cluster names
    what a dynamic run left: a reference by digest, which nothing changes any more.
    """

    state: State
    phase: Phase | None = None
    exit_code: int | None = None
    reason: Reason | None = None
    detail: str = ""
    frames: int = 0
    cache_hit: bool = False
    seconds: dict[str, float] = Field(default_factory=dict)
    image: str | None = None
    image_bytes: int | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing of the run is alive."""
        return self.state != "running"


class LogLine(_Value):
    """A line of a build's command (``build``), of a task (``runtime``), or of whoever runs it
    (``platform``); time in RFC 3339."""

    time: str
    source: Literal["build", "runtime", "platform"]
    stream: Literal["stdout", "stderr"]
    text: str


class LogFrame(_Value):
    """Lines that came together. A frame never changes, so it can be told again as the same."""

    n: int
    lines: tuple[LogLine, ...]


class Builder(Protocol):
    """One place where builds run.

    Every method raises Unavailable where the builder does not answer: it may be asked again.
    """

    follow_seconds: float
    """How long one look may follow a run; 0 where whoever waits pays for it."""

    async def start(self, job: BuildJob, archive: Path) -> None:
        """Start a run, unless its key has one, has had one, or was canceled."""
        ...

    async def status(self, key: str) -> RunStatus | None:
        """How a run stands; None where the key is unknown."""
        ...

    async def log(self, key: str, after: int, wait: float = 0) -> Sequence[LogFrame]:
        """Frames after the frame of that number, some at a time.

        Where there is none yet, waits up to ``wait`` seconds for one, or for the run's end.
        """
        ...

    async def cancel(self, key: str) -> None:
        """End a run; returns when nothing of it is alive, and no later start can begin it."""
        ...

    async def output(self, key: str, target: BinaryIO) -> ArchiveFormat:
        """Write the archive of what a succeeded static run left; raises NotFound."""
        ...

    async def delete_image(self, image: str) -> None:
        """Delete an image that a run left; silent where it is gone. It is in use nowhere."""
        ...

    async def delete(self, key: str) -> None:
        """Forget a run that has ended, with its files; a running one is canceled first.

        The image that it left stays.
        """
        ...

    async def tidy(self, before: datetime) -> int:
        """Delete what runs left that nobody deleted, older than that; how much it was.

        No key that was used last before that time is ever asked for again.
        """
        ...

    async def clear_cache(self, name: str) -> int:
        """Delete the caches whose name is this, or begins with it and a ``/``; bytes freed."""
        ...
