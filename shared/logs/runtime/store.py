"""The rows of servers' logs: appending under the row lock of an environment's log, and retention.

A number is given once and in the order of commits, so whoever has read up to one misses nothing.
Reading stands in ``search``, and what makes each record be stored once in ``writer_store``.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import UUID

from shared.database import Connection, Database
from shared.logs import chunks
from shared.logs.lines import Line
from shared.logs.masking import Masker
from shared.logs.runtime import writer_store as writers
from shared.logs.runtime.flood import Allowance
from shared.logs.runtime.models import FIELDS, KeptLine, Place, kept
from shared.logs.runtime.writer_store import Arrival
from shared.plans.limits import RUNTIME_LOG_BYTES, RUNTIME_LOG_HOURS

ROW_BYTES = 200
"""What a chunk's row costs besides its lines."""

# Which of these streams are releases, and where their lines belong.
_FIND_PLACES: LiteralString = """
    SELECT release_id, account_id, project_id, environment, deployment_id, number
    FROM workloads WHERE release_id = ANY(%(ids)s)
"""

# Make the logs that are absent, in order, as every lock here.
_MAKE_LOGS: LiteralString = """
    INSERT INTO runtime_logs (project_id, environment, account_id)
    SELECT * FROM unnest(%(projects)s::uuid[], %(environments)s::text[], %(accounts)s::uuid[])
        AS named (project, environment, account)
    ORDER BY project, environment
    ON CONFLICT DO NOTHING
"""

# Lock the logs, so that lines get their numbers one batch after the other.
_LOCK_LOGS: LiteralString = """
    SELECT project_id, environment, last_n, bytes FROM runtime_logs
    WHERE (project_id, environment) IN
          (SELECT * FROM unnest(%(projects)s::uuid[], %(environments)s::text[]))
    ORDER BY project_id, environment FOR UPDATE
"""

# Keep how far a log has come.
_MOVE_LOG: LiteralString = """
    UPDATE runtime_logs SET last_n = %s, bytes = bytes + %s
    WHERE project_id = %s AND environment = %s
"""

# What releases may write now.
_FIND_ALLOWANCES: LiteralString = """
    SELECT release_id, room, dropped,
           extract(epoch FROM clock_timestamp() - room_at)::float8 AS age,
           least(extract(epoch FROM clock_timestamp() - said_at), 1e9)::float8 AS since_said
    FROM runtime_releases WHERE release_id = ANY(%(ids)s)
"""

# Keep what a release may write.
_KEEP_ALLOWANCE: LiteralString = """
    INSERT INTO runtime_releases (release_id, account_id, room, room_at, dropped, said_at)
    VALUES (%(release)s, %(account)s, %(room)s, clock_timestamp(), %(dropped)s,
            CASE WHEN %(said)s THEN clock_timestamp() ELSE '-infinity' END)
    ON CONFLICT (release_id) DO UPDATE
    SET room = excluded.room, room_at = excluded.room_at, dropped = excluded.dropped,
        said_at = CASE WHEN %(said)s THEN excluded.said_at ELSE runtime_releases.said_at END
"""

# Keep a chunk of lines.
_ADD_CHUNK: LiteralString = """
    INSERT INTO runtime_chunks (project_id, environment, first_n, last_n, account_id, release_id,
                                from_time, to_time, levels, lines)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""

# Releases whose dropped lines were not said yet: no line came after them.
_FIND_UNSAID: LiteralString = """
    SELECT w.release_id, w.account_id, w.project_id, w.environment, w.deployment_id, w.number
    FROM runtime_releases r JOIN workloads w USING (release_id)
    WHERE r.dropped > 0 AND r.said_at < now() - interval '1 second' LIMIT 100
"""

# Logs that are above their project's bound: one project's environments count together.
_FIND_FULL: LiteralString = """
    SELECT project_id, bound FROM (
        SELECT project_id, sum(bytes) AS bytes,
               coalesce((max(a.limits ->> %(limit)s))::bigint, %(default)s) AS bound
        FROM runtime_logs JOIN accounts a ON a.id = account_id GROUP BY project_id) AS sums
    WHERE bytes > bound
