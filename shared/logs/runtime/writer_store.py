"""How far each writer of a server's lines is stored: so each record is stored once, however often
and by whatever topic it comes.

The lines themselves are stored by ``store``, in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import LiteralString, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.database import Connection
from shared.logs.lines import Line, Record
from shared.logs.masking import Masker
from shared.logs.runtime.models import Place
from shared.logs.stream import Writer

# How far these writers are stored.
_FIND_WRITERS: LiteralString = """
    SELECT release_id, writer, sequence, tails, told_at, topic_at FROM runtime_writers
    WHERE (release_id, writer) IN
          (SELECT * FROM unnest(%(releases)s::uuid[], %(writers)s::text[]))
"""

# Keep how far a writer is stored.
_KEEP_WRITER: LiteralString = """
    INSERT INTO runtime_writers (release_id, writer, account_id, sequence, tails, told_at,
                                 topic_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (release_id, writer) DO UPDATE
    SET sequence = excluded.sequence, tails = excluded.tails, told_at = excluded.told_at,
        topic_at = excluded.topic_at, seen_at = now()
"""

# Forget writers that no message of a topic can name any more.
_FORGET_WRITERS: LiteralString = """
    DELETE FROM runtime_writers WHERE seen_at < now() - interval '8 days'
"""


class Arrival(NamedTuple):
    """A record, and when Kafka was told it (milliseconds), where it is numbered by its offset."""

    record: Record
    told_at: int | None = None
    by_offset: bool = False


@dataclass(slots=True)
class Progress:
    """How far one writer is stored. Offsets that restart are those of a new topic.

    A message that is at or below the last offset but younger than all before it cannot have been
    stored: the topic was made anew. A repetition is never younger than the newest that was. What
    is not younger than the newest of the topic before (``topic_at``) is of that one.
    """

    writer: Writer = field(default_factory=Writer)
    told_at: int | None = None
    topic_at: int | None = None

    def take(self, arrival: Arrival, masker: Masker) -> list[Line] | None:
        """The lines of a record, masked; None where it is stored already."""
        told_at, newest = arrival.told_at, self.told_at
        if told_at is not None and self.topic_at is not None and told_at <= self.topic_at:
            return None
        if self._is_of_a_new_topic(arrival):
            self.topic_at = newest
            self.writer.sequence = arrival.record.sequence - 1
        lines = self.writer.take(arrival.record, masker)
        if lines is not None and told_at is not None:
            self.told_at = told_at if newest is None else max(newest, told_at)
        return lines

    def _is_of_a_new_topic(self, arrival: Arrival) -> bool:
        if not arrival.by_offset or arrival.told_at is None or self.told_at is None:
            return False
        is_before = arrival.record.sequence <= self.writer.sequence
        return is_before and arrival.told_at > self.told_at


async def sequence(connection: Connection, release_id: UUID, writer: str) -> int:
    """The sequence of a writer's last stored record; 0 where there is none."""
    values = {"releases": [release_id], "writers": [writer]}
    row = await (await connection.execute(_FIND_WRITERS, values)).fetchone()
    return int(row["sequence"]) if row else 0


async def progress_of(
    connection: Connection, arrivals: Sequence[Arrival]
) -> dict[tuple[UUID, str], Progress]:
    """How far the writers of these records are, by release and name; absent ones begin."""
    keys = list({(a.record.stream, a.record.writer) for a in arrivals})
    progress = {key: Progress() for key in keys}
    values = {"releases": [key[0] for key in keys], "writers": [key[1] for key in keys]}
    for row in await (await connection.execute(_FIND_WRITERS, values)).fetchall():
        tails = {origin: (form, length) for origin, (form, length) in row["tails"].items()}
        writer = Writer(row["sequence"], tails)
        progress[row["release_id"], row["writer"]] = Progress(
            writer, row["told_at"], row["topic_at"]
        )
    return progress


async def keep_progress(
    connection: Connection,
    progress: Mapping[tuple[UUID, str], Progress],
    places: Mapping[UUID, Place],
) -> None:
    """Keep how far they are now."""
    rows = [
        (
            *(release, name, places[release].account_id),
            *(one.writer.sequence, Jsonb(one.writer.tails), one.told_at, one.topic_at),
        )
        for (release, name), one in sorted(progress.items())
    ]
    async with connection.cursor() as cursor:
        await cursor.executemany(_KEEP_WRITER, rows)


async def forget_writers(connection: Connection) -> None:
    """Forget those that no message can name any more."""
    await connection.execute(_FORGET_WRITERS)
