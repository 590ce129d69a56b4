"""What a step answers, and what it is given.

A step looks at its row, does the next small thing and answers at once: ``Next`` state, ``Wait``
some seconds, or ``Fail`` with a reason. It never waits itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from uuid import UUID

from shared.deployments.lifecycle import State
from shared.logs.writer import LogWriter

Result = TypeVar("Result")
_RENEW_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Claim:
    """The row that a step works on, held under a lease."""

    row: Mapping[str, Any]
    log: LogWriter
    renew: Callable[[Mapping[str, int]], Awaitable[None]]
    """Keeps the lease and stores progress; raises LeaseLost, Canceled or Overdue."""

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


@dataclass(frozen=True, slots=True)
class Next:
    """Go on to a state; ``source`` and ``build_spec`` are kept in the row for later steps."""

    state: State
    source: Mapping[str, Any] = field(default_factory=dict)
    build_spec: Mapping[str, Any] | None = None


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
    """It cannot be done: a stable code, what happened, and what to do."""

    code: str
    title: str
    detail: str


Outcome = Next | Ready | Wait | Fail


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