"""

# Delete the oldest chunks of a project, down to nine tenths of its bound.
_TRIM: LiteralString = """
    WITH ranked AS (
        SELECT environment, first_n,
               sum(octet_length(lines) + %(row)s)
                   OVER (ORDER BY created_at DESC, environment, first_n DESC) AS bytes
        FROM runtime_chunks WHERE project_id = %(project)s),
    gone AS (
        DELETE FROM runtime_chunks c USING ranked r
        WHERE c.project_id = %(project)s AND c.environment = r.environment
          AND c.first_n = r.first_n AND r.bytes > %(bound)s::bigint * 9 / 10
        RETURNING c.environment, octet_length(c.lines) + %(row)s AS bytes)
    UPDATE runtime_logs l SET bytes = l.bytes - g.bytes
    FROM (SELECT environment, sum(bytes) AS bytes FROM gone GROUP BY environment) g
    WHERE l.project_id = %(project)s AND l.environment = g.environment
"""

# Lock the logs that hold what is too old; those of a project that is deleted go as a whole.
_FIND_AGED: LiteralString = """
    SELECT l.project_id, l.environment,
           CASE WHEN p.deleted_at IS NOT NULL THEN 0
                ELSE coalesce((a.limits ->> %(limit)s)::bigint, %(default)s) END AS hours
    FROM runtime_logs l
    JOIN accounts a ON a.id = l.account_id JOIN projects p ON p.id = l.project_id
    ORDER BY l.project_id, l.environment FOR UPDATE OF l
"""

# Delete a log's chunks that are too old.
_AGE: LiteralString = """
    WITH gone AS (
        DELETE FROM runtime_chunks
        WHERE project_id = %(project)s AND environment = %(environment)s
          AND created_at < now() - make_interval(hours => %(hours)s)
        RETURNING octet_length(lines) + %(row)s AS bytes)
    UPDATE runtime_logs SET bytes = bytes - (SELECT coalesce(sum(bytes), 0) FROM gone)
    WHERE project_id = %(project)s AND environment = %(environment)s
      AND EXISTS (SELECT FROM gone)
"""


@dataclass(slots=True)
class Growth:
    """What a batch added to one log: lines with their release, numbered from ``first_n``."""

    project_id: UUID
    environment: str
    first_n: int
    lines: list[tuple[Place, KeptLine]] = field(default_factory=list)


class RuntimeLogStore:
    """Appends for the worker, and deletes what has had its time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sequence(self, release_id: UUID, writer: str) -> int:
        """The sequence of the writer's last stored record; 0 where there is none."""
        async with self._database.transaction() as connection:
            return await writers.sequence(connection, release_id, writer)

    async def places(self, ids: Sequence[UUID]) -> dict[UUID, Place]:
        """Those of the ids that are releases with a workload; raises Unavailable."""
        async with self._database.transaction() as connection:
            found = await connection.execute(_FIND_PLACES, {"ids": list(ids)})
            return {row["release_id"]: Place(**row) for row in await found.fetchall()}

    async def append(
        self,
        arrivals: Sequence[Arrival],
        places: Mapping[UUID, Place],
        maskers: Mapping[UUID, Masker],
    ) -> list[Growth]:
        """Store each record that is not stored yet, all or none; raises Unavailable."""
        by_log: dict[tuple[UUID, str], list[Arrival]] = defaultdict(list)
        for arrival in arrivals:
            by_log[places[arrival.record.stream].log].append(arrival)
        if not by_log:
            return []
        async with self._database.transaction() as connection:
            last = await _locked_logs(connection, list({places[a.record.stream] for a in arrivals}))
            return [
                await _grow(connection, log, last[log], by_log[log], places, maskers)
                for log in sorted(by_log)
            ]

    async def say_dropped(self) -> list[Growth]:
        """Say what was dropped where no further line came to say it with."""
        async with self._database.transaction() as connection:
            found = await (await connection.execute(_FIND_UNSAID)).fetchall()
            places = [Place(**row) for row in found]
            if not places:
                return []
            last = await _locked_logs(connection, places)
            by_log: dict[tuple[UUID, str], list[Place]] = defaultdict(list)
            for place in places:
                by_log[place.log].append(place)
            growths = []
            for log in sorted(by_log):
                taken: dict[Place, list[Line]] = {place: [] for place in by_log[log]}
                growths.append(await _written(connection, log, last[log], taken))
            return growths

    async def trim(self) -> None:
        """Delete the oldest lines of the projects that are above their bound."""
        limit = {"limit": RUNTIME_LOG_BYTES.name, "default": RUNTIME_LOG_BYTES.default}
        async with self._database.transaction() as connection:
            full = await (await connection.execute(_FIND_FULL, limit)).fetchall()
        for row in full:
            values = {"project": row["project_id"], "bound": row["bound"], "row": ROW_BYTES}
            async with self._database.transaction() as connection:
                await _lock_project(connection, row["project_id"])
                await connection.execute(_TRIM, values)

    async def clean(self) -> None:
        """Delete lines that are too old, and writers that are gone."""
        limit = {"limit": RUNTIME_LOG_HOURS.name, "default": RUNTIME_LOG_HOURS.default}
        async with self._database.transaction() as connection:
            for row in await (await connection.execute(_FIND_AGED, limit)).fetchall():
                values = {
                    "project": row["project_id"],
                    "environment": row["environment"],
                    "hours": row["hours"],
                    "row": ROW_BYTES,
                }
                await connection.execute(_AGE, values)
            await writers.forget_writers(connection)


