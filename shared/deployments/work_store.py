"""The worker's queries of deployments: leases, moves, admission and what a release leaves.

Time is Postgres's. Every change of a claimed row names the claim's tick, so a claim that lost its
lease changes nothing.
"""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.database import Connection, Row
from shared.deployments.lifecycle import ACTIVE

Admission = Literal["admitted", "superseded", "gone", "lane_busy", "account_full", "platform_full"]
_ADMISSION_LOCK = 5530271946  # any constant that no other lock of ours uses


async def claim(
    connection: Connection, deployment_id: UUID, tick: int, lease_seconds: float
) -> Row | None:
    """Take the lease by raising the tick; None where the tick is stale or the row has ended."""
    found = await connection.execute(
        "UPDATE deployments d SET tick = d.tick + 1,"
        " due_at = now() + make_interval(secs => %s)"
        " FROM projects p, accounts a"
        " WHERE d.id = %s AND d.tick = %s AND d.finished_at IS NULL"
        " AND p.id = d.project_id AND a.id = d.account_id"
        " RETURNING d.id, d.account_id, d.project_id, d.environment_id, d.environment, d.number,"
        " d.state, d.source, d.settings, d.use_cache, d.build_spec, d.run, d.rollout, d.variables,"
        " d.reused_from, d.tick, d.attempt, d.lane, d.created_by, d.created_at,"
        " p.slug AS project_slug, p.settings AS project_settings, p.git AS project_git,"
        " p.git_token, p.scaling AS project_scaling, p.registry AS project_registry,"
        " p.registry_token, p.deleted_at IS NOT NULL AS project_deleted,"
        " a.limits AS account_limits, d.deadline_at < now() AS overdue,"
        " d.cancel_requested_at IS NOT NULL AS cancel_requested",
        [lease_seconds, deployment_id, tick],
    )
    return await found.fetchone()


async def renew(
    connection: Connection,
    deployment_id: UUID,
    tick: int,
    lease_seconds: float,
    progress: dict[str, int],
) -> Row | None:
    """Keep the lease and store progress; None where the lease is lost."""
    found = await connection.execute(
        "UPDATE deployments SET due_at = now() + make_interval(secs => %s),"
        " progress = progress || %s"
        " WHERE id = %s AND tick = %s AND finished_at IS NULL"
        " RETURNING deadline_at < now() AS overdue,"
        " cancel_requested_at IS NOT NULL AS cancel_requested",
        [lease_seconds, Jsonb(progress), deployment_id, tick],
    )
    return await found.fetchone()


async def wait(
    connection: Connection, claim: Mapping[str, Any], seconds: float, *, failed_attempt: bool
) -> bool:
    """Give the lease back until some seconds have passed; False where it was lost."""
    done = await connection.execute(
        "UPDATE deployments SET due_at = now() + make_interval(secs => %s), attempt = attempt + %s"
        " WHERE id = %s AND tick = %s AND state = %s",
        [seconds, int(failed_attempt), claim["id"], claim["tick"], claim["state"]],
    )
    return done.rowcount == 1


async def set_run(connection: Connection, claim: Mapping[str, Any], run: Mapping[str, Any]) -> bool:
    """Note which run the builder is asked for, and how far its log is told; False: lease lost."""
    done = await connection.execute(
        "UPDATE deployments SET run = %s WHERE id = %s AND tick = %s AND finished_at IS NULL",
        [Jsonb(dict(run)), claim["id"], claim["tick"]],
    )
    return done.rowcount == 1


async def set_rollout(
    connection: Connection, claim: Mapping[str, Any], rollout: Mapping[str, Any]
) -> bool:
    """Note how far the rollout is; False: lease lost."""
    done = await connection.execute(
        "UPDATE deployments SET rollout = %s WHERE id = %s AND tick = %s AND finished_at IS NULL",
        [Jsonb(dict(rollout)), claim["id"], claim["tick"]],
    )
    return done.rowcount == 1


async def move(
    connection: Connection, claim: Mapping[str, Any], state: str, changes: Mapping[str, Any]
) -> bool:
    """To the next state at work, due at once; False where the lease was lost.

    ``changes`` may hold source (merged), build_spec, variables and reused_from.
    """
    spec = changes.get("build_spec")
    done = await connection.execute(
        "UPDATE deployments SET state = %s, due_at = now(), attempt = 0,"
        " source = source || %s, build_spec = coalesce(%s, build_spec),"
        " variables = coalesce(%s, variables), reused_from = coalesce(%s, reused_from)"
        " WHERE id = %s AND tick = %s AND state = %s",
        [
            state,
            Jsonb(changes.get("source") or {}),
            Jsonb(spec) if spec is not None else None,
            changes.get("variables"),
            changes.get("reused_from"),
            claim["id"],
            claim["tick"],
            claim["state"],
        ],
    )
    return done.rowcount == 1


async def finish(
    connection: Connection,
    claim: Mapping[str, Any],
    state: str,
    failure: Mapping[str, Any] | None = None,
    skipped: str | None = None,
) -> bool:
    """To a state that ends it; False where the lease was lost."""
    done = await connection.execute(
        "UPDATE deployments SET state = %s, finished_at = now(), due_at = NULL, failure = %s,"
        " skipped = %s WHERE id = %s AND tick = %s AND state = %s",
        [
            state,
            Jsonb(dict(failure)) if failure else None,
            skipped,
            claim["id"],
            claim["tick"],
            claim["state"],
        ],
    )
    return done.rowcount == 1


