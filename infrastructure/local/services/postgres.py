"""Postgres from a wheel: its own data folder, TCP on 127.0.0.1, scram passwords, fsync on."""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from infrastructure.local import binaries
from infrastructure.local.nodes import Service, Step
from infrastructure.local.paths import Paths
from infrastructure.local.process import run_to_end
from infrastructure.local.secrets import Secrets
from infrastructure.local.unprivileged import prefix

DATABASE = "astrocloud"
ADMIN = "postgres"
OWNER = "astrocloud_owner"
ROLES = (OWNER, "astrocloud_api", "astrocloud_admin", "astrocloud_worker")

# A laptop's stack: little memory, rare checkpoints, no replication. What is committed stays
# committed after a crash or a power cut: fsync, synchronous_commit and full_page_writes are on.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "15min",
    "max_wal_size": "1GB",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "jit": "off",
}


def dsn(port: int, role: str, password: str, database: str = DATABASE) -> str:
    """How a role reaches a database."""
    return f"postgresql://{role}:{password}@127.0.0.1:{port}/{database}"


def service(
    paths: Paths,
    port: int,
    secrets: Secrets,
    *,
    settings: Mapping[str, str] = SETTINGS,
    needs: tuple[str, ...] = (),
) -> Service:
    """The server. Its data folder is made at the first start."""
    program, folder = binaries.postgres("postgres"), paths.state / "postgres"
    data = folder / "data"
    password = secrets.text("postgres-admin")
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    words = prefix(folder, program)

    async def prepare() -> None:
        if not data.exists():
            log = paths.logs / "postgres.log"
            await _initdb(words, folder, secrets.path("postgres-admin"), log)

    async def ready() -> bool:
        try:
            connection = await psycopg.AsyncConnection.connect(
                dsn(port, ADMIN, password, "postgres"), connect_timeout=2
            )
        except psycopg.OperationalError:
            return False
        await connection.close()
        return True

    return Service(
        name="postgres",
        command=[*words, str(program), "-D", str(data), "-p", str(port), *options],
        environment={"LC_ALL": "C"},
        port=port,
        ready=ready,
        needs=needs,
        before_start=prepare,
        stop_signal=signal.SIGINT,  # "fast": ends sessions, writes everything, leaves
        stop_seconds=30,
    )


def roles_step(port: int, secrets: Secrets, *, needs: tuple[str, ...] = ("postgres",)) -> Step:
    """The roles with their passwords, and the database of the owner."""
    admin = dsn(port, ADMIN, secrets.text("postgres-admin"), "postgres")
    passwords = {role: secrets.text(role) for role in ROLES}

    async def run() -> str:
        async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as connection:
            for role, password in passwords.items():
                await _ensure_role(connection, role, password)
            await ensure_database(connection, DATABASE)
        return DATABASE

    return Step(name="database", run=run, needs=needs)


async def ensure_database(connection: psycopg.AsyncConnection, name: str) -> None:
    """Create a database of the owner's, unless it is there."""
    found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
    if not await found.fetchone():
        await _run(connection, "CREATE DATABASE {} OWNER {}", name, OWNER)
    await _run(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", name)
    for role in ROLES:
        await _run(connection, "GRANT CONNECT ON DATABASE {} TO {}", name, role)


async def _ensure_role(connection: psycopg.AsyncConnection, role: str, password: str) -> None:
    found = await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
    verb = "ALTER" if await found.fetchone() else "CREATE"
    statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
        sql.SQL(verb), sql.Identifier(role), sql.Literal(password)
    )
    await connection.execute(statement)


async def _run(connection: psycopg.AsyncConnection, statement: LiteralString, *names: str) -> None:
    await connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


async def _initdb(words: Sequence[str], folder: Path, password: Path, log: Path) -> None:
    """Make the data folder beside its place first: half a folder is never taken for one."""
    draft = folder / "draft"
    await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)
    await run_to_end(
        "initdb",
        [
            *words,
            str(binaries.postgres("initdb")),
            *("-D", str(draft), "-U", ADMIN, "-E", "UTF8", "-A", "scram-sha-256"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--no-instructions", f"--pwfile={password}"),
        ],
        log=log,
        environment={**os.environ, "LC_ALL": "C"},
    )
    draft.rename(folder / "data")
