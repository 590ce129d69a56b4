"""A run's log on disk: frames, one JSON object a line, that never change once they are written.

The keeper writes, the daemon reads; a frame that was cut off by a kill is none.
"""

import codecs
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infrastructure.local.runner.executor import LogTooLarge
from shared.builders.port import LogFrame, Phase
from shared.clusters.port import LINE_CHARACTERS, pieces

FRAME_SECONDS = 0.1
FRAME_BYTES = 64 * 1024
"""Of a frame's JSON, about: with the envelope of a record it stays far below Kafka's bound."""
ANSWER_BYTES = 512 * 1024
_ENVELOPE = 100


class LogWriter:
    """Cuts what commands write into lines, lines into frames, and counts.

    ``flush`` is to be called every ``FRAME_SECONDS``. ``on_phase`` is told when a phase begins;
    ``as_written`` is for ``Lines``.
    """

    def __init__(
        self,
        path: Path,
        most: int,
        on_phase: Callable[[Phase], None],
        *,
        as_written: bool = False,
    ) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._most, self._written = most, 0
        self._on_phase = on_phase
        self._streams = {name: Lines(as_written=as_written) for name in ("stdout", "stderr")}
        self._lines: list[str] = []
        self._size = 0
        self.frames = 0

    def write(self, data: bytes, stream: str = "stdout") -> None:
        """Bytes of a command, as they came; raises LogTooLarge at the bound."""
        kept = data[: self._most - self._written]
        self._written += len(kept)
        for text in self._streams[stream].feed(kept):
            self._add("build", stream, text)
        if len(kept) < len(data):
            raise LogTooLarge

    def say(self, text: str) -> None:
        """A line of our own, after what the commands have written so far."""
        self._end_lines()
        for line in text.splitlines():
            self._add("platform", "stdout", line)

    def begin(self, phase: Phase) -> None:
        """From here on it is this phase."""
        self._end_lines()
        self._on_phase(phase)

    def flush(self) -> None:
        """Cut a frame of the lines so far, if there are any."""
        if not self._lines:
            return
        self.frames += 1
        frame = f'{{"n":{self.frames},"lines":[{",".join(self._lines)}]}}\n'
        _write_all(self._file, frame.encode())
        self._lines, self._size = [], 0

    def close(self) -> None:
        """Write the rest; the log is complete."""
        self._end_lines()
        self.flush()
        os.close(self._file)

    def _end_lines(self) -> None:
        for name, stream in self._streams.items():
            for text in stream.end():
                self._add("build", name, text)

    def _add(self, source: str, stream: str, text: str) -> None:
        line = {"time": _now(), "source": source, "stream": stream, "text": text}
        told = json.dumps(line, ensure_ascii=False)
        size = len(told.encode()) + _ENVELOPE
        if self._lines and self._size + size > FRAME_BYTES:
            self.flush()
        self._lines.append(told)
        self._size += size


class Lines:
    """Bytes of one stream as they come, in pieces that end anywhere, also within a character.

    ``as_written`` is for whoever puts the lines together again: a carriage return at the end of
    one stays, and of a line in pieces the last one is shorter than the others, even if empty.
    """

    def __init__(self, *, as_written: bool = False) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._as_written = as_written

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now."""
        *lines, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        found = [piece for line in lines for piece in self._pieces(line)]
        while len(self._rest) > LINE_CHARACTERS:
            found.append(self._rest[:LINE_CHARACTERS])
            self._rest = self._rest[LINE_CHARACTERS:]
        return found

    def end(self) -> list[str]:
        """What is left of a line that nobody ended."""
        rest = self._rest + self._decoder.decode(b"", final=True)
        self._rest = ""
        self._decoder.reset()
        return self._pieces(rest) if rest else []

    def _pieces(self, line: str) -> list[str]:
        if self._as_written:
            return pieces(line)
        line = line.removesuffix("\r")
        starts = range(0, max(len(line), 1), LINE_CHARACTERS)
        return [line[start : start + LINE_CHARACTERS] for start in starts]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


class LogReader:
    """Finds frames by their number; remembers where each one begins."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._starts = [0]

    def count(self) -> int:
        """How many complete frames there are now."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._starts[-1])
                for line in file:
                    if line.endswith(b"\n"):
                        self._starts.append(self._starts[-1] + len(line))
        except FileNotFoundError:
            return 0
        return len(self._starts) - 1

    def after(self, number: int) -> list[dict[str, Any]]:
        """The next frames, about as many as one answer may hold; at least one if there is one."""
        count = self.count()
        if number >= count:
            return []
        begin = self._starts[max(number, 0)]
        end = max(
            (
                start
                for start in self._starts[max(number, 0) + 1 :]
                if start <= begin + ANSWER_BYTES
            ),
            default=self._starts[max(number, 0) + 1],
        )
        with self._path.open("rb") as file:
            file.seek(begin)
            return [json.loads(line) for line in file.read(end - begin).splitlines()]


def frames_of(found: list[dict[str, Any]]) -> list[LogFrame]:
    """The same as the port's values."""
    return [LogFrame.model_validate(frame) for frame in found]
