"""The rows of logs: appending under the row lock of a deployment's head, and reading by position.

What a head accepts stands in ``stream``, how lines are kept in ``chunks``.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.database import Connection, Database, Row, Scope
from shared.errors import NotFound
from shared.logs import chunks
from shared.logs.lines import Line, NumberedLine, Record
from shared.logs.masking import Masker
from shared.logs.stream import Head, writers_from

PAGE_CHARACTERS = 1_048_576
"""A page ends early where its texts reach this; at least one line is in it."""

# Make the heads that are absent. A record whose deployment is unknown, or another account's,
# makes none. In order, as every lock here: two batches never wait for one another in a circle.
_MAKE_HEADS: LiteralString = """
    INSERT INTO log_streams (deployment_id, account_id)
    SELECT id, account_id FROM deployments
    JOIN unnest(%(ids)s::uuid[], %(accounts)s::uuid[]) AS named (deployment, account)
      ON id = deployment AND account_id = account
    ORDER BY id
    ON CONFLICT DO NOTHING
"""

# Lock the heads, so that lines get their numbers one batch after the other.
_LOCK_HEADS: LiteralString = """
    SELECT deployment_id, account_id, last_n, writers, ended_at IS NOT NULL AS ended
    FROM log_streams WHERE deployment_id = ANY(%(ids)s)
    ORDER BY deployment_id FOR UPDATE
"""

# Keep how far the log has come. It ends once; what comes late is kept all the same.
_MOVE_HEAD: LiteralString = """
    UPDATE log_streams
    SET last_n = %(last_n)s, writers = %(writers)s,
        ended_at = CASE WHEN %(ended)s THEN coalesce(ended_at, now()) END
    WHERE deployment_id = %(deployment)s
"""

# Keep a chunk of lines.
_ADD_CHUNK: LiteralString = """
    INSERT INTO log_chunks (deployment_id, account_id, first_n, last_n, lines)
    VALUES (%s, %s, %s, %s, %s)
"""

# Where a log stands. A deployment that finished without an end record (its worker was killed
# just then) is taken as ended after half a minute.
_FIND_HEAD: LiteralString = """
    SELECT coalesce(last_n, 0) AS last_n,
           ended_at IS NOT NULL
             OR coalesce(finished_at < now() - interval '30 seconds', false) AS ended
    FROM deployments LEFT JOIN log_streams ON deployment_id = id
    WHERE id = %(deployment)s
"""

# How far a writer's records are stored.
_FIND_SEQUENCE: LiteralString = """
    SELECT (writers -> %(writer)s ->> 'sequence')::bigint AS sequence
    FROM log_streams WHERE deployment_id = %(deployment)s
"""

# The chunks that hold lines after a position, up to a number of lines and of compressed bytes.
# No chunk has more lines than `widest`, which bounds the range of the primary key.
_FIND_CHUNKS: LiteralString = """
    SELECT first_n, lines FROM (
        SELECT first_n, lines,
               sum(octet_length(lines)) OVER (ORDER BY first_n) - octet_length(lines) AS before
        FROM log_chunks
        WHERE deployment_id = %(deployment)s AND last_n > %(after)s
          AND first_n > %(after)s::bigint - %(widest)s
          AND first_n <= %(after)s::bigint + %(limit)s
    ) AS found
    WHERE before < %(bytes)s ORDER BY first_n
"""


@dataclass(frozen=True, slots=True)
class Page:
    """Lines after a position; ``ended`` when none will follow the last of them."""

    lines: list[NumberedLine]
    next_after: int
    ended: bool


@dataclass(slots=True)
class Growth:
    """What a batch added to one deployment's log: nothing, where all was repetition."""

    deployment_id: UUID
    first_n: int
    lines: list[Line] = field(default_factory=list)
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch; ``foreign`` names no deployment, or not the account's."""

    growths: list[Growth]
    foreign: list[Record]


