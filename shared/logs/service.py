"""Logs as the rest of the platform uses them: write, ingest from Kafka, read.

Lines are stored first and pushed after; a push that fails harms nobody, since readers fill gaps
by position.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from shared.clients.kafka import Producer
from shared.database import Scope
from shared.errors import AstroCloudError
from shared.logs import fanout
from shared.logs.frames import FrameWriter, Read
from shared.logs.lines import Line, Record, Undecodable, decode
from shared.logs.masking import Masker, Secrets, no_secrets
from shared.logs.runtime.service import RuntimeLogService, lines_of
from shared.logs.runtime.shipped import decode_shipped
from shared.logs.runtime.store import Growth as RuntimeGrowth
from shared.logs.runtime.writer_store import Arrival
from shared.logs.store import Growth, LogStore, Page
from shared.logs.writer import LogWriter, timestamp

if TYPE_CHECKING:
    from shared.clients.webpubsub import PushClient

MAX_PAGE = 5_000
_HIGHEST_N = 2**53
_PUSH_SECONDS = 5.0
_PUSH_TTL_SECONDS = 30
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_log = logging.getLogger(__name__)


class Incoming(NamedTuple):
    """A record as Kafka handed it over; the position is where an operator finds it again."""

    value: bytes
    partition: int | None = None
    offset: int | None = None
    told_at: int | None = None
    """Milliseconds, by Kafka."""


class _OneLine(NamedTuple):
    """A frame."""

    n: int
    lines: Sequence[Line]


class LogService:
    """Built once a process; ``secrets`` knows the values to mask in a deployment's log."""

    def __init__(
        self,
        store: LogStore,
        producer: Producer,
        push: "PushClient",
        secrets: Secrets = no_secrets,
        *,
        runtime: RuntimeLogService | None = None,
        first_pause: float = _FIRST_PAUSE,
    ) -> None:
        self._store = store
        self._producer = producer
        self._push = push
        self._secrets = secrets
        self._runtime = runtime
        self._first_pause = first_pause
        self._pause = first_pause

    def writer(self, account_id: UUID, deployment_id: UUID, name: str) -> LogWriter:
        """A new writer of a deployment's log; ``name`` says which part of the work writes.

        The id is new each time: a step that runs again begins at sequence 1, and that must not
        look like a repetition.
        """
        writer_id = f"{name}-{token_hex(4)}"
        return LogWriter(self._producer, self._store_directly, account_id, deployment_id, writer_id)

    def frame_writer(
        self, account_id: UUID, deployment_id: UUID, run: str, read: Read, *, replica: str = ""
    ) -> FrameWriter:
        """The writer of a builder's log; whoever writes it for this run is the same writer.

        A task writes to its release's log, as a replica of its own.
        """
        return FrameWriter(
            self._producer,
            self._store_directly,
            self._sequence,
            read,
            account_id=account_id,
            deployment_id=deployment_id,
            writer_id=run,
            replica=replica,
        )

    async def say_once(
        self, account_id: UUID, release_id: UUID, writer_id: str, text: str, *, replica: str
    ) -> None:
        """Say one line of the platform in a release's log; this writer says no other one.

        Said again, it is a repetition.
        """
        line = Line(source="platform", time=timestamp(), stream="stdout", text=text)
        frames = (_OneLine(1, (line,)),)

        async def read(after: int) -> Sequence[_OneLine]:
            return frames if after < 1 else ()

        writer = self.frame_writer(account_id, release_id, writer_id, read, replica=replica)
        await writer.write(frames)

    async def ingest(self, batch: Sequence[Incoming]) -> None:
        """Store a batch from Kafka, then tell readers; raises where it could not be stored.

        The trigger repeats a batch that raised at once, so the pause before that is made here.
        What can never be stored is set aside, and the partition goes on.
        """
        arrivals = list(_decoded(batch))
        try:
            growths = await self._stored_all(arrivals)
        except Exception as error:
            _log.error("%d log records wait for the store: %s", len(arrivals), _reason(error))
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            raise
        self._pause = self._first_pause
        await self._tell(growths)

    async def read(self, scope: Scope, deployment_id: UUID, after: int, limit: int) -> Page:
        """Lines after a position, at most ``limit`` of them; raises NotFound."""
        after = min(max(after, 0), _HIGHEST_N)
        return await self._store.page(scope, deployment_id, after, min(max(limit, 1), MAX_PAGE))

    async def text(self, scope: Scope, deployment_id: UUID) -> AsyncIterator[str]:
        """The whole log as it stands, as text in pieces; raises NotFound before the first."""
        after = 0
        while True:
            page = await self.read(scope, deployment_id, after, MAX_PAGE)
            yield "".join(f"{line.time} {line.text}\n" for line in page.lines)
            if not page.lines:
                return
            after = page.next_after

    async def deliver_end(self, _scope: Scope, payload: dict[str, Any]) -> None:
        """The handler of ``log_end`` deliveries: the deployment's log is complete."""
        writer = self.writer(UUID(payload["account"]), UUID(payload["deployment"]), "end")
        await writer.end()

    async def say_dropped(self) -> None:
        """Say in servers' logs what was dropped of them; a timer's work."""
        if self._runtime is not None:
            await self._tell(await self._runtime.say_dropped())

    async def _store_directly(self, records: Sequence[Record]) -> None:
        await self._tell(await self._stored_all([Arrival(record) for record in records]))

    async def _sequence(self, stream: UUID, writer: str) -> int:
        """How far a writer of a deployment's or a release's log is stored."""
        if self._runtime is not None and await self._runtime.places([stream]):
            return await self._runtime.sequence(stream, writer)
        return await self._store.sequence(stream, writer)

    async def _stored_all(self, arrivals: Sequence[Arrival]) -> list[Growth | RuntimeGrowth]:
        """A stream is a release, whose lines go to its project's log, or a deployment."""
        streams = list({arrival.record.stream for arrival in arrivals})
        places = await self._runtime.places(streams) if self._runtime is not None else {}
        ordinary = [a.record for a in arrivals if a.record.stream not in places]
        growths: list[Growth | RuntimeGrowth] = [*await self._stored(ordinary)]
        if self._runtime is not None and places:
            of_releases = [a for a in arrivals if a.record.stream in places]
            growths += await self._runtime.store(of_releases, places)
        return growths

    async def _stored(self, records: Sequence[Record]) -> list[Growth]:
        deployments = {record.stream for record in records}
        maskers = {i: Masker(await self._secrets(i)) for i in deployments}
        appended = await self._store.append(records, maskers)
        strangers = Counter((record.stream, record.account) for record in appended.foreign)
        for (stream, account), count in strangers.items():
            _log.warning(
                "%d log records of stream %s, account %s were set aside: no such deployment",
                count,
                stream,
                account,
            )
        return appended.growths

    async def _tell(self, growths: Iterable[Growth | RuntimeGrowth]) -> None:
        sent = [self._tell_one(growth) for growth in growths]
        failures = [error for error in await asyncio.gather(*sent) if error is not None]
        if failures:
            _log.warning(
                "Lines of %d logs were stored but not pushed: %s",
                len(failures),
                _reason(failures[0]),
            )

    async def _tell_one(self, growth: Growth | RuntimeGrowth) -> Exception | None:
        group, messages = _told(growth)
        try:
            async with asyncio.timeout(_PUSH_SECONDS):
                for message in messages:
                    await self._push.send_to_group(group, message, ttl_seconds=_PUSH_TTL_SECONDS)
        except (AstroCloudError, TimeoutError) as error:
            return error
        return None


