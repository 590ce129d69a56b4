"""What a replica writes: cut into lines, bounded per second, and its last lines remembered."""

import asyncio
import os
import time
from collections import deque
from dataclasses import dataclass, field

from infrastructure.local.runner.log import Lines
from infrastructure.local.runner.workloads.spool import SpoolWriter
from shared.logs.lines import Stream

LINES_A_SECOND, BYTES_A_SECOND = 2_000, 1024 * 1024
LAST_LINES = 20
_LAST_LINE_CHARACTERS = 1_000
_TAIL_BYTES = 8 * 1024
_PIECE = 256 * 1024


@dataclass(slots=True)
class Output:
    """The lines of one replica through all its lives.

    Above the bound lines are dropped and counted: a server is never held up by its own log.
    """

    spool: SpoolWriter
    replica: str
    _last: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    _streams: dict[Stream, Lines] = field(
        default_factory=lambda: {"stdout": Lines(), "stderr": Lines()}
    )
    _second: float = 0.0
    _lines: int = 0
    _bytes: int = 0
    _dropped: int = 0

    def write(self, data: bytes, stream: Stream) -> None:
        """Bytes as they came."""
        self._begin_second()
        if self._bytes >= BYTES_A_SECOND or self._lines >= LINES_A_SECOND:
            self._drop(data)
            return
        room = BYTES_A_SECOND - self._bytes
        kept, rest = data[:room], data[room:]
        self._bytes += len(kept)
        for text in self._streams[stream].feed(kept):
            self._add(stream, text)
        if rest:
            self._drop(rest)

    def _drop(self, data: bytes) -> None:
        """Count it, and remember the end of it: that is where a crash says why."""
        self._dropped += data.count(b"\n")
        tail = data[-_TAIL_BYTES:].decode("utf-8", "replace").splitlines()
        for text in tail[-LAST_LINES:]:
            self._last.append(text[:_LAST_LINE_CHARACTERS])

    def _add(self, stream: Stream, text: str) -> None:
        self._last.append(text[:_LAST_LINE_CHARACTERS])
        if self._lines >= LINES_A_SECOND:
            self._dropped += 1
            return
        self._lines += 1
        self.spool.add(self.replica, "runtime", stream, text)

    def say(self, text: str) -> None:
        """A line of ours."""
        self.spool.add(self.replica, "platform", "stdout", text)

    def tell_dropped(self) -> None:
        """Say what was dropped in a second that is over."""
        if self._dropped and time.monotonic() - self._second >= 1:
            self._say_dropped()

    def end(self) -> None:
        """A life is over: lines that nobody ended are complete."""
        for name, stream in self._streams.items():
            for text in stream.end():
                self._add(name, text)
        if self._dropped:
            self._say_dropped()

    def forget(self) -> None:
        """A new life begins with no last lines."""
        self._last.clear()

    @property
    def last_lines(self) -> tuple[str, ...]:
        """What it wrote last."""
        return tuple(self._last)

    def _begin_second(self) -> None:
        now = time.monotonic()
        if now - self._second >= 1:
            if self._dropped:
                self._say_dropped()
            self._second, self._lines, self._bytes = now, 0, 0

    def _say_dropped(self) -> None:
        count, self._dropped = self._dropped, 0
        self.say(
            f"{count:,} lines were dropped: more than {LINES_A_SECOND:,} lines or 1 MiB a second."
            " Next: lower the log level."
        )


async def read(descriptor: int, output: Output, stream: Stream) -> None:
    """Everything that comes out of a pipe, until nobody holds its other end."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_PIECE)
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    try:
        while data := await reader.read(_PIECE):
            output.write(data, stream)
    finally:
        transport.close()