class LogStore:
    """Appends for the worker, reads for whoever the scope lets read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, records: Sequence[Record], maskers: Mapping[UUID, Masker]) -> Appended:
        """Store each record that is not stored yet, all or none; raises Unavailable."""
        by_stream: dict[tuple[UUID, UUID], list[Record]] = defaultdict(list)
        for record in records:
            by_stream[record.stream, record.account].append(record)
        if not by_stream:
            return Appended([], [])
        async with self._database.transaction() as connection:
            heads = await _locked_heads(connection, list(by_stream))
            growths, foreign = [], []
            for stream in sorted(by_stream):
                if stream in heads:
                    growths.append(
                        await _grow(
                            connection, stream, heads[stream], by_stream[stream], maskers[stream[0]]
                        )
                    )
                else:
                    foreign += by_stream[stream]
        return Appended(growths, foreign)

    async def sequence(self, deployment_id: UUID, writer: str) -> int:
        """The sequence of the writer's last stored record; 0 where there is none."""
        async with self._database.transaction() as connection:
            found = await connection.execute(
                _FIND_SEQUENCE, {"deployment": deployment_id, "writer": writer}
            )
            row = await found.fetchone()
        return row["sequence"] or 0 if row else 0

    async def page(self, scope: Scope, deployment_id: UUID, after: int, limit: int) -> Page:
        """At most ``limit`` lines after a position; raises NotFound."""
        async with self._database.transaction(scope) as connection:
            found = await connection.execute(_FIND_HEAD, {"deployment": deployment_id})
            head = await found.fetchone()
            if head is None:
                raise NotFound("No such deployment")
            rows = await _chunks_after(connection, deployment_id, after, limit)
        lines = await asyncio.to_thread(_unpack, rows, after, limit)
        next_after = lines[-1].n if lines else after
        return Page(lines, next_after, head["ended"] and next_after >= head["last_n"])


async def _locked_heads(
    connection: Connection, streams: list[tuple[UUID, UUID]]
) -> dict[tuple[UUID, UUID], Head]:
    ids, accounts = map(list, zip(*streams, strict=True))
    await connection.execute(_MAKE_HEADS, {"ids": ids, "accounts": accounts})
    rows = await (await connection.execute(_LOCK_HEADS, {"ids": ids})).fetchall()
    return {
        (row["deployment_id"], row["account_id"]): Head(
            row["last_n"], writers_from(row["writers"]), row["ended"]
        )
        for row in rows
    }


async def _grow(
    connection: Connection,
    stream: tuple[UUID, UUID],
    head: Head,
    records: Sequence[Record],
    masker: Masker,
) -> Growth:
    deployment_id, account_id = stream
    growth = Growth(deployment_id, head.last_n + 1)
    taken = [head.take(record, masker) for record in records]
    growth.lines = [line for lines in taken if lines is not None for line in lines]
    growth.ended = head.ended
    if all(lines is None for lines in taken):
        return growth
    packed = await asyncio.to_thread(lambda: list(chunks.pack(growth.first_n, growth.lines)))
    async with connection.cursor() as cursor:
        await cursor.executemany(
            _ADD_CHUNK, [(deployment_id, account_id, *chunk) for chunk in packed]
        )
    await connection.execute(
        _MOVE_HEAD,
        {
            "deployment": deployment_id,
            "last_n": head.last_n,
            "writers": Jsonb(head.writers_document()),
            "ended": head.ended,
        },
    )
    return growth


async def _chunks_after(
    connection: Connection, deployment_id: UUID, after: int, limit: int
) -> list[Row]:
    found = await connection.execute(
        _FIND_CHUNKS,
        {
            "deployment": deployment_id,
            "after": after,
            "limit": limit,
            "widest": chunks.MAX_LINES,
            "bytes": PAGE_CHARACTERS,
        },
    )
    return await found.fetchall()


def _unpack(rows: Sequence[Row], after: int, limit: int) -> list[NumberedLine]:
    lines: list[NumberedLine] = []
    size = 0
    for row in rows:
        for line in chunks.unpack(row["first_n"], row["lines"]):
            if len(lines) == limit or size >= PAGE_CHARACTERS:
                return lines
            if line.n > after:
                lines.append(line)
                size += len(line.text)
    return lines
