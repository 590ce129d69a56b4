"""The queries of hosts."""

from uuid import UUID

from shared.database import Connection, Row
from shared.deliveries import store as deliveries

REST_DAYS = 30


async def claim_host(
    connection: Connection, host: str, project_id: UUID, environment_id: UUID
) -> bool:
    """Take a host name for an environment; False where it is taken or still rests."""
    found = await connection.execute(
        "SELECT claim_host(%s, %s, %s, make_interval(days => %s)) AS taken",
        [host, project_id, environment_id, REST_DAYS],
    )
    row = await found.fetchone()
    return bool(row and row["taken"])


async def insert_permalink(
    connection: Connection, host: str, account_id: UUID, project_id: UUID, release_id: UUID
) -> None:
    """The host of one release."""
    await connection.execute(
        "INSERT INTO hosts (host, account_id, project_id, release_id) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (host) DO UPDATE SET account_id = excluded.account_id,"
        " project_id = excluded.project_id, release_id = excluded.release_id,"
        " environment_id = NULL, generation = hosts.generation + 1, freed_at = NULL"
        " WHERE hosts.freed_at IS NOT NULL",
        [host, account_id, project_id, release_id],
    )


async def move_hosts(connection: Connection, environment_id: UUID) -> list[str]:
    """Give the hosts of an environment their next generation; their names."""
    found = await connection.execute(
        "UPDATE hosts SET generation = generation + 1"
        " WHERE environment_id = %s AND freed_at IS NULL RETURNING host",
        [environment_id],
    )
    return [row["host"] for row in await found.fetchall()]


async def move_release_hosts(connection: Connection, release_id: UUID) -> list[str]:
    """The same for every host that a release answers: its own, and its environment's while live."""
    found = await connection.execute(
        "UPDATE hosts SET generation = generation + 1 WHERE freed_at IS NULL AND (release_id = %s"
        " OR environment_id IN (SELECT id FROM environments WHERE live_release_id = %s))"
        " RETURNING host",
        [release_id, release_id],
    )
    return [row["host"] for row in await found.fetchall()]


async def free_hosts(connection: Connection, project_id: UUID) -> list[str]:
    """Give up all hosts of a project; they rest before anyone may take them again."""
    found = await connection.execute(
        "UPDATE hosts SET freed_at = now(), generation = generation + 1"
        " WHERE project_id = %s AND freed_at IS NULL RETURNING host",
        [project_id],
    )
    return [row["host"] for row in await found.fetchall()]


async def read_route(connection: Connection, host: str) -> Row | None:
    """All that a host's route is made of, as of one moment."""
    found = await connection.execute(
        "SELECT h.host, h.generation, h.freed_at, h.project_id, h.release_id AS permalink,"
        " e.name AS environment, a.suspended_at, r.id AS release_id, r.serving, r.kind,"
        " w.addresses, w.asleep, w.state AS workload, w.wanted, e.stopped_at"
        " FROM hosts h JOIN accounts a ON a.id = h.account_id"
        " LEFT JOIN environments e ON e.id = h.environment_id"
        " LEFT JOIN releases r ON r.id = coalesce(h.release_id, e.live_release_id)"
        " LEFT JOIN workloads w ON w.release_id = r.id"
        " WHERE h.host = %s",
        [host],
    )
    return await found.fetchone()


async def write_later(connection: Connection, account_id: UUID, hosts: list[str]) -> list[UUID]:
    """Commit with the change that the routes of these hosts are to be written; the deliveries."""
    return [
        await deliveries.insert(connection, account_id, "route", {"host": host}) for host in hosts
    ]
