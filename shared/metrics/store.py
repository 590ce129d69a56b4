"""The rows of metrics: one a minute of a release, and one a minute of a replica."""

from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.database import Connection, Row
from shared.metrics.models import TrafficReport

# Take a gateway's report, unless it was taken before.
_RECORD_TRAFFIC: LiteralString = """
    SELECT record_traffic(%(gateway)s, %(sequence)s, %(period)s, %(loads)s) AS is_new
"""

# Add a sample to this minute of a replica. Memory is the most of the minute.
_RECORD_USAGE: LiteralString = """
    INSERT INTO usage_minutes AS u (release_id, replica, minute, account_id, project_id,
                                    environment, process, cpu_millis, cpu_samples, memory_bytes)
    SELECT w.release_id, %(replica)s, date_trunc('minute', now()), w.account_id, w.project_id,
           w.environment, %(process)s, %(cpu)s, (%(cpu)s::bigint IS NOT NULL)::int, %(memory)s
    FROM workloads w WHERE w.release_id = %(release)s
    ON CONFLICT (release_id, replica, minute) DO UPDATE
    SET cpu_millis = CASE WHEN excluded.cpu_millis IS NULL THEN u.cpu_millis
                          ELSE coalesce(u.cpu_millis, 0) + excluded.cpu_millis END,
        cpu_samples = u.cpu_samples + excluded.cpu_samples,
        memory_bytes = greatest(u.memory_bytes, excluded.memory_bytes)
"""

# What time it is for rows: the minute that is under way. Nothing where the project is not seen.
_FIND_NOW: LiteralString = """
    SELECT date_trunc('minute', now()) AS minute FROM projects
    WHERE id = %(project)s AND deleted_at IS NULL
"""

# Traffic of an environment by steps; the buckets are summed one by one.
_FIND_TRAFFIC: LiteralString = """
    WITH chosen AS (
        SELECT date_bin(make_interval(mins => %(step)s), minute, %(since)s) AS at, t.*
        FROM traffic_minutes t
        WHERE project_id = %(project)s AND environment = %(environment)s
          AND minute >= %(since)s AND minute < %(until)s),
    buckets AS (
        SELECT at, i, sum(n) AS n FROM chosen, unnest(latency) WITH ORDINALITY AS u (n, i)
        GROUP BY at, i),
    by_minute AS (
        SELECT at, minute, sum(requests) AS requests, sum(errors) AS errors,
               sum(in_flight_ms) AS in_flight_ms, sum(in_flight_max) AS in_flight_max
        FROM chosen GROUP BY at, minute)
    SELECT m.at, sum(requests)::bigint AS requests, sum(errors)::bigint AS errors,
           sum(in_flight_ms) AS in_flight_ms, max(in_flight_max) AS in_flight_max,
           ARRAY(SELECT n::bigint FROM buckets b WHERE b.at = m.at ORDER BY i) AS latency
    FROM by_minute m GROUP BY m.at ORDER BY m.at
"""

# Usage of an environment's replicas by steps, newest releases first.
_FIND_USAGE: LiteralString = """
    SELECT date_bin(make_interval(mins => %(step)s), minute, %(since)s) AS at,
           u.release_id, w.number, replica, min(process) AS process,
           round(sum(cpu_millis)::numeric / nullif(sum(cpu_samples), 0))::bigint AS cpu_millis,
           max(memory_bytes) AS memory_bytes
    FROM usage_minutes u JOIN workloads w USING (release_id)
    WHERE u.project_id = %(project)s AND u.environment = %(environment)s
      AND minute >= %(since)s AND minute < %(until)s
    GROUP BY at, u.release_id, w.number, replica
    ORDER BY w.number DESC, process, replica, at
"""


async def record_traffic(connection: Connection, report: TrafficReport) -> bool:
    """Whether the report is new."""
    loads = [
        {
            "release": str(one.release),
            "requests": one.requests,
            "errors": one.errors,
            "in_flight": one.in_flight,
            "latency": one.latency,
        }
        for one in report.releases
    ]
    values = {
        "gateway": report.gateway,
        "sequence": report.sequence,
        "period": report.period_ms,
        "loads": Jsonb(loads),
    }
    row = await (await connection.execute(_RECORD_TRAFFIC, values)).fetchone()
    return bool(row and row["is_new"])


async def record_usage(connection: Connection, samples: list[dict[str, Any]]) -> None:
    """Add a sample of each replica."""
    async with connection.cursor() as cursor:
        await cursor.executemany(_RECORD_USAGE, samples)


async def read_minute(connection: Connection, project_id: UUID) -> datetime | None:
    """The minute that is under way; None where the project is not seen."""
    found = await connection.execute(_FIND_NOW, {"project": project_id})
    row = await found.fetchone()
    return row["minute"] if row else None


async def read_traffic(connection: Connection, span: dict[str, Any]) -> list[Row]:
    """Traffic by steps."""
    return await (await connection.execute(_FIND_TRAFFIC, span)).fetchall()


async def read_usage(connection: Connection, span: dict[str, Any]) -> list[Row]:
    """Usage by steps."""
    return await (await connection.execute(_FIND_USAGE, span)).fetchall()


async def delete_old(connection: Connection) -> int:
    """Metrics are kept for a day and a little, gateways that are gone are forgotten."""
    rows = 0
    for statement in (
        "DELETE FROM traffic_minutes WHERE minute < now() - interval '25 hours'",
        "DELETE FROM usage_minutes WHERE minute < now() - interval '25 hours'",
        "DELETE FROM gateway_reports WHERE at < now() - interval '25 hours'",
    ):
        rows += (await connection.execute(statement)).rowcount
    return rows
