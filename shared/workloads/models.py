"""What the API takes and says of workloads and tasks."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from shared.detection.run_settings import Command, Scaling, Schedule
from shared.models import Request, Response

EnvironmentName = Literal["production", "preview"]
WorkloadState = Literal["none", "starting", "running", "unhealthy", "asleep", "stopped"]
TaskState = Literal["queued", "running", "succeeded", "failed", "canceled", "lost"]


class EnvironmentQuery(Request):
    """Which environment is meant."""

    environment: EnvironmentName = "production"


class ScalingUpdate(Scaling):
    """How many replicas there are to be, from now on and for releases to come."""

    environment: EnvironmentName = "production"


class TaskCreate(Request):
    """A command to run once in what is live of an environment."""

    command: Command
    environment: EnvironmentName = "production"
    seconds: Annotated[int, Field(ge=1, le=86_400)] = 600


class Replica(Response):
    """One process of a workload; what it uses where the cluster measures it."""

    name: str
    process: str
    ready: bool
    restarts: int
    started_at: datetime | None
    cpu_millis: int | None
    memory_bytes: int | None
    last_end: str | None
    last_exit_code: int | None


class WorkloadProblem(Response):
    """Why replicas are not as they should be, and what to do."""

    reason: str
    detail: str
    exit_code: int | None
    events: list[str]
    last_lines: list[str]
    is_final: bool = Field(description="It will not go away by itself")


class Switch(Response):
    """A release that was asked to go live and is starting, or why the last one did not."""

    release_id: UUID | None
    failure: dict[str, Any] | None


class Workload(Response):
    """What runs of an environment's live release."""

    project_id: UUID
    environment: EnvironmentName
    state: WorkloadState
    release_id: UUID | None
    deployment_id: UUID | None
    number: int | None
    wanted: int
    ready: int
    current: bool = Field(
        description="All that runs is what was asked for last: no restart, no change is under way"
    )
    scaling: Scaling | None
    replicas: list[Replica]
    problem: WorkloadProblem | None
    next: Switch | None
    seen_at: datetime | None
    capabilities: list[str]


class Task(Response):
    """A command that runs, or ran, once with a release's image and variables.

    Its output are lines of the project's log with ``task-`` and its id as replica.
    """

    id: UUID
    project_id: UUID
    release_id: UUID
    number: int
    environment: EnvironmentName
    command: str
    state: TaskState
    exit_code: int | None
    detail: str
    replica: str
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ScheduledRun(Response):
    """One run of a schedule."""

    state: TaskState
    exit_code: int | None
    started_at: datetime | None
    finished_at: datetime | None


class ScheduleStatus(Response):
    """A schedule of the live release with its latest runs, newest first."""

    name: str
    schedule: Schedule
    runs: list[ScheduledRun]
