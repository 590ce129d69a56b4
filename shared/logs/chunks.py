"""How lines are kept: compressed in chunks that are small enough to read one for a page.

A chunk holds no positions; the row that keeps it says where it begins.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from shared.logs.lines import Line, NumberedLine

MAX_LINES = 1_000
MAX_CHARACTERS = 262_144

FIELDS = ("time", "source", "stream", "replica", "text")
"""What of a line is kept, in this order; logs whose lines have more name more."""


class Chunk(NamedTuple):
    """Lines from ``first_n`` to ``last_n``, compressed."""

    first_n: int
    last_n: int
    lines: bytes


def pack(first_n: int, lines: Iterable[Line], fields: Sequence[str] = FIELDS) -> Iterator[Chunk]:
    """Chunks of the lines, numbered from ``first_n``."""
    for part in _parts(lines):
        rows = [[getattr(line, field) for field in fields] for line in part]
        text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
        last_n = first_n + len(part) - 1
        yield Chunk(first_n, last_n, zlib.compress(text.encode(), level=3))
        first_n = last_n + 1


def unpack(first_n: int, lines: bytes) -> Iterator[NumberedLine]:
    """The lines of a chunk; they were checked when they came in."""
    for n, row in enumerate(rows_of(lines), first_n):
        time, source, stream, replica, text = row
        yield NumberedLine.model_construct(
            n=n, time=time, source=source, stream=stream, replica=replica, process="", text=text
        )


def rows_of(lines: bytes) -> list[list[str]]:
    """What was kept of a chunk's lines: the values of the fields that it was packed with."""
    rows: list[list[str]] = json.loads(zlib.decompress(lines))
    return rows


def _parts(lines: Iterable[Line]) -> Iterator[Sequence[Line]]:
    part: list[Line] = []
    size = 0
    for line in lines:
        if part and (len(part) == MAX_LINES or size + len(line.text) > MAX_CHARACTERS):
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line.text)
    if part:
        yield part
