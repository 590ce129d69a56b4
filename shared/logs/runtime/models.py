"""Lines of servers as they are kept and as they are told, and what a reader may ask for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from shared.logs.lines import Line, Source, Stream
from shared.logs.runtime.structure import Level, Structure, level_of, structure_of
from shared.models import Response

Environment = Literal["production", "preview"]
Order = Literal["newest", "oldest"]
FIELDS = ("time", "source", "stream", "replica", "process", "level", "text")
"""What of a line is kept in a chunk."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the lines of a release belong; it never changes."""

    release_id: UUID
    account_id: UUID
    project_id: UUID
    environment: str
    deployment_id: UUID
    number: int

    @property
    def log(self) -> tuple[UUID, str]:
        """The log that they are numbered in."""
        return self.project_id, self.environment


class KeptLine(Line):
    """A line with the level that was read from it; empty where it says none."""

    level: str = ""


class LogLine(Response):
    """A line: ``n`` counts within its environment.

    Of a JSON line ``text`` is the message, unless lines were asked for ``as_written``.
    """

    n: int
    time: str = Field(description="When it was written, by the clock of the machine")
    replica: str
    process: str
    stream: Stream
    source: Source
    level: Level | None
    text: str
    logged_at: str | None = Field(description="When, by the app's own word")
    fields: dict[str, Any] | None = Field(description="What else a JSON line holds")
    release_id: UUID
    deployment_number: int


class RuntimeLogPage(Response):
    """Lines that were found. ``next_cursor`` goes on in the same order.

    ``live_cursor`` is where lines begin that are newer than all now. ``complete`` is false where
    the search ended at its bound: what lies beyond ``searched_until`` was not looked at.
    """

    items: list[LogLine]
    next_cursor: int | None
    live_cursor: int
    complete: bool
    searched_until: str | None


@dataclass(frozen=True, slots=True)
class Search:
    """What lines are asked for; ``after`` is a position, in the direction of ``order``."""

    environment: str
    order: Order = "newest"
    after: int | None = None
    limit: int = 100
    release: UUID | None = None
    deployment: UUID | None = None
    replica: str | None = None
    process: str | None = None
    levels: tuple[str, ...] = ()
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    as_written: bool = False


def kept(lines: Iterable[Line]) -> list[KeptLine]:
    """Lines that came together as they are kept.

    What is indented below a line that says a level has the same: it is the trace of an error.
    """
    heads: dict[str, str] = {}
    made = []
    for line in lines:
        level = _level(line)
        if line.source == "runtime" and line.text[:1] in (" ", "\t"):
            level = level or heads.get(line.origin, "")
        elif line.source == "runtime":
            heads[line.origin] = "" if line.text.startswith("{") else level
        made.append(_kept(line, level))
    return made


def _level(line: Line) -> str:
    if line.source == "platform":
        return "error" if line.stream == "stderr" else "info"
    return level_of(line.text) or ""


def _kept(line: Line, level: str) -> KeptLine:
    return KeptLine.model_construct(
        source=line.source,
        time=line.time,
        stream=line.stream,
        replica=line.replica,
        process=line.process,
        level=level,
        text=line.text,
    )


def told(
    n: int, line: KeptLine, release_id: UUID, number: int, *, as_written: bool = False
) -> LogLine:
    """The line as a reader is told it; ``as_written``: JSON is not taken apart."""
    read = Structure(None, line.text) if as_written else structure_of(line.text)
    return LogLine.model_construct(
        n=n,
        time=line.time,
        replica=line.replica,
        process=line.process,
        stream=line.stream,
        source=line.source,
        level=line.level or None,
        text=read.message,
        logged_at=read.logged_at,
        fields=dict(read.fields) if read.fields is not None else None,
        release_id=release_id,
        deployment_number=number,
    )