def _told(growth: Growth | RuntimeGrowth) -> tuple[str, Iterable[dict[str, Any]]]:
    """Whom a growth is told to, and in which messages."""
    if isinstance(growth, Growth):
        return fanout.group(growth.deployment_id), fanout.messages(growth)
    group = fanout.runtime_group(growth.project_id, growth.environment)
    return group, fanout.runtime_messages(growth.project_id, growth.environment, lines_of(growth))


def _decoded(batch: Iterable[Incoming]) -> Iterable[Arrival]:
    for item in batch:
        try:
            yield _arrival(item)
        except Undecodable as error:
            # It stays in the topic for as long as Kafka keeps it: that is where it is set aside.
            _log.warning(
                "Record %s of partition %s of topic logs was set aside: %s",
                item.offset,
                item.partition,
                error.detail,
            )


def _arrival(item: Incoming) -> Arrival:
    """A writer's record, or one line that an agent in a cluster shipped; raises Undecodable."""
    try:
        return Arrival(decode(item.value))
    except Undecodable as error:
        if item.partition is None or item.offset is None:
            raise
        try:
            shipped = decode_shipped(item.value)
        except Undecodable:
            raise error from None
        record = shipped.record(item.partition, item.offset)
        return Arrival(record, item.told_at, by_offset=True)


def _reason(error: Exception) -> str:
    return error.detail if isinstance(error, AstroCloudError) else type(error).__name__
