"""Deployments to log for, each with an account and a member of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg

from shared.database import Scope
from shared.logs.lines import Line, Record

_MAKE = """
    WITH account AS (
      INSERT INTO accounts (slug, name) VALUES (%(n)s, %(n)s) RETURNING id),
    person AS (
      INSERT INTO users (login, name) VALUES (%(n)s, %(n)s) RETURNING id),
    member AS (
      INSERT INTO members (account_id, user_id, role)
      SELECT account.id, person.id, 'viewer' FROM account, person),
    project AS (
      INSERT INTO projects (account_id, slug, name)
      SELECT id, %(n)s, %(n)s FROM account RETURNING id, account_id),
    place AS (
      INSERT INTO environments (account_id, project_id, name)
      SELECT account_id, id, 'production' FROM project
      RETURNING id, project_id, account_id),
    deployment AS (
      INSERT INTO deployments (account_id, project_id, environment_id, environment,
                               number, lane, source, deadline_at)
      SELECT account_id, project_id, id, 'production', 1, 'main', '{}', now() FROM place
      RETURNING id, account_id)
    SELECT deployment.id, deployment.account_id, person.id
    FROM deployment, person
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A deployment with its account and a member who may read."""

    deployment_id: UUID
    account_id: UUID
    user_id: UUID

    @property
    def scope(self) -> Scope:
        """The member's view."""
        return Scope(user_id=self.user_id)

    def record(
        self, texts: Sequence[str], sequence: int, writer: str = "w", *, end: bool = False
    ) -> Record:
        """A record of its log."""
        return Record(
            stream=self.deployment_id,
            account=self.account_id,
            writer=writer,
            sequence=sequence,
            lines=tuple(
                Line(source="build", time="2026-11-24T07:20:00.000Z", stream="stdout", text=text)
                for text in texts
            ),
            end=end,
        )


async def make_place(database_url: str) -> Place:
    """A new account, its member, project, environment and deployment, by the worker's role."""
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        found = await connection.execute(_MAKE, {"n": uuid4().hex})
        row = await found.fetchone()
    assert row is not None
    return Place(*row)


class Places:
    """Makes places in one database."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url

    async def make(self) -> Place:
        """A new one."""
        return await make_place(self._database_url)
