"""Logs and metrics of what runs: servers, workers, schedules."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field, field_validator

from shared.logs.runtime.models import Environment, Order, RuntimeLogPage, Search
from shared.logs.runtime.structure import Level
from shared.metrics.models import Metrics
from shared.models import Request
from shared.services import services
from shared.triggers.http import Call, Reply, Resource

resource = Resource("Runtime")
Name = Annotated[str, Field(min_length=1, max_length=128)]


class LinesQuery(Request):
    """Which lines. ``after`` is a position: older than it, or newer where ``order=oldest``."""

    environment: Environment = "production"
    order: Order = "newest"
    after: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    release: UUID | None = None
    deployment: UUID | None = None
    replica: Name | None = None
    process: Name | None = None
    level: tuple[Level, ...] = ()
    q: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    as_written: Annotated[bool, Field(description="JSON lines are not taken apart")] = False

    @field_validator("level", mode="before")
    @classmethod
    def _by_commas(cls, value: object) -> object:
        return tuple(value.split(",")) if isinstance(value, str) else value

    @property
    def search(self) -> Search:
        """The same, as the domain takes it."""
        values = self.model_dump(exclude={"level", "q"})
        return Search(**values, levels=self.level, text=self.q)


class MetricsQuery(Request):
    """Of which environment, and how far back."""

    environment: Environment = "production"
    minutes: Annotated[int, Field(ge=1, le=1440)] = 60


@resource.operation("GET", "projects/{project_id}/logs", query=LinesQuery, returns=RuntimeLogPage)
async def read_runtime_logs(call: Call) -> RuntimeLogPage:
    """Read or search what a project's servers wrote."""
    search = call.query(LinesQuery).search
    return await services().runtime_logs.page(call.scope, call.id("project_id"), search)


@resource.operation(
    "GET", "projects/{project_id}/logs/download", query=LinesQuery, media_type="text/plain"
)
async def download_runtime_logs(call: Call) -> Reply:
    """Download what a project's servers wrote as text, oldest first."""
    search = call.query(LinesQuery).search
    found = services().runtime_logs.text(call.scope, call.id("project_id"), search)
    return Reply("".join([piece async for piece in found]), media_type="text/plain")


@resource.operation("GET", "projects/{project_id}/metrics", query=MetricsQuery, returns=Metrics)
async def read_metrics(call: Call) -> Metrics:
    """Read how a project's servers were used: requests, latency, processor time, memory."""
    query = call.query(MetricsQuery)
    project_id = call.id("project_id")
    return await services().metrics.read(call.scope, project_id, query.environment, query.minutes)
