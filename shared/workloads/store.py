"""The queries of workloads: claims and looks of the worker, what members see and change.

Time is Postgres's. Every change of a claimed row names the claim's tick, so a claim that lost its
lease changes nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.database import Connection, Row
from shared.deliveries import store as deliveries


async def insert(connection: Connection, values: Mapping[str, Any]) -> None:
    """The workload of a rollout that begins; nothing where it began before."""
    await connection.execute(
        "INSERT INTO workloads (release_id, account_id, project_id, environment_id, deployment_id,"
        " environment, number, document, image, image_is_ours, scaling, due_at)"
        " VALUES (%(release_id)s, %(account_id)s, %(project_id)s, %(environment_id)s,"
        " %(deployment_id)s, %(environment)s, %(number)s, %(document)s, %(image)s,"
        " %(image_is_ours)s, %(scaling)s, NULL) ON CONFLICT (release_id) DO NOTHING",
        {**values, "scaling": Jsonb(values["scaling"])},
    )


async def hold_image(connection: Connection, project_id: UUID, image: str) -> bool:
    """Whether an image of an earlier release is still kept; it stays until the commit."""
    found = await connection.execute(
        "SELECT 1 FROM workloads WHERE project_id = %s AND image = %s AND state <> 'deleted'"
        " LIMIT 1 FOR SHARE",
        [project_id, image],
    )
    return await found.fetchone() is not None


async def set_rolled_out(
    connection: Connection, release_id: UUID, wanted: int, addresses: Sequence[str], status: Any
) -> None:
    """What the rollout saw last, committed with the release."""
    await connection.execute(
        "UPDATE workloads SET wanted = %s, addresses = %s, status = %s, seen_at = now(),"
        " due_at = now() WHERE release_id = %s AND state = 'starting'",
        [wanted, list(addresses), Jsonb(status), release_id],
    )


async def pointer_moved(
    connection: Connection, environment_id: UUID, drain_seconds: float
) -> list[Row]:
    """After an environment's pointer moved: who is live, who drains; release_id and tick of each.

    A release that was rolled out but not made live goes through draining as well, so that what
    its own address began ends in peace.
    """
    found = await connection.execute(
        "UPDATE workloads w SET due_at = now(),"
        " state = CASE WHEN w.release_id = e.live_release_id THEN 'live' ELSE 'draining' END,"
        " drain_until = CASE WHEN w.release_id = e.live_release_id THEN NULL"
        " ELSE now() + make_interval(secs => %s) END"
        " FROM environments e WHERE e.id = %s AND w.environment_id = e.id"
        " AND ((w.release_id = e.live_release_id AND w.state <> 'deleted')"
        "  OR (w.release_id IS DISTINCT FROM e.live_release_id AND w.state = 'live')"
        "  OR (w.release_id IS DISTINCT FROM e.live_release_id AND w.state = 'starting'"
        "      AND EXISTS (SELECT FROM releases r WHERE r.id = w.release_id)))"
        " RETURNING w.release_id, w.tick",
        [drain_seconds, environment_id],
    )
    return await found.fetchall()


async def make_due(connection: Connection, release_id: UUID) -> Row | None:
    """Have a workload looked at; release_id and tick, None where there is none."""
    found = await connection.execute(
        "UPDATE workloads SET due_at = now() WHERE release_id = %s AND state <> 'deleted'"
        " RETURNING release_id, tick",
        [release_id],
    )
    return await found.fetchone()


async def make_project_due(connection: Connection, project_id: UUID) -> list[Row]:
    """The same for all of a project."""
    found = await connection.execute(
        "UPDATE workloads SET due_at = now() WHERE project_id = %s AND state <> 'deleted'"
        " RETURNING release_id, tick",
        [project_id],
    )
    return await found.fetchall()


async def hold(
    connection: Connection, release_id: UUID, tick: int, lease_seconds: float, *, renewed: bool
) -> Row | None:
    """Take the lease by raising the tick, or keep it; None where the tick is stale.

    The row comes with what decides about it: pointer, project, account and deployment.
    """
    found = await connection.execute(
        "UPDATE workloads w SET tick = w.tick + %s, due_at = now() + make_interval(secs => %s)"
        " FROM environments e, projects p, accounts a, deployments d"
        " WHERE w.release_id = %s AND w.tick = %s AND w.state <> 'deleted'"
        " AND e.id = w.environment_id AND p.id = w.project_id AND a.id = w.account_id"
        " AND d.id = w.deployment_id"
        " RETURNING w.*, now() AS now,"
        " coalesce(e.live_release_id = w.release_id, false) AS is_live, e.stopped_at,"
        " coalesce(e.next_release_id = w.release_id, false) AS is_next, e.next_pin,"
        " extract(epoch FROM now() - e.next_since)::float AS next_seconds,"
        " p.slug AS project_slug, p.deleted_at IS NOT NULL AS project_deleted,"
        " a.limits AS account_limits, d.finished_at IS NOT NULL AS deployment_ended,"
        " EXISTS (SELECT FROM releases r WHERE r.id = w.release_id) AS is_released",
        [0 if renewed else 1, lease_seconds, release_id, tick],
    )
    return await found.fetchone()


async def put_off(
    connection: Connection, row: Row, seconds: float | None, *, failed: bool = False
) -> bool:
    """Give the lease back until some seconds have passed; None: until somebody asks."""
    done = await connection.execute(
        "UPDATE workloads SET due_at = now() + make_interval(secs => %s),"
        " attempt = CASE WHEN %s THEN attempt + 1 ELSE 0 END"
        " WHERE release_id = %s AND tick = %s",
        [seconds, failed, row["release_id"], row["tick"]],
    )
    return done.rowcount == 1


async def told(connection: Connection, row: Row, wanted: int) -> bool:
    """The cluster was told how many replicas; what was seen before counts no more."""
    done = await connection.execute(
        "UPDATE workloads SET status = CASE WHEN wanted = 0 OR %(wanted)s = 0 THEN NULL"
        " ELSE status END, wanted = %(wanted)s, told_at = now(),"
        " apply_asked_at = CASE WHEN apply_asked_at ="
        " %(asked)s THEN NULL ELSE apply_asked_at END"
        " WHERE release_id = %(id)s AND tick = %(tick)s",
        {
            "wanted": wanted,
            "asked": row["apply_asked_at"],
            "id": row["release_id"],
            "tick": row["tick"],
        },
    )
    return done.rowcount == 1


async def ending(connection: Connection, row: Row) -> bool:
    """Nothing is to run any more, and the cluster has to be told so."""
    done = await connection.execute(
        "UPDATE workloads SET wanted = 0, status = NULL, apply_asked_at = clock_timestamp()"
        " WHERE release_id = %s AND tick = %s",
        [row["release_id"], row["tick"]],
    )
    return done.rowcount == 1


async def seen(connection: Connection, row: Row, status: Any, addresses: Sequence[str]) -> bool:
    """What the cluster says now."""
    done = await connection.execute(
        "UPDATE workloads SET status = %s, seen_at = now(), addresses = %s"
        " WHERE release_id = %s AND tick = %s",
        [Jsonb(status), list(addresses), row["release_id"], row["tick"]],
    )
    return done.rowcount == 1


async def set_asleep(connection: Connection, row: Row, *, asleep: bool) -> bool:
    """What its routes are to say."""
    done = await connection.execute(
        "UPDATE workloads SET asleep = %s, awake_until = CASE WHEN %s THEN NULL"
        " ELSE awake_until END WHERE release_id = %s AND tick = %s",
        [asleep, asleep, row["release_id"], row["tick"]],
    )
    return done.rowcount == 1


async def restarted(connection: Connection, row: Row) -> bool:
    """The restart that was asked for was begun; a later one still counts.

    What was seen before knows nothing of it, and from now on it is looked at closely.
    """
    done = await connection.execute(
        "UPDATE workloads SET restart_asked_at = CASE WHEN restart_asked_at = %s THEN NULL"
        " ELSE restart_asked_at END, told_at = now(),"
        " status = jsonb_set(status, '{current}', 'false')"
        " WHERE release_id = %s AND tick = %s",
        [row["restart_asked_at"], row["release_id"], row["tick"]],
    )
    return done.rowcount == 1


async def keep(connection: Connection, row: Row) -> bool:
    """It has drained: nothing of it has to run."""
    done = await connection.execute(
        "UPDATE workloads SET state = 'kept', drain_until = NULL, floor = 0"
        " WHERE release_id = %s AND tick = %s AND state = 'draining'",
        [row["release_id"], row["tick"]],
    )
    return done.rowcount == 1


async def delete(connection: Connection, row: Row) -> bool:
    """Nothing of it is left; what it knew is forgotten, too."""
    done = await connection.execute(
        "UPDATE workloads SET state = 'deleted', deleted_at = now(), due_at = NULL, document = '',"
        " status = NULL, addresses = '{}', wanted = 0 WHERE release_id = %s AND tick = %s",
        [row["release_id"], row["tick"]],
    )
    if done.rowcount and row["image_is_ours"]:
        await end_image(connection, row["account_id"], row["project_id"], row["image"])
    return done.rowcount == 1


async def end_image(connection: Connection, account_id: UUID, project_id: UUID, image: str) -> UUID:
    """Commit that an image may go, unless another workload needs it; the delivery."""
    payload = {"project": str(project_id), "image": image}
    return await deliveries.insert(connection, account_id, "image_end", payload)


async def is_beyond(connection: Connection, row: Row, kept: int) -> bool:
    """Whether more than so many newer ones of its environment are kept."""
    found = await connection.execute(
        "SELECT count(*) AS newer FROM workloads WHERE environment_id = %s AND state = 'kept'"
        " AND number > %s",
        [row["environment_id"], row["number"]],
    )
    newer = await found.fetchone()
    return bool(newer and newer["newer"] >= kept)


async def oldest_kept(connection: Connection, environment_id: UUID, kept: int) -> list[Row]:
    """Those beyond the newest so many, due now."""
    found = await connection.execute(
        "UPDATE workloads SET due_at = now() WHERE release_id IN (SELECT release_id FROM workloads"
        " WHERE environment_id = %s AND state = 'kept' ORDER BY number DESC OFFSET %s)"
        " RETURNING release_id, tick",
        [environment_id, kept],
    )
    return await found.fetchall()


async def is_image_used(connection: Connection, project_id: UUID, image: str) -> bool:
    """Whether a workload of the project needs an image."""
    found = await connection.execute(
        "SELECT 1 FROM workloads WHERE project_id = %s AND image = %s AND state <> 'deleted'"
        " LIMIT 1",
        [project_id, image],
    )
    return await found.fetchone() is not None


async def take_due(connection: Connection, rest_seconds: float, limit: int) -> list[Row]:
    """Rows that are due, put off for ``rest_seconds`` so that each sweep hints new ones."""
    found = await connection.execute(
        "UPDATE workloads SET due_at = now() + make_interval(secs => %s) WHERE release_id IN ("
        "SELECT release_id FROM workloads WHERE state <> 'deleted' AND due_at <= now()"
        " ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING release_id, tick",
        [rest_seconds, limit],
    )
    return await found.fetchall()


async def read(connection: Connection, release_id: UUID) -> Row | None:
    """A workload by its release."""
    found = await connection.execute("SELECT * FROM workloads WHERE release_id = %s", [release_id])
    return await found.fetchone()


async def read_live(connection: Connection, project_id: UUID, environment: str) -> Row | None:
    """What is live of an environment, with its stop and the release that is to follow."""
    found = await connection.execute(
        "SELECT w.*, e.id AS environment_id, e.stopped_at, e.next_release_id, e.next_failure,"
        " e.account_id, p.slug AS project_slug, p.scaling AS project_scaling, a.limits,"
        " e.live_release_id"
        " FROM environments e JOIN projects p ON p.id = e.project_id"
        " JOIN accounts a ON a.id = e.account_id"
        " LEFT JOIN workloads w ON w.release_id = e.live_release_id"
        " WHERE e.project_id = %s AND e.name = %s AND p.deleted_at IS NULL",
        [project_id, environment],
    )
    return await found.fetchone()


async def set_stopped(connection: Connection, environment_id: UUID, *, stopped: bool) -> None:
    """Stop or start what is live of an environment."""
    await connection.execute(
        "UPDATE environments SET stopped_at = CASE WHEN %s THEN coalesce(stopped_at, now()) END"
        " WHERE id = %s",
        [stopped, environment_id],
    )


async def ask_restart(connection: Connection, release_id: UUID) -> None:
    """Have every process replaced."""
    await connection.execute(
        "UPDATE workloads SET restart_asked_at = clock_timestamp() WHERE release_id = %s",
        [release_id],
    )


async def set_scaling(
    connection: Connection, release_id: UUID, document: str, scaling: Mapping[str, Any]
) -> None:
    """Other bounds for a workload as it runs."""
    await connection.execute(
        "UPDATE workloads SET document = %s, scaling = %s, apply_asked_at = clock_timestamp()"
        " WHERE release_id = %s AND state <> 'deleted'",
        [document, Jsonb(dict(scaling)), release_id],
    )


async def set_project_scaling(
    connection: Connection, project_id: UUID, environment: str, scaling: Mapping[str, Any]
) -> None:
    """What goes before the source's own bounds in releases to come."""
    await connection.execute(
        "UPDATE projects SET scaling = coalesce(scaling, '{}') || %s WHERE id = %s",
        [Jsonb({environment: dict(scaling)}), project_id],
    )


async def wake(connection: Connection, release_id: UUID, awake_seconds: float) -> Row | None:
    """A gateway has a request for a release; see migration 0006. None: it cannot be woken."""
    found = await connection.execute(
        "SELECT * FROM wake_workload(%s, make_interval(secs => %s))", [release_id, awake_seconds]
    )
    return await found.fetchone()


async def report_load(
    connection: Connection, release_id: UUID, gateway: str, in_flight: float
) -> Row | None:
    """What a gateway has in flight; tick, and whether all ask for more than before."""
    found = await connection.execute(
        "SELECT * FROM report_load(%s, %s, %s::real)", [release_id, gateway, in_flight]
    )
    return await found.fetchone()
