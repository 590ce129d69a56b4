"""Releases that run, as the rows say, and messages of their lines in both shapes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg

from shared.database import Scope
from shared.logs.lines import Line, Record, encode
from shared.logs.runtime.models import RuntimeLogPage, Search
from shared.logs.runtime.service import RuntimeLogService
from shared.logs.service import Incoming
from tests.integration.logs.places import Place

TIME = "2026-11-24T07:20:00.000000001Z"

_MAKE = """
    INSERT INTO workloads (release_id, account_id, project_id, environment_id, deployment_id,
                           environment, number, document, image, image_is_ours, scaling)
    SELECT %(release)s, account_id, project_id, environment_id, id, environment, number,
           '', 'x', true, '{}'
    FROM deployments WHERE id = %(deployment)s
    RETURNING account_id, project_id, deployment_id
"""
_MAKE_NEXT = """
    INSERT INTO deployments (account_id, project_id, environment_id, environment,
                             number, lane, source, deadline_at)
    SELECT account_id, project_id, environment_id, environment, number + 1, 'main', '{}', now()
    FROM deployments WHERE id = %s RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Release:
    """A release that runs, and a member who may read."""

    id: UUID
    account_id: UUID
    project_id: UUID
    deployment_id: UUID
    user_id: UUID

    @property
    def scope(self) -> Scope:
        """The member's view."""
        return Scope(user_id=self.user_id)

    def record(
        self, texts: Sequence[str], sequence: int, writer: str = "w", replica: str = "web-1"
    ) -> Incoming:
        """A record as the runner writes it."""
        lines = tuple(
            Line(source="runtime", time=TIME, stream="stdout", replica=replica, text=text)
            for text in texts
        )
        record = Record(
            stream=self.id, account=self.account_id, writer=writer, sequence=sequence, lines=lines
        )
        return Incoming(encode(record))

    def shipped(
        self, text: str, offset: int, told_at: int | None = 1_000, *, partition: int = 3
    ) -> Incoming:
        """A message as Fluent Bit sends it."""
        message = {
            "version": "1",
            "key": f"{self.project_id}/pod-1",
            "account": str(self.account_id),
            "project": str(self.project_id),
            "release": str(self.id),
            "process": "web",
            "replica": "pod-1",
            "stream": "stderr",
            "time": TIME,
            "text": text,
            "shipped_at": 1795500000.1,
        }
        return Incoming(json.dumps(message).encode(), partition, offset, told_at)


async def run(database_url: str, place: Place) -> Release:
    """A workload of the place's deployment."""
    release = uuid4()
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        found = await connection.execute(
            _MAKE, {"release": release, "deployment": place.deployment_id}
        )
        row = await found.fetchone()
    assert row is not None
    return Release(release, *row, place.user_id)


async def run_next(database_url: str, release: Release) -> Release:
    """A workload of the same project's next deployment."""
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        found = await connection.execute(_MAKE_NEXT, [release.deployment_id])
        row = await found.fetchone()
    assert row is not None
    return await run(database_url, Place(row[0], release.account_id, release.user_id))


async def page(service: RuntimeLogService, of: Release, **wanted: object) -> RuntimeLogPage:
    """A page as the release's member sees it."""
    search = Search("production", **{"order": "oldest", **wanted})  # type: ignore[arg-type]
    return await service.page(of.scope, of.project_id, search)


async def texts(service: RuntimeLogService, of: Release, **wanted: object) -> list[str]:
    """All texts that fit, oldest first."""
    found: list[str] = []
    after = 0
    while True:
        one = await page(service, of, after=after, **wanted)
        found += [item.text for item in one.items]
        if one.complete and not one.items:
            return found
        assert one.next_cursor is not None
        after = one.next_cursor
