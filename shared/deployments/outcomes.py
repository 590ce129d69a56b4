"""What a step answers, and what it is given.

A step looks at its row, does the next small thing and answers at once: ``Next`` state, ``Wait``
some seconds, or ``Fail`` with a reason. It never waits itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from uuid import UUID, uuid5

from shared.deployments.lifecycle import State
from shared.logs.writer import LogWriter

Result = TypeVar("Result")
_RENEW_SECONDS = 2.0
_NAMESPACE = UUID("0a8d6f0e-6d0c-4b4e-9d52-6a5b8b0f5c7d")


@dataclass(frozen=True, slots=True)
class Claim:
    """The row that a step works on, held under a lease."""

    row: Mapping[str, Any]
    log: LogWriter
    renew: Callable[[Mapping[str, int]], Awaitable[None]]
    """Keeps the lease and stores progress; raises LeaseLost, Canceled or Overdue."""

    keep_run: Callable[[Mapping[str, Any]], Awaitable[None]]
    """Commits which run the builder is asked for; raises LeaseLost."""

    keep_rollout: Callable[[Mapping[str, Any]], Awaitable[None]]
    """Commits how far the rollout is; raises LeaseLost."""

    async def keep_while(self, work: Awaitable[Result]) -> Result:
        """The result of some work that tells of no progress, with the lease kept meanwhile."""
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait({task}, timeout=_RENEW_SECONDS))[0]:
                await self.renew({})
            return task.result()
        finally:
            task.cancel()

    @property
    def id(self) -> UUID:
        """The deployment's id."""
        identity: UUID = self.row["id"]
        return identity

    @property
    def name(self) -> str:
        """As people call it: ``shop #42``."""
        return f"{self.row['project_slug']} #{self.row['number']}"


def release_id_of(row: Mapping[str, Any]) -> UUID:
    """The id of a deployment's release: a repeated step writes the same again, not another."""
    return uuid5(_NAMESPACE, str(row["id"]))


@dataclass(frozen=True, slots=True)
class Release:
    """What a step leaves: a complete release, its row not yet committed."""

    id: UUID
    kind: str
    serving: Mapping[str, Any]
    files: int
    bytes: int
    progress: Mapping[str, int]
    settings: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str | None = None
    image: str | None = None
    image_key: str | None = None
    workload: Mapping[str, Any] | None = None
    """Of a dynamic one: what the cluster was told and said last."""


@dataclass(frozen=True, slots=True)
class Next:
    """Go on to a state; all else is kept in the row for later steps.

    ``variables`` is the sealed snapshot, ``reused_from`` the number of the deployment whose
    release is used again.
    """

    state: State
    source: Mapping[str, Any] = field(default_factory=dict)
    build_spec: Mapping[str, Any] | None = None
    variables: str | None = None
    reused_from: int | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """The release stands complete: commit it, and go live where nothing forbids."""

    release: Release


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again in some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Fail:
    """It cannot be done: a stable code, what happened, and what to do.

    ``explanation`` holds cause, lines and what to try, where a command failed.
    """

    code: str
    title: str
    detail: str
    explanation: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As the row keeps it."""
        told = {"code": self.code, "title": self.title, "detail": self.detail}
        return {**told, **self.explanation}


@dataclass(frozen=True, slots=True)
class Skip:
    """There is nothing to do: why, in words. The deployment ends without a release."""

    reason: str


Outcome = Next | Ready | Wait | Fail | Skip


class Step(Protocol):
    """What does the work of one state."""

    async def __call__(self, claim: Claim) -> Outcome:
        """Do the next small thing for the row."""
        ...


class LeaseLost(Exception):
    """Another claim holds the row: stop without a word."""


class Canceled(Exception):
    """A member asked for the end."""


class Overdue(Exception):
    """The deadline has passed."""
