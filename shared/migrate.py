"""Brings a database to the newest schema: ``python -m shared.migrate`` with DATABASE_URL.

Runs as the owner of the schema (on Azure through the direct port, not the pooler). Each file is
one transaction; a lock in it makes migrators that start at once wait for one another.
"""

import asyncio
import hashlib
import os
import sys
from dataclasses import dataclass
from importlib import resources

import psycopg

_LOCK = 4207849484  # any constant that no other lock of ours uses


class MigrationChanged(Exception):
    """A file that was applied reads otherwise now: migrations are forward only."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name, which orders it, and its SQL."""

    name: str
    sql: str

    @property
    def digest(self) -> str:
        """SHA-256 of the SQL, to notice a file that was changed after it was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All migrations in order."""
    folder = resources.files("shared.migrations")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [Migration(f.name, f.read_text("utf-8")) for f in files]


async def migrate(dsn: str) -> list[str]:
    """Apply what is missing and return its names; raises MigrationChanged."""
    connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    async with connection:
        return [m.name for m in migrations() if await _apply(connection, m)]


async def _apply(connection: psycopg.AsyncConnection[tuple[object, ...]], new: Migration) -> bool:
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations ("
            "name text PRIMARY KEY, digest text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )
        found = await connection.execute(
            "SELECT digest FROM migrations WHERE name = %s", [new.name]
        )
        row = await found.fetchone()
        if row is None:
            await connection.execute(new.sql.encode())
            await connection.execute(
                "INSERT INTO migrations (name, digest) VALUES (%s, %s)", [new.name, new.digest]
            )
            return True
        if row[0] != new.digest:
            raise MigrationChanged(
                f"{new.name} was applied with another text: restore it and add a new migration"
            )
        return False


def main() -> int:
    """Migrate the database that DATABASE_URL names and say what was applied."""
    dsn = os.environ.get("DATABASE_URL", "")
    if not dsn:
        print("DATABASE_URL is not set: name the database to migrate", file=sys.stderr)
        return 2
    try:
        applied = asyncio.run(migrate(dsn))
    except MigrationChanged as error:
        print(error, file=sys.stderr)
        return 1
    print(f"applied {', '.join(applied)}" if applied else "nothing to apply")
    return 0


if __name__ == "__main__":
    sys.exit(main())
