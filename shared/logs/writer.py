"""The writing side of a deployment's log: lines in, acknowledged records out.

A writer has one record on its way at a time; lines that come meanwhile gather for the next one.
A record that Kafka does not acknowledge in time is stored directly, under the same writer and
sequence: if Kafka delivers it later after all, it is a repetition.

The store skips by a writer's last sequence alone, so no record may be stored before those that
precede it. Kafka may have acknowledged some that nobody has stored yet. The writer keeps these,
and a direct store takes them along; what was stored meanwhile is a repetition, and costs nothing.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from shared.clients.kafka import Producer
from shared.errors import Unavailable
from shared.logs.lines import MAX_TEXT, TOPIC, Line, Record, Source, Stream, encode, printable

StoreDirectly = Callable[[Sequence[Record]], Awaitable[None]]

LINGER_SECONDS = 0.005
"""How long the first line of a record waits for others. A busy writer so makes more than 64
records a second, and a trigger's batch of as many is full before its second is over."""
DIRECT_LINGER_SECONDS = 0.25
RECORD_LINES = 2_000
RECORD_BYTES = 131_072
BUFFER_BYTES = 4_194_304
KEPT_BYTES = 2_097_152
"""Of acknowledged records; where they are more, the older half is made sure to be stored."""
PATIENCE_SECONDS = 60.0

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_log = logging.getLogger(__name__)


