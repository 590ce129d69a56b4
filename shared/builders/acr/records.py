"""What is kept of a run in the registry, so that any process finds it again: how it was begun, and
how it ended. Neither holds a variable."""

from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from shared.builders.acr.plan import Plan
from shared.builders.port import BuildBounds, BuildJob, RunStatus

CANCELED = RunStatus(state="canceled")


class Claim(BaseModel):
    """How a run was begun. The first that is kept for a key is the only one.

    ``source`` is where the upload lies: with another one the request would be another run.
    """

    model_config = ConfigDict(frozen=True)

    time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    is_canceled: bool = False
    source: str = ""
    kind: str = "static"
    image: str = ""
    output: str = "."
    commands: Mapping[str, str] = Field(default_factory=dict)
    is_own: bool = False
    bounds: BuildBounds = Field(default_factory=BuildBounds)


def claim_of(job: BuildJob, plan: Plan, source: str) -> Claim:
    """The claim of a job."""
    return Claim(
        source=source,
        kind=job.spec.kind,
        image=plan.image,
        output=job.spec.output or ".",
        commands=plan.commands,
        is_own=plan.is_own,
        bounds=job.bounds,
    )


class End(BaseModel):
    """How a run ended, or that it was deleted."""

    model_config = ConfigDict(frozen=True)

    status: RunStatus
    is_deleted: bool = False