async def _lock_project(connection: Connection, project_id: UUID) -> None:
    await connection.execute(
        "SELECT FROM runtime_logs WHERE project_id = %s ORDER BY environment FOR UPDATE",
        [project_id],
    )


async def _locked_logs(
    connection: Connection, places: Sequence[Place]
) -> dict[tuple[UUID, str], int]:
    logs = {place.log: place.account_id for place in places}
    values = {
        "projects": [project for project, _ in logs],
        "environments": [environment for _, environment in logs],
        "accounts": list(logs.values()),
    }
    await connection.execute(_MAKE_LOGS, values)
    rows = await (await connection.execute(_LOCK_LOGS, values)).fetchall()
    return {(row["project_id"], row["environment"]): row["last_n"] for row in rows}


async def _grow(
    connection: Connection,
    log: tuple[UUID, str],
    last_n: int,
    arrivals: Sequence[Arrival],
    places: Mapping[UUID, Place],
    maskers: Mapping[UUID, Masker],
) -> Growth:
    progress = await writers.progress_of(connection, arrivals)
    taken: dict[Place, list[Line]] = {}
    for arrival in arrivals:
        record = arrival.record
        lines = progress[record.stream, record.writer].take(arrival, maskers[record.stream])
        if lines is not None:
            taken.setdefault(places[record.stream], []).extend(lines)
    if not taken:
        return Growth(*log, last_n + 1)
    await writers.keep_progress(connection, progress, places)
    return await _written(connection, log, last_n, taken)


async def _written(
    connection: Connection,
    log: tuple[UUID, str],
    last_n: int,
    taken: Mapping[Place, list[Line]],
) -> Growth:
    """Number and keep the lines for which their releases have room."""
    growth = Growth(*log, last_n + 1)
    allowances = await _allowances(connection, list(taken))
    rows: list[tuple[Any, ...]] = []
    for place, lines in taken.items():
        allowance = allowances[place.release_id]
        admitted = kept((*allowance.admit(lines), *allowance.say()))
        rows += await asyncio.to_thread(_packed, place, growth, admitted)
        growth.lines += [(place, line) for line in admitted]
    async with connection.cursor() as cursor:
        await cursor.executemany(_ADD_CHUNK, rows)
        await cursor.executemany(
            _KEEP_ALLOWANCE, [_allowance_row(p, allowances[p.release_id]) for p in taken]
        )
    size = sum(len(row[-1]) + ROW_BYTES for row in rows)
    await connection.execute(_MOVE_LOG, [last_n + len(growth.lines), size, *log])
    return growth


async def _allowances(connection: Connection, places: Sequence[Place]) -> dict[UUID, Allowance]:
    ids = [place.release_id for place in places]
    found = {release: Allowance() for release in ids}
    for row in await (await connection.execute(_FIND_ALLOWANCES, {"ids": ids})).fetchall():
        found[row["release_id"]] = Allowance(
            row["room"], row["age"], row["dropped"], row["since_said"]
        )
    return found


def _allowance_row(place: Place, allowance: Allowance) -> dict[str, Any]:
    return {
        "release": place.release_id,
        "account": place.account_id,
        "room": allowance.room,
        "dropped": allowance.dropped,
        "said": allowance.said,
    }


def _packed(place: Place, growth: Growth, lines: Sequence[KeptLine]) -> list[tuple[Any, ...]]:
    """The rows of a release's lines, which follow those that the growth has."""
    first_n = growth.first_n + len(growth.lines)
    rows = []
    for chunk in chunks.pack(first_n, lines, FIELDS):
        part = lines[chunk.first_n - first_n : chunk.last_n - first_n + 1]
        times = [line.time for line in part]
        levels = sorted({line.level for line in part})
        rows.append(
            (
                *(*place.log, chunk.first_n, chunk.last_n, place.account_id, place.release_id),
                *(min(times), max(times), levels, chunk.lines),
            )
        )
    return rows
