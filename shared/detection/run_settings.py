"""What a person can set of how a server runs; part of the build settings and of the build spec.

The values are checked here as far as they stand alone; what a plan allows is checked where a
deployment is looked at.
"""

from typing import Annotated

from pydantic import Field, StringConstraints, field_validator, model_validator

from shared.models import Request

Command = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1000, pattern=r"^[^\x00]*$"),
]
ProcessName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,29}$")]
HealthPath = Annotated[str, StringConstraints(max_length=500, pattern=r"^/[^\x00-\x20\\#]*$")]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]


class HealthCheck(Request):
    """How it is found out whether a replica is well.

    With a path an HTTP GET there has to answer with a status from 200 to 399; without one the
    port has to accept a connection.
    """

    path: Annotated[HealthPath | None, Field(description="Path that is asked; none: TCP only.")] = (
        None
    )
    port: Annotated[Port | None, Field(description="Port that is asked; none: the app's.")] = None
    period_seconds: Annotated[int, Field(strict=True, ge=1, le=300)] = 5
    timeout_seconds: Annotated[int, Field(strict=True, ge=1, le=60)] = 3
    failures: Annotated[
        int,
        Field(strict=True, ge=1, le=30, description="Failures one after another before it counts."),
    ] = 3
    grace_seconds: Annotated[
        int,
        Field(strict=True, ge=0, le=1800, description="Time to start in, before a failure counts."),
    ] = 120


class Scaling(Request):
    """How many replicas answer requests.

    ``cpu_percent`` is of what a replica is given; ``requests_per_replica`` counts requests in
    flight. ``idle_minutes`` without a request scale to zero; the next request waits for the start.
    """

    minimum: Annotated[int, Field(strict=True, ge=1, le=100)] = 1
    maximum: Annotated[int, Field(strict=True, ge=1, le=100)] = 1
    cpu_percent: Annotated[int | None, Field(strict=True, ge=10, le=95)] = None
    requests_per_replica: Annotated[int, Field(strict=True, ge=1, le=10_000)] = 20
    idle_minutes: Annotated[int | None, Field(strict=True, ge=1, le=10_080)] = None

    @model_validator(mode="after")
    def _is_ordered(self) -> "Scaling":
        if self.minimum > self.maximum:
            raise ValueError(
                f"minimum ({self.minimum}) is above maximum ({self.maximum}): swap or raise them"
            )
        return self


class Worker(Request):
    """A process beside the server, which nobody asks for anything."""

    command: Command
    replicas: Annotated[int, Field(strict=True, ge=1, le=100)] = 1


class Schedule(Request):
    """A command that runs at times which a cron line of five fields gives, in UTC."""

    cron: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]
    command: Command
    seconds: Annotated[
        int, Field(strict=True, ge=1, le=86_400, description="Longest time of one run.")
    ] = 3600

    @field_validator("cron")
    @classmethod
    def _is_understood(cls, value: str) -> str:
        # Not needed for the models of the API, whose import a cold start pays for.
        from shared.detection.cron import problem_of

        if problem := problem_of(value):
            raise ValueError(problem)
        return value
