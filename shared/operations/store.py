"""The queries behind what operators see."""

from shared.database import Connection, Row


async def list_running(connection: Connection, limit: int) -> list[Row]:
    """Deployments that have not ended, oldest first."""
    found = await connection.execute(
        "SELECT d.id, a.slug AS account, p.slug || ' #' || d.number AS name, d.state,"
        " coalesce(d.started_at, d.created_at) AS since, d.due_at, d.attempt"
        " FROM deployments d JOIN accounts a ON a.id = d.account_id"
        " JOIN projects p ON p.id = d.project_id"
        " WHERE d.finished_at IS NULL ORDER BY d.created_at LIMIT %s",
        [limit],
    )
    return await found.fetchall()


async def count(connection: Connection) -> Row:
    """How much there is of everything, in one look."""
    found = await connection.execute(
        "SELECT (SELECT count(*) FROM deployments WHERE finished_at IS NULL"
        "  AND state <> 'queued')::int AS active,"
        " (SELECT count(*) FROM deployments WHERE finished_at IS NULL"
        "  AND state = 'queued')::int AS waiting,"
        " (SELECT count(*) FROM deployments WHERE finished_at IS NULL"
        "  AND due_at < now() - interval '1 minute')::int AS overdue,"
        " (SELECT count(*) FROM deliveries WHERE done_at IS NULL)::int AS undelivered,"
        " (SELECT count(*) FROM accounts)::int AS accounts,"
        " (SELECT count(*) FROM projects WHERE deleted_at IS NULL)::int AS projects,"
        " (SELECT count(*) FROM environments WHERE live_release_id IS NOT NULL"
        "  AND name = 'production')::int AS live_sites"
    )
    row = await found.fetchone()
    assert row is not None
    return row
