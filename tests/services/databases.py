"""Databases of tests: one migrated template a session, one clone of it a test."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg
from psycopg import sql

from infrastructure.local.services import postgres as server
from tests.services.embedded import Embedded
from tests.services.handles import Database, Postgres

TEMPLATE = "template"


async def make_template(postgres: Postgres) -> None:
    """The database that every test's own is a copy of."""
    from shared.migrate import migrate

    admin = postgres.admin_dsn
    async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as connection:
        await server.ensure_database(connection, TEMPLATE)
    await migrate(postgres.dsn(server.OWNER, TEMPLATE))


class Databases:
    """Makes and drops clones."""

    def __init__(self, embedded: Embedded, postgres: Postgres) -> None:
        embedded.run(make_template(postgres))
        self._postgres = postgres
        self._numbers = itertools.count(1)

    @contextmanager
    def clone(self) -> Iterator[Database]:
        """A database for one test."""
        name = f"test_{next(self._numbers)}"
        self._admin("CREATE DATABASE {} TEMPLATE {} OWNER {}", name, TEMPLATE, server.OWNER)
        self._admin("REVOKE ALL ON DATABASE {} FROM PUBLIC", name)
        for role in server.ROLES:
            self._admin("GRANT CONNECT ON DATABASE {} TO {}", name, role)
        owner, api, admin, worker = (self._postgres.dsn(role, name) for role in server.ROLES)
        try:
            yield Database(name, owner=owner, api=api, admin=admin, worker=worker)
        finally:
            self._admin("DROP DATABASE {} WITH (FORCE)", name)

    def _admin(self, statement: LiteralString, *names: str) -> None:
        with psycopg.connect(self._postgres.admin_dsn, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
