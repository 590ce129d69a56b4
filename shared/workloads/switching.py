"""Moves an environment's pointer to a release, now or as soon as its replicas are ready.

Everything here is part of the caller's transaction.
"""

from dataclasses import dataclass
from uuid import UUID

from shared.database import Connection, Row
from shared.errors import Conflict
from shared.routes import pointer_store
from shared.routes import store as routes
from shared.workloads import store


class ReleaseGone(Conflict):
    """Nothing is left of an old release that could run."""

    code, title = "release_gone", "The release is kept no longer"


@dataclass(frozen=True, slots=True)
class Moved:
    """What is to happen after the commit: routes to write, workloads to look at."""

    deliveries: list[UUID]
    hints: list[Row]


async def point_at(
    connection: Connection, environment: Row, release: Row, *, pin: bool, drain_seconds: float
) -> Moved:
    """Make a release live; ``environment`` was locked, ``release`` has id, number and kind.

    A dynamic one whose replicas do not run goes live later: what is live serves on until then.
    """
    if release["kind"] == "dynamic" and not await _answers(connection, release):
        await pointer_store.ask_next(connection, environment["id"], release["id"], pin=pin)
        hint = await store.make_due(connection, release["id"])
        return Moved([], [hint] if hint else [])
    await pointer_store.point_at(
        connection, environment["id"], release["id"], release["number"], pin=pin
    )
    return await after_move(connection, environment, drain_seconds)


async def after_move(connection: Connection, environment: Row, drain_seconds: float) -> Moved:
    """The pointer has moved: its routes are to be written, what was live drains."""
    hints = await store.pointer_moved(connection, environment["id"], drain_seconds)
    hosts = await routes.move_hosts(connection, environment["id"])
    return Moved(await routes.write_later(connection, environment["account_id"], hosts), hints)


async def _answers(connection: Connection, release: Row) -> bool:
    """Whether requests could be sent there at once; raises ReleaseGone."""
    row = await store.read(connection, release["id"])
    if row is None or row["state"] == "deleted":
        raise ReleaseGone(
            f"The release of #{release['number']} is kept no longer: deploy its source again"
        )
    return row["wanted"] > 0 and ((row["status"] or {}).get("ready") or 0) > 0
