"""What every cluster can do, whoever runs the processes: the port of ``kubernetes``, ``aks`` and
``runner``.

A **workload** is what runs of one release. It is named by that release, so bringing it up twice is
one workload, and a late call harms no other. A cluster decides nothing: which workload is live and
how many replicas there should be is told to it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.builders.port import LogFrame
from shared.detection.run_settings import HealthCheck, Scaling, Schedule, Worker
from shared.sites.models import MIB

Capability = Literal["autoscaling", "schedules", "images", "network_policy"]
"""What not every cluster can: replicas by load, cron, container images (instead of the runner's
own bundles), and keeping projects apart in the network."""

ProblemReason = Literal[
    "image_unavailable",
    "crashing",
    "exited",
    "out_of_memory",
    "not_listening",
    "unhealthy",
    "no_room",
    "start_failed",
]
"""Why a replica does not get ready.

``crashing``: it ended with an exit code other than 0, again and again; ``exited``: it ended with
0, as a server must not; ``not_listening``: it runs, but nothing accepts connections at its port;
``unhealthy``: its health check answers, but not well; ``no_room``: the cluster or the project's
quota has no place for it; ``start_failed``: the command cannot be started at all.
"""

LINE_CHARACTERS = 16_384
"""A longer line goes on in the next one: cutting it could hide half of a secret from masking."""

TaskState = Literal["running", "succeeded", "failed", "canceled", "lost"]


def pieces(line: str) -> list[str]:
    """A line of a task's log as its lines tell it: all but the last have the full length.

    So whoever reads them knows where the line ended, and whether it goes on.
    """
    starts = range(0, len(line) + 1, LINE_CHARACTERS)
    return [line[start : start + LINE_CHARACTERS] for start in starts]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WorkloadRef(_Value):
    """Which workload is meant."""

    project: UUID
    release: UUID


class PullSecret(_Value):
    """Who may pull an image of a registry that is not ours."""

    registry: str
    username: str
    password: str


class ReplicaBounds(_Value):
    """What one replica may use; ``processes`` and ``disk_bytes`` where the cluster can hold it."""

    cpu_millis: int = 500
    memory_bytes: int = 512 * MIB
    processes: int = 256
    disk_bytes: int = 2048 * MIB


class Workload(_Value):
    """What runs of one release, complete by itself.

    ``label`` is for people (``shop #42``). ``image`` is a reference that the builder gave, or a
    user's, by digest. Without ``start`` the image's own command is run. ``port`` is where the app
    listens: it is told by ``PORT``. ``environment`` and ``secrets`` are both variables of every
    process. ``stop_seconds`` lie between SIGTERM and SIGKILL.
    """

    account: UUID
    project: UUID
    release: UUID
    deployment: UUID
    environment_name: Literal["production", "preview"]
    label: str
    image: str
    pull_secret: PullSecret | None = None
    start: str | None = None
    port: int = 8080
    environment: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    readiness: HealthCheck = HealthCheck()
    liveness: HealthCheck | None = None
    scaling: Scaling = Scaling()
    workers: dict[str, Worker] = Field(default_factory=dict)
    schedules: dict[str, Schedule] = Field(default_factory=dict)
    bounds: ReplicaBounds = Field(default_factory=ReplicaBounds)
    stop_seconds: int = 30

    @property
    def ref(self) -> WorkloadRef:
        """What it is called."""
        return WorkloadRef(project=self.project, release=self.release)

    @property
    def host(self) -> str | None:
        """The host that visitors ask for; health checks do, too: Django, say, refuses others."""
        return urlsplit(self.environment.get("ASTROCLOUD_URL", "")).netloc or None


class Problem(_Value):
    """Why a workload is not as it should be, in words for its user.

    ``events`` are what the cluster says of it; ``last_lines`` what the process wrote last.
    ``is_final``: it will not go away by itself, so there is nothing to wait for.
    """

    reason: ProblemReason
    detail: str
    exit_code: int | None = None
    events: tuple[str, ...] = ()
    last_lines: tuple[str, ...] = ()
    is_final: bool = False


class ReplicaStatus(_Value):
    """One process of a workload. ``process`` is ``web`` or a worker's name.

    ``cpu_millis`` and ``memory_bytes`` are what it uses, where that is measured. ``last_end`` says
    how the life before this one ended.
    """

    name: str
    process: str = "web"
    ready: bool
    restarts: int = 0
    started_at: datetime | None = None
    cpu_millis: int | None = None
    memory_bytes: int | None = None
    last_end: str | None = None
    last_exit_code: int | None = None


class WorkloadStatus(_Value):
    """How a workload stands.

    ``wanted`` and ``ready`` count replicas that answer requests. ``current`` says whether what was
    applied last is what they run, so that ``ready`` counts none of before. ``addresses`` are
    ``host:port`` where requests go; they stay the same for as long as the workload exists.
    """

    wanted: int
    ready: int
    current: bool = True
    addresses: tuple[str, ...] = ()
    replicas: tuple[ReplicaStatus, ...] = ()
    problem: Problem | None = None


class TaskStatus(_Value):
    """How a task stands: a command that runs once with a release's image and variables.

    ``detail`` tells a user what happened where it is not the command's own exit code. ``frames``
    counts the frames of its log so far; after the end it is final.
    """

    state: TaskState
    exit_code: int | None = None
    detail: str = ""
    frames: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing of the task is alive."""
        return self.state != "running"


class ScheduledRun(_Value):
    """One run of a schedule; ``key`` is that of its task, for status and log."""

    schedule: str
    key: str
    state: TaskState
    exit_code: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Cluster(Protocol):
    """One place where releases run.

    Every method raises Unavailable where the cluster does not answer: it may be asked again. All
    of them may be repeated without harm.
    """

    capabilities: frozenset[Capability]
    follow_seconds: float
    """How long one look may follow a task; 0 where whoever waits pays for it."""
    logs_restarts: bool
    """Whether it writes them into the release's log itself, or only counts them."""

    async def apply(self, workload: Workload, replicas: int) -> None:
        """Bring a workload to this, with at least so many replicas; 0: nothing of it runs.

        Returns at once; ``status`` tells how it stands. Changed variables or commands replace
        replicas one after another. Raises ClusterRefused for what can never run here.
        """
        ...

    async def status(self, ref: WorkloadRef) -> WorkloadStatus | None:
        """How a workload stands; None where there is none of that name."""
        ...

    async def scale(self, ref: WorkloadRef, replicas: int) -> None:
        """At least so many replicas from now on; an autoscaler may go above, to the maximum.

        0 ends everything of it: replicas, workers and schedules. Raises NotFound.
        """
        ...

    async def restart(self, ref: WorkloadRef) -> None:
        """Replace every process, one after another, so that requests are answered meanwhile."""
        ...

    async def delete(self, ref: WorkloadRef) -> None:
        """End and forget a workload with all its tasks; silent where there is none."""
        ...

    async def delete_project(self, project: UUID) -> None:
        """End and forget everything of a project."""
        ...

    async def start_task(self, key: str, workload: Workload, command: str, seconds: int) -> None:
        """Run a command once, unless its key has a task, has had one, or was canceled.

        ``key`` matches ``^[a-z0-9][a-z0-9-]{0,99}$``. After ``seconds`` it is ended and failed.
        """
        ...

    async def task_status(self, ref: WorkloadRef, key: str) -> TaskStatus | None:
        """How a task stands; None where the key is unknown."""
        ...

    async def task_log(
        self, ref: WorkloadRef, key: str, after: int, wait: float = 0
    ) -> Sequence[LogFrame]:
        """Frames after the frame of that number, as a builder's ``log``; see ``pieces``."""
        ...

    async def cancel_task(self, ref: WorkloadRef, key: str) -> None:
        """End a task; returns when nothing of it is alive, and no later start can begin it."""
        ...

    async def delete_task(self, ref: WorkloadRef, key: str) -> None:
        """Forget a task that has ended; a running one is canceled first."""
        ...

    async def scheduled_runs(self, ref: WorkloadRef) -> Sequence[ScheduledRun]:
        """The latest runs of a workload's schedules, newest first; raises NeedsCluster."""
        ...