class LogWriter:
    """Writes one part of a deployment's log; no two writers of a deployment share an id.

    ``write`` never waits. Whoever writes without bound calls ``drain`` after each piece, as with
    asyncio's streams. Only where Kafka and the database both refuse a record for
    ``patience`` seconds do ``drain``, ``flush`` and ``end`` raise Unavailable; the record is
    kept, and the next call tries it again.
    """

    def __init__(
        self,
        producer: Producer,
        store_directly: StoreDirectly,
        account_id: UUID,
        deployment_id: UUID,
        writer_id: str,
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._producer = producer
        self._store_directly = store_directly
        self._account_id = account_id
        self._deployment_id = deployment_id
        self._writer_id = writer_id
        self._patience = patience
        self._lines: deque[tuple[Line, int]] = deque()
        self._bytes = 0
        self._sequence = 0
        self._on_its_way: tuple[Record, int] | None = None
        self._kept: deque[tuple[Record, int]] = deque()
        self._kept_bytes = 0
        self._ending = False
        self._ended = False
        self._linger = LINGER_SECONDS
        self._since = 0.0
        self._hurry = asyncio.Event()
        self._progress = asyncio.Event()
        self._pump_task: asyncio.Task[None] | None = None

    def write(self, text: str, stream: Stream = "stdout", source: Source = "platform") -> None:
        """Take the lines of a text, whole ones; a line break at its end begins no other line."""
        if self._ending:
            raise ValueError(f"The log of {self._deployment_id} was ended by this writer")
        time = timestamp()
        if not self._lines:
            self._since = asyncio.get_running_loop().time()
        for piece in _pieces(text):
            line = Line(source=source, time=time, stream=stream, text=piece)
            size = len(line.model_dump_json().encode())
            self._lines.append((line, size))
            self._bytes += size
        if self._bytes >= RECORD_BYTES or len(self._lines) >= RECORD_LINES:
            self._hurry.set()
        self._pump()

    async def drain(self) -> None:
        """Wait while more than the buffer's bound is not acknowledged."""
        while self._bytes > BUFFER_BYTES:
            self._progress.clear()
            await self._settled_or(self._progress)

    async def flush(self) -> None:
        """Return when every line written so far is acknowledged by Kafka or stored."""
        self._hurry.set()
        while self._waiting:
            await asyncio.shield(self._pump())

    async def end(self) -> None:
        """Send what waits, and say with it that the deployment's log is complete."""
        self._ending = True
        await self.flush()

    @property
    def _waiting(self) -> bool:
        unended = self._ending and not self._ended
        return bool(self._lines) or self._on_its_way is not None or unended

    def _pump(self) -> "asyncio.Task[None]":
        if self._pump_task is None or self._pump_task.done():
            self._pump_task = asyncio.create_task(self._deliver_all())
            self._pump_task.add_done_callback(_retrieve)
        return self._pump_task

    async def _settled_or(self, event: asyncio.Event) -> None:
        waiter = asyncio.create_task(event.wait())
        pump = self._pump()
        try:
            await asyncio.wait({waiter, pump}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiter.cancel()
        if pump.done():
            pump.result()

    async def _deliver_all(self) -> None:
        while self._waiting:
            if self._on_its_way is None:
                await self._gather()
                self._on_its_way = self._cut()
            record, size = self._on_its_way
            await self._deliver(record, size)
            self._on_its_way = None
            self._ended = record.end
            self._bytes -= size
            self._progress.set()

    async def _gather(self) -> None:
        left = self._since + self._linger - asyncio.get_running_loop().time()
        if left > 0 and not self._ending:
            try:
                async with asyncio.timeout(left):
                    await self._hurry.wait()
            except TimeoutError:
                return

    def _cut(self) -> tuple[Record, int]:
        lines: list[Line] = []
        size = 0
        while self._lines and len(lines) < RECORD_LINES:
            line, bytes_of_line = self._lines[0]
            if lines and size + bytes_of_line > RECORD_BYTES:
                break
            self._lines.popleft()
            lines.append(line)
            size += bytes_of_line
        self._hurry.clear()  # lines that are left have waited already
        self._sequence += 1
        record = Record(
            stream=self._deployment_id,
            account=self._account_id,
            writer=self._writer_id,
            sequence=self._sequence,
            lines=tuple(lines),
            end=self._ending and not self._lines,
        )
        return record, size

    async def _deliver(self, record: Record, size: int) -> None:
        clock = asyncio.get_running_loop().time
        give_up, pause = clock() + self._patience, _FIRST_PAUSE
        while not (await self._sent(record, size) or await self._stored(record)):
            if clock() + pause > give_up:
                raise Unavailable(
                    f"Neither Kafka nor the database takes the log of {record.stream};"
                    " it is tried again when the deployment is"
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _sent(self, record: Record, size: int) -> bool:
        """Whether Kafka took it."""
        try:
            if self._kept_bytes + size > KEPT_BYTES:
                await self._settle_older_half()
            await self._producer.send(TOPIC, str(self._deployment_id), encode(record))
        except Unavailable:
            self._linger = DIRECT_LINGER_SECONDS
            return False
        self._linger = LINGER_SECONDS
        self._kept.append((record, size))
        self._kept_bytes += size
        return True

    async def _stored(self, record: Record) -> bool:
        """Whether the store has it, and all before it."""
        try:
            await self._store_directly([*(kept for kept, _ in self._kept), record])
        except Unavailable as error:
            _log.warning("Record %s of %s waits: %s", record.sequence, record.stream, error.detail)
            return False
        self._kept.clear()
        self._kept_bytes = 0
        return True

    async def _settle_older_half(self) -> None:
        older: list[Record] = []
        bytes_left = self._kept_bytes
        for record, size in self._kept:
            if bytes_left <= KEPT_BYTES / 2:
                break
            older.append(record)
            bytes_left -= size
        await self._store_directly(older)
        for _ in older:
            self._kept.popleft()
        self._kept_bytes = bytes_left


def _retrieve(task: "asyncio.Task[None]") -> None:
    """Whoever waits next meets the error; nobody may be waiting now."""
    if not task.cancelled():
        task.exception()


def timestamp() -> str:
    """Now, as lines carry it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _pieces(text: str) -> Iterator[str]:
    """The text's lines; one that is too long in parts, cut between characters."""
    for line in printable(text).removesuffix("\n").split("\n"):
        rest = line.removesuffix("\r").encode()
        while len(rest) > MAX_TEXT:
            part = rest[:MAX_TEXT].decode(errors="ignore")
            yield part
            rest = rest[len(part.encode()) :]
        yield rest.decode()
