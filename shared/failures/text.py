"""From whatever a process printed to numbered lines; bounded, however much it was.

Kept are the first and the last part of a log, and of what lies between only lines that look like
errors. What a line means stands in the signs, not here.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator

from shared.failures.models import Line

HEAD = 1 << 20
TAIL = 3 << 20
MIDDLE_LINES = 2_000
LONGEST = 1_000  # characters of a line that are read; more is never needed to tell a cause
CHUNK = 1 << 20

_MARKS = (b"rror", b"ERR", b"atal", b"FATAL", b"annot ", b"ENOSPC", b"Killed", b"No space")
# Colours and cursor moves, titles and links (OSC), and the short sequences.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]|\x1b[@-Z\\^_=>78]"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\ufeff]")
# What loggers, builders and task runners put before a line; each at most once, in this order.
_PREFIXES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:Step #\d+(?: - \"[^\"]*\")?|remote|stderr|stdout)[:|] ",
        r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]+ [\w./-]+(?:\[[\w.-]+\])?: ",
        r"[\w.-]{1,40}\s+\| +",
        r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?\]?[ \t:|]*",
        r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)? ",
        r"\[?\d{1,2}:\d\d:\d\d(?:[.,]\d+)?(?: [AP]M)?\]?(?::| \|)?[ \t]+",
        r"#\d+ (?:\d+\.\d+ )?",
        r"(?:STEP \d+/\d+: )",
        r"@?[\w./-]+:(?:build|start|dev|lint|generate|typecheck|check|test)(?::[\w-]+)?: ",
        r"@?[\w./-]+ (?:build|start|dev|lint|generate|typecheck): ",
    )
)
_WARNING = re.compile(
    r"\s*(?:npm (?:warn|WARN)\b|WARN(?:ING)?\b|warn(?:ing)?\b[ :-]|Warning:|\[WARN|\(node:\d+\)"
    r"|⚠|▲ \[WARNING\]|\(!\)|warning |DEPRECATION)|.{0,120}(?:Deprecation|User|Syntax|Future|"
    r"Experimental)Warning:|.{0,60}\bwarning TS\d|\S+:\d+:\d+: warning: "
)


class Log:
    """What is kept of a log that comes in pieces: memory stays bounded."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._middle: list[tuple[int, bytes]] = []
        self._passed = 0  # newlines between head and tail
        self.size = 0

    @classmethod
    def of(cls, log: str | bytes | Iterable[bytes]) -> "Log":
        """A log from a text, its bytes, or pieces of them."""
        made = cls()
        if isinstance(log, str):
            log = log.encode("utf-8", "surrogatepass")
        if isinstance(log, bytes):
            view = log
            log = (view[at : at + CHUNK] for at in range(0, len(view), CHUNK))
        for piece in log:
            made.feed(piece)
        return made

    def feed(self, piece: bytes) -> None:
        """Take the next piece."""
        self.size += len(piece)
        room = HEAD - len(self._head)
        if room > 0:
            self._head += piece[:room]
            piece = piece[room:]
        self._tail += piece
        if len(self._tail) > 2 * TAIL:
            self._let_go(len(self._tail) - TAIL)

    def _let_go(self, count: int) -> None:
        """Let the oldest bytes of the tail pass, up to a line's end where there is one."""
        end = self._tail.rfind(b"\n", 0, count) + 1 or count
        passing = bytes(self._tail[:end])
        del self._tail[:end]
        if len(self._middle) < MIDDLE_LINES:
            self._middle += _marked(passing, self._passed, MIDDLE_LINES - len(self._middle))
        self._passed += passing.count(b"\n")

    @property
    def looked_at(self) -> str:
        """What was read of a log that is too long to be read as a whole."""
        if self.size <= HEAD + 2 * TAIL:
            return ""
        return (
            f"Looked at the first {HEAD >> 20} MiB and the last {len(self._tail) >> 20} MiB of "
            f"{self.size >> 20} MiB, and between them at {len(self._middle):,} line(s) that "
            "look like errors."
        )

    def lines(self) -> Iterator[Line]:
        """The kept lines in their order, empty ones left out."""
        if not self._passed and not self._middle:
            yield from _lines(bytes(self._head + self._tail), 1)
            return
        yield from _lines(bytes(self._head), 1)
        first = self._head.count(b"\n") + 1
        for offset, raw in self._middle:
            yield from _lines(raw, first + offset)
        yield from _lines(bytes(self._tail), first + self._passed)


def _marked(block: bytes, first: int, room: int) -> list[tuple[int, bytes]]:
    """Lines of a block that look like errors, each with its number counted from ``first``."""
    starts: dict[int, bytes] = {}
    for mark in _MARKS:
        at = block.find(mark)
        while at >= 0 and len(starts) < room:
            start, end = block.rfind(b"\n", 0, at) + 1, block.find(b"\n", at)
            end = end if end >= 0 else len(block)
            starts[start] = block[start : min(end, start + 4 * LONGEST)]
            at = block.find(mark, end)
    found: list[tuple[int, bytes]] = []
    n, before = first, 0
    for start in sorted(starts)[:room]:
        n += block.count(b"\n", before, start)
        before = start
        found.append((n, starts[start]))
    return found


def _lines(data: bytes, first: int) -> Iterator[Line]:
    start = 0
    n = first
    while start <= len(data):
        end = data.find(b"\n", start)
        end = end if end >= 0 else len(data)
        made = line(n, _bounded(data, start, end).decode("utf-8", "replace"))
        if made.bare:
            yield made
        start, n = end + 1, n + 1


def _bounded(data: bytes, start: int, end: int) -> bytes:
    """As much of a line as is read: its start, or its end where it was drawn over and over."""
    most = 16 * LONGEST
    if end - start > most and data.find(b"\r", end - most, end - 1) >= 0:
        return data[end - most : end]
    return data[start : min(end, start + most)]


def line(n: int, raw: str) -> Line:
    """One line: without escapes, the last state of a progress bar, without a logger's prefix."""
    text = _ESCAPES.sub("", raw)
    text = next((part for part in reversed(text.split("\r")) if part.strip()), "")
    text = _CONTROLS.sub("", text)[:LONGEST].rstrip()
    bare = text
    for prefix in _PREFIXES:
        found = prefix.match(bare)
        if found and found.end() < len(bare):
            bare = bare[found.end() :]
    return Line(n, text, bare.strip(), _WARNING.match(bare) is not None)


def chosen(lines: Iterable[Line], head: int, tail: int, between: int) -> list[Line]:
    """The first and last lines, and of those between them the first that look like errors."""
    kept: list[Line] = []
    last: deque[Line] = deque(maxlen=tail)
    suspects = 0
    for item in lines:
        if len(kept) < head:
            kept.append(item)
            continue
        if len(last) == tail and suspects < between and _SUSPECT.search(last[0].bare):
            kept.append(last[0])
            suspects += 1
        last.append(item)
    return [*kept, *last]


_SUSPECT = re.compile(r"(?i)error|err!|fatal|fail|cannot|can't|not found|no such|denied|killed")
