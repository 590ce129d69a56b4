"""Writes the log of a builder's run: frames that never change, each of them one record.

The frame's number is the record's sequence, so whoever takes over after a kill tells frames again
without harm: what was stored is a repetition. The text stays with the builder until the run is
forgotten, so nothing is kept here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from uuid import UUID

from shared.clients.kafka import Producer
from shared.errors import Unavailable
from shared.logs.lines import MAX_TEXT, TOPIC, Line, Record, Source, Stream, encode, printable

_log = logging.getLogger(__name__)


class FrameLine(Protocol):
    """A line as a builder tells it."""

    @property
    def time(self) -> str:
        """RFC 3339 in UTC."""

    @property
    def source(self) -> Source:
        """Who wrote it."""

    @property
    def stream(self) -> Stream:
        """Where to."""

    @property
    def text(self) -> str:
        """What."""


class Frame(Protocol):
    """Lines that a builder tells under one number, always the same."""

    @property
    def n(self) -> int:
        """From 1, without gaps."""

    @property
    def lines(self) -> Sequence[FrameLine]:
        """At least one."""


Read = Callable[[int], Awaitable[Sequence[Frame]]]
"""The builder's frames after a number, some at a time."""
StoreDirectly = Callable[[Sequence[Record]], Awaitable[None]]
Stored = Callable[[UUID, str], Awaitable[int]]


class FrameWriter:
    """Writes one run's frames, in their order."""

    def __init__(
        self,
        producer: Producer,
        store_directly: StoreDirectly,
        stored: Stored,
        read: Read,
        *,
        account_id: UUID,
        deployment_id: UUID,
        writer_id: str,
        replica: str = "",
    ) -> None:
        self._producer = producer
        self._store_directly = store_directly
        self._stored = stored
        self._read = read
        self._account_id = account_id
        self._deployment_id = deployment_id
        self._writer_id = writer_id
        self._replica = replica

    async def write(self, frames: Sequence[Frame]) -> None:
        """Return when Kafka or the store has them; raises Unavailable where neither takes them."""
        results = await asyncio.gather(*map(self._send, frames), return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        if not errors:
            return
        if not all(isinstance(error, Unavailable) for error in errors):
            raise errors[0]
        _log.warning("Frames of %s go past Kafka: %s", self._writer_id, errors[0])
        await self._write_directly(frames[-1].n)

    async def _send(self, frame: Frame) -> None:
        record = encode(self._record(frame))
        await self._producer.send(TOPIC, str(self._deployment_id), record)

    async def _write_directly(self, last: int) -> None:
        """Store all up to a frame. Kafka may hold some that nobody stored yet: these come along,
        since the store takes none that is below its last."""
        after = await self._stored(self._deployment_id, self._writer_id)
        while after < last:
            frames = [frame for frame in await self._read(after) if frame.n <= last]
            if not frames:
                return
            await self._store_directly([self._record(frame) for frame in frames])
            after = frames[-1].n

    def _record(self, frame: Frame) -> Record:
        return Record(
            stream=self._deployment_id,
            account=self._account_id,
            writer=self._writer_id,
            sequence=frame.n,
            lines=tuple(
                Line(
                    source=line.source,
                    time=line.time,
                    stream=line.stream,
                    replica=self._replica,
                    text=printable(line.text)[:MAX_TEXT],
                )
                for line in frame.lines
            ),
        )
