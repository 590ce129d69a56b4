"""Reading servers' logs: lines that fit a search, in either direction, within bounds.

Chunks that cannot hold such a line are left out by their row alone. One search looks into a
bounded amount of text for a bounded time, and says how far it came.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from shared.database import Connection, Database, Row, Scope
from shared.errors import NotFound
from shared.logs import chunks
from shared.logs.runtime.models import FIELDS, KeptLine, LogLine, LogPage, Search, told

MAX_CHARACTERS = 33_554_432
"""Of text that one search looks into."""
MAX_SECONDS = 2.0
PAGE_CHARACTERS = 1_048_576
"""A page ends early where its texts reach this."""
_PORTION_ROWS, _PORTION_BYTES = 200, 262_144
_HIGHEST = 2**53

# Where a log stands, for whoever may see the project.
_FIND_LOG: LiteralString = """
    SELECT coalesce(last_n, 0) AS last_n
    FROM projects LEFT JOIN runtime_logs ON project_id = id AND environment = %(environment)s
    WHERE id = %(project)s AND deleted_at IS NULL
"""

# The next chunks in one direction that may hold such lines, up to a number of compressed bytes.
_CHOSEN: LiteralString = """
    WITH chosen AS MATERIALIZED (
        SELECT first_n, last_n, release_id, to_time, from_time, octet_length(lines) AS bytes
        FROM runtime_chunks
        WHERE project_id = %(project)s AND environment = %(environment)s
          AND first_n >= %(low)s AND first_n <= %(high)s AND last_n >= %(from)s
          AND (%(release)s::uuid IS NULL OR release_id = %(release)s)
          AND (%(deployment)s::uuid IS NULL OR release_id =
               (SELECT release_id FROM workloads WHERE deployment_id = %(deployment)s))
          AND (%(levels)s::text[] IS NULL OR levels && %(levels)s)
          AND (%(since)s::timestamptz IS NULL OR to_time >= %(since)s)
          AND (%(until)s::timestamptz IS NULL OR from_time < %(until)s)
"""
_BOUNDED: LiteralString = """,
    bounded AS (
        SELECT *, sum(bytes) OVER (ORDER BY rank) - bytes AS before FROM ranked)
    SELECT b.first_n, b.last_n, b.release_id, c.lines, w.number FROM bounded b
    JOIN runtime_chunks c ON c.project_id = %(project)s AND c.environment = %(environment)s
                         AND c.first_n = b.first_n
    JOIN workloads w ON w.release_id = b.release_id
    WHERE b.before < %(bytes)s ORDER BY b.rank
"""
_FIND_OLDER: LiteralString = (
    _CHOSEN  # noqa: S608 - constants
    + " ORDER BY first_n DESC LIMIT %(rows)s), ranked AS (SELECT *, -first_n AS rank FROM chosen)"
    + _BOUNDED
)
_FIND_NEWER: LiteralString = (
    _CHOSEN  # noqa: S608 - constants
    + " ORDER BY first_n LIMIT %(rows)s), ranked AS (SELECT *, first_n AS rank FROM chosen)"
    + _BOUNDED
)


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
            self.items.append(told(n, line, row["release_id"], row["number"]))
            self.size += len(line.text)


class LogSearch:
    """Reads for whoever the scope lets read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, scope: Scope, project_id: UUID, search: Search) -> LogPage:
        """Lines that fit; raises NotFound."""
        async with self._database.transaction(scope) as connection:
            last_n = await _last_n(connection, project_id, search.environment)
        oldest = search.order == "oldest"
        start = (0 if oldest else last_n + 1) if search.after is None else search.after
        progress = _Progress(search, min(start, _HIGHEST))
        ended = await self._look(scope, project_id, progress)
        complete = ended or progress.is_full
        more = progress.position if oldest or not ended else None
        return LogPage(
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
                rows = await _portion(connection, project_id, progress)
            if not rows:
                return True
            await asyncio.to_thread(progress.look, rows)
            if progress.looked >= MAX_CHARACTERS or time.monotonic() > deadline:
                return False
        return False


async def _last_n(connection: Connection, project_id: UUID, environment: str) -> int:
    found = await connection.execute(_FIND_LOG, {"project": project_id, "environment": environment})
    row = await found.fetchone()
    if row is None:
        raise NotFound("No such project")
    return int(row["last_n"])


async def _portion(connection: Connection, project_id: UUID, progress: _Progress) -> list[Row]:
    search, position = progress.search, progress.position
    oldest = search.order == "oldest"
    values: dict[str, Any] = {
        "project": project_id,
        "environment": search.environment,
        # No chunk has more lines than this, which bounds the range of the primary key.
        "low": position - chunks.MAX_LINES if oldest else 0,
        "high": _HIGHEST if oldest else position - 1,
        "from": position + 1 if oldest else 0,
        "release": search.release,
        "deployment": search.deployment,
        "levels": list(search.levels) or None,
        "since": search.since,
        "until": search.until,
        "rows": _PORTION_ROWS,
        "bytes": _PORTION_BYTES,
    }
    found = await connection.execute(_FIND_NEWER if oldest else _FIND_OLDER, values)
    return await found.fetchall()


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
