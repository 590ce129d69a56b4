"""Reading servers' logs: lines that fit a search, in either direction, within bounds.

Chunks that cannot hold such a line are left out by their row alone. One search looks into a
bounded amount of text for a bounded time, and says how far it came.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Database, Row, Scope
from shared.errors import NotFound
from shared.logs import chunks
from shared.logs.runtime import search_store as store
from shared.logs.runtime.models import FIELDS, KeptLine, LogLine, RuntimeLogPage, Search, told

MAX_CHARACTERS = 33_554_432
"""Of text that one search looks into."""
MAX_SECONDS = 2.0
PAGE_CHARACTERS = 1_048_576
"""A page ends early where its texts reach this."""


@dataclass(slots=True)
class _Progress:
    """What one search has found, and how far it came: ``position`` is the last n looked at."""

    search: Search
    position: int
    items: list[LogLine] = field(default_factory=list)
    looked: int = 0
    size: int = 0
    time: str | None = None

    @property
    def is_full(self) -> bool:
        """Whether the page has what was asked for."""
        return len(self.items) >= self.search.limit or self.size >= PAGE_CHARACTERS

    def look(self, rows: Sequence[Row]) -> None:
        """Take what fits from these chunks, until the page is full."""
        for row in rows:
            lines = list(enumerate(chunks.rows_of(row["lines"]), row["first_n"]))
            for n, values in lines if self.search.order == "oldest" else reversed(lines):
                if self.is_full:
                    return
                if self._is_past(n):
                    self._take(n, KeptLine.model_construct(**_named(values)), row)
            self.looked += sum(len(values[-1]) for _, values in lines)

    def _is_past(self, n: int) -> bool:
        return n > self.position if self.search.order == "oldest" else n < self.position

    def _take(self, n: int, line: KeptLine, row: Row) -> None:
        self.position, self.time = n, line.time
        if _fits(line, self.search):
            as_written = self.search.as_written
            self.items.append(
                told(n, line, row["release_id"], row["number"], as_written=as_written)
            )
            self.size += len(line.text)


class LogSearch:
    """Reads for whoever the scope lets read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, scope: Scope, project_id: UUID, search: Search) -> RuntimeLogPage:
        """Lines that fit; raises NotFound."""
        async with self._database.transaction(scope) as connection:
            last_n = await store.read_last_n(connection, project_id, search.environment)
        if last_n is None:
            raise NotFound("No such project")
        oldest = search.order == "oldest"
        start = (0 if oldest else last_n + 1) if search.after is None else search.after
        progress = _Progress(search, min(start, store.HIGHEST))
        ended = await self._look(scope, project_id, progress)
        complete = ended or progress.is_full
        more = progress.position if oldest or not ended else None
        return RuntimeLogPage(
            items=progress.items,
            next_cursor=more,
            live_cursor=last_n,
            complete=complete,
            searched_until=None if complete else progress.time,
        )

    async def _look(self, scope: Scope, project_id: UUID, progress: _Progress) -> bool:
        """Look on until the page is full or a bound is reached; whether the log ended first."""
        deadline = time.monotonic() + MAX_SECONDS
        while not progress.is_full:
            async with self._database.transaction(scope) as connection:
                rows = await store.read_portion(
                    connection, project_id, progress.search, progress.position
                )
            if not rows:
                return True
            await asyncio.to_thread(progress.look, rows)
            if progress.looked >= MAX_CHARACTERS or time.monotonic() > deadline:
                return False
        return False


def _named(values: Sequence[str]) -> dict[str, Any]:
    return dict(zip(FIELDS, values, strict=True))


def _fits(line: KeptLine, search: Search) -> bool:
    return (
        (search.replica is None or line.replica == search.replica)
        and (search.process is None or line.process == search.process)
        and (not search.levels or line.level in search.levels)
        and (search.text is None or search.text.casefold() in line.text.casefold())
        and _is_within(line.time, search.since, search.until)
    )


def _is_within(moment: str, since: datetime | None, until: datetime | None) -> bool:
    if since is None and until is None:
        return True
    # Python reads at most microseconds; a container's clock tells nanoseconds.
    seconds, _, fraction = moment.removesuffix("Z").partition(".")
    at = datetime.fromisoformat(f"{seconds}.{fraction[:6].ljust(6, '0')}+00:00")
    return (since is None or at >= since) and (until is None or at < until)
