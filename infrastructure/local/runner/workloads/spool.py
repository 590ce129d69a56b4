"""Log lines of a workload on disk, until Kafka has them: written by the keeper, read by the daemon.

Lines are gathered into frames, each a record of its own later: its number within its writer makes
a repetition known as such. A keeper's life is one writer. Frames stand in segments; where nobody
takes them the oldest segments go, which is said in the log.
"""

import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from shared.logs.lines import Source, Stream

FRAME_SECONDS = 0.1
FRAME_BYTES = 64 * 1024
SEGMENT_BYTES = 1024 * 1024
SEGMENTS = 16
_SEGMENT = re.compile(r"(?P<writer>[0-9]{13}-[0-9a-f]{16})\.(?P<first>[0-9]{9})\.jsonl")


class Segment(NamedTuple):
    """A file of frames; in the order of writing."""

    writer: str
    first: int
    path: Path


class Frame(NamedTuple):
    """Lines that came together, and where in the segment the next frame begins."""

    number: int
    lines: list[dict[str, Any]]
    end: int


class SpoolWriter:
    """Writes one keeper's lines.

    ``begun`` is called with the first line of a frame: ``flush`` is to follow ``FRAME_SECONDS``
    later. ``written`` is called when a frame can be read.
    """

    def __init__(
        self,
        folder: Path,
        begun: Callable[[], object] = lambda: None,
        written: Callable[[], object] = lambda: None,
    ) -> None:
        self._begun, self._written = begun, written
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._writer = f"{time.time_ns() // 1_000_000:013d}-{secrets.token_hex(8)}"
        self._number = 0
        self._lines: list[str] = []
        self._size = 0
        self._file: int | None = None
        self._bytes = 0

    def add(self, replica: str, source: Source, stream: Stream, text: str) -> None:
        """A line; platform lines of the whole workload have no replica."""
        told = json.dumps(
            {"source": source, "time": _now(), "stream": stream, "replica": replica, "text": text},
            ensure_ascii=False,
        )
        size = len(told.encode("utf-8", "replace"))
        if self._lines and self._size + size > FRAME_BYTES:
            self.flush()
        is_first = not self._lines
        self._lines.append(told)
        self._size += size
        if is_first:
            self._begun()

    def flush(self) -> None:
        """Cut a frame of the lines so far, if there are any."""
        if not self._lines:
            return
        self._number += 1
        frame = f'{{"n":{self._number},"lines":[{",".join(self._lines)}]}}\n'
        self._lines, self._size = [], 0
        self._write(frame.encode("utf-8", "replace"))
        self._written()

    def _write(self, frame: bytes) -> None:
        if self._file is None or self._bytes >= SEGMENT_BYTES:
            self._begin()
        assert self._file is not None
        self._bytes += len(frame)
        while frame:
            frame = frame[os.write(self._file, frame) :]

    def _begin(self) -> None:
        self.close()
        path = self._folder / f"{self._writer}.{self._number:09d}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file, self._bytes = os.open(path, flags, 0o600), 0
        dropped = 0
        for segment in segments(self._folder)[:-SEGMENTS]:
            dropped += sum(len(frame.lines) for frame in frames(segment.path, 0))
            segment.path.unlink(missing_ok=True)
        if dropped:
            self.add(
                *("", "platform", "stderr"),
                f"{dropped:,} older lines were dropped: nothing has taken the log for too long.",
            )

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def segments(folder: Path) -> list[Segment]:
    """Those that are there, the oldest first."""
    found = []
    for path in folder.glob("*.jsonl"):
        if match := _SEGMENT.fullmatch(path.name):
            found.append(Segment(match["writer"], int(match["first"]), path))
    return sorted(found)


def frames(path: Path, start: int) -> Iterator[Frame]:
    """The complete frames from a position on; one that was cut off by a kill is none."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                start += len(line)
                frame = json.loads(line)
                yield Frame(frame["n"], frame["lines"], start)
    except FileNotFoundError:
        return


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
