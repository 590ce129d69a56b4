"""The queries of a search: chunks that may hold what is asked for, some at a time."""

from typing import Any, LiteralString
from uuid import UUID

from shared.database import Connection, Row
from shared.logs import chunks
from shared.logs.runtime.models import Search

HIGHEST = 2**53
PORTION_ROWS, PORTION_BYTES = 200, 262_144

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


async def read_last_n(connection: Connection, project_id: UUID, environment: str) -> int | None:
    """Where a log stands; None where the project is not seen."""
    found = await connection.execute(_FIND_LOG, {"project": project_id, "environment": environment})
    row = await found.fetchone()
    return int(row["last_n"]) if row else None


async def read_portion(
    connection: Connection, project_id: UUID, search: Search, position: int
) -> list[Row]:
    """The next chunks beyond a position that may hold what is searched, in its order."""
    oldest = search.order == "oldest"
    values: dict[str, Any] = {
        "project": project_id,
        "environment": search.environment,
        # No chunk has more lines than this, which bounds the range of the primary key.
        "low": position - chunks.MAX_LINES if oldest else 0,
        "high": HIGHEST if oldest else position - 1,
        "from": position + 1 if oldest else 0,
        "release": search.release,
        "deployment": search.deployment,
        "levels": list(search.levels) or None,
        "since": search.since,
        "until": search.until,
        "rows": PORTION_ROWS,
        "bytes": PORTION_BYTES,
    }
    found = await connection.execute(_FIND_NEWER if oldest else _FIND_OLDER, values)
    return await found.fetchall()