async def insert_release(
    connection: Connection, claim: Mapping[str, Any], release: dict[str, Any]
) -> None:
    """The release of a deployment.

    ``release`` holds id, kind, serving, settings, fingerprint, image, image_key, files and bytes.
    """
    await connection.execute(
        "INSERT INTO releases (id, account_id, project_id, deployment_id, environment, number,"
        " kind, serving, settings, fingerprint, image, image_key, files, bytes)"
        " VALUES (%(id)s, %(account_id)s,"
        " %(project_id)s, %(deployment_id)s, %(environment)s, %(number)s, %(kind)s, %(serving)s,"
        " %(settings)s, %(fingerprint)s, %(image)s, %(image_key)s, %(files)s, %(bytes)s)",
        {
            **{k: claim[k] for k in ("account_id", "project_id", "environment", "number")},
            **release,
            "deployment_id": claim["id"],
            "serving": Jsonb(release["serving"]),
            "settings": Jsonb(release["settings"]),
        },
    )
    await connection.execute(
        "UPDATE deployments SET release_id = %s, progress = %s WHERE id = %s",
        [release["id"], Jsonb(release["progress"]), claim["id"]],
    )


async def admit(
    connection: Connection, deployment_id: UUID, bounds: dict[str, int]
) -> tuple[Admission, Row | None]:
    """Give a queued deployment its place, where account, platform and lane have one.

    One admission at a time decides (a lock), so no bound is exceeded however many decide at once.
    ``bounds``: platform, account_default, deadline_seconds.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_ADMISSION_LOCK])
    found = await connection.execute(
        "SELECT d.id, d.account_id, d.number, d.tick, d.state,"
        " coalesce((a.limits ->> 'concurrent_deployments')::int, %(account)s) AS bound,"
        # One that was admitted first, or is ready, is newer all the same; one that failed is not.
        " (SELECT max(n.number) FROM deployments n WHERE n.project_id = d.project_id"
        "  AND n.lane = d.lane AND n.number > d.number AND n.cancel_requested_at IS NULL"
        "  AND n.state IN ('queued', 'fetching', 'building', 'publishing', 'rolling_out', 'ready')"
        " ) AS newer,"
        " EXISTS (SELECT FROM deployments o WHERE o.project_id = d.project_id AND o.lane = d.lane"
        "  AND o.state = ANY(%(active)s)) AS lane_busy,"
        " (SELECT count(*) FROM deployments o WHERE o.account_id = d.account_id"
        "  AND o.state = ANY(%(active)s) AND o.finished_at IS NULL) AS account_active,"
        " (SELECT count(*) FROM deployments o WHERE o.state = ANY(%(active)s)"
        "  AND o.finished_at IS NULL) AS platform_active"
        " FROM deployments d JOIN accounts a ON a.id = d.account_id WHERE d.id = %(id)s",
        {"id": deployment_id, "account": bounds["account_default"], "active": list(ACTIVE)},
    )
    row = await found.fetchone()
    verdict = _verdict(row, bounds["platform"])
    if verdict == "admitted":
        await _begin(connection, deployment_id, bounds["deadline_seconds"])
    return verdict, row


def _verdict(row: Row | None, platform: int) -> Admission:
    if row is None or row["state"] != "queued":
        return "gone"
    if row["newer"] is not None:
        return "superseded"
    if row["platform_active"] >= platform:
        return "platform_full"
    if row["account_active"] >= row["bound"]:
        return "account_full"
    return "lane_busy" if row["lane_busy"] else "admitted"


async def _begin(connection: Connection, deployment_id: UUID, deadline_seconds: int) -> None:
    await connection.execute(
        "UPDATE deployments SET state = 'fetching', started_at = now(), due_at = now(),"
        " attempt = 0, deadline_at = now() + make_interval(secs => %s) WHERE id = %s",
        [deadline_seconds, deployment_id],
    )


async def supersede(connection: Connection, deployment_id: UUID) -> bool:
    """End a queued deployment in favour of a newer one of its lane."""
    done = await connection.execute(
        "UPDATE deployments SET state = 'superseded', finished_at = now(), due_at = NULL"
        " WHERE id = %s AND state = 'queued'",
        [deployment_id],
    )
    return done.rowcount == 1


async def list_queued(connection: Connection, limit: int) -> list[Row]:
    """What waits for a place, longest first."""
    found = await connection.execute(
        "SELECT id, account_id, extract(epoch FROM created_at)::float AS since"
        " FROM deployments WHERE state = 'queued' ORDER BY created_at, id LIMIT %s",
        [limit],
    )
    return await found.fetchall()


async def take_due(connection: Connection, rest_seconds: float, limit: int) -> list[Row]:
    """Rows that are due, put off for ``rest_seconds`` so that each sweep hints new ones."""
    found = await connection.execute(
        "UPDATE deployments SET due_at = now() + make_interval(secs => %s) WHERE id IN ("
        "SELECT id FROM deployments WHERE finished_at IS NULL AND due_at <= now()"
        " ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id, tick",
        [rest_seconds, limit],
    )
    return await found.fetchall()


async def read_tick(connection: Connection, deployment_id: UUID) -> int | None:
    """The tick of a deployment that has not ended."""
    found = await connection.execute(
        "SELECT tick FROM deployments WHERE id = %s AND finished_at IS NULL", [deployment_id]
    )
    row = await found.fetchone()
    return int(row["tick"]) if row else None
