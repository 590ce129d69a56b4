"""Takes the log of a run apart: what commands printed, what we say of them, and how they ended.

Every line of a command stands behind a number and a time that BuildKit writes, every line of ACR's
behind a date: a command can imitate neither. All that follows from the same bytes is the same, in
whatever pieces they came; so are the frames.
"""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared.builders.port import LogFrame, LogLine

LINE_CHARACTERS = 16 * 1024
SINGLE_FRAMES = 1000
"""So many lines are frames of their own, so they are seen at once; later ones share frames."""
FRAME_LINES = 50
_FRAME_CHARACTERS = 64 * 1024
_OWN_WORDS = 40
_OF_ACR = re.compile(r"(\d{4})/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d) (.*)", re.DOTALL)
_BEGINS = re.compile(r"Executing step ID: (\S+?)\. ")
_TOOK = re.compile(r"Step ID: (\S+) marked as \w+ \(elapsed time in seconds: (\d+\.\d+)\)")
_FAILED = re.compile(r"(?:.*\b)?failed to run step ID: (\S+?): (.*)")
_PRINTED = re.compile(r"#(\d+) (\d+\.\d+) ?(.*)", re.DOTALL)
_VERTEX = re.compile(r"#(\d+) (?:\[(\S+)[ \]]|(CACHED|ERROR)\b)(.*)", re.DOTALL)
_CODE = re.compile(r"did not complete successfully: exit code: (\d{1,3})\s*$")


@dataclass(slots=True)
class Facts:
    """What a log tells of the run's end."""

    step: str | None = None
    stage: str | None = None
    exit_code: int | None = None
    failed_step: str | None = None
    cause: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    own_words: deque[str] = field(default_factory=lambda: deque(maxlen=_OWN_WORDS))
    was_cached: bool = False
    is_too_large: bool = False


class Cutter:
    """Feed it the log's bytes, and ``finish`` it; ``frames`` grows and never changes.

    ``commands`` are what steps run, by their id. With ``tells_all`` lines of every stage are shown,
    else those of the step's own stage.
    """

    def __init__(self, commands: Mapping[str, str], most: int, *, tells_all: bool = False) -> None:
        self.frames: list[LogFrame] = []
        self.facts = Facts()
        self.read = 0
        self._commands = commands
        self._most, self._printed = most, 0
        self._tells_all = tells_all
        self._rest = b""
        self._open: list[LogLine] = []
        self._characters = 0
        self._clock = datetime(1970, 1, 1, tzinfo=UTC)
        self._stages: dict[str, str] = {}
        self._last_words: dict[str, deque[str]] = {}

    def feed(self, data: bytes) -> None:
        """The next bytes of the log."""
        self.read += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line.decode("utf-8", "replace").removesuffix("\r"))

    def finish(self) -> None:
        """That was all."""
        if self._rest:
            self._take(self._rest.decode("utf-8", "replace"))
            self._rest = b""
        self._close()

    def last_words(self, stage: str) -> str:
        """What a stage printed last."""
        return "\n".join(self._last_words.get(stage, ()))

    def _take(self, line: str) -> None:
        if match := _OF_ACR.fullmatch(line):
            self._clock = _time(match)
            self._of_acr(match[7])
        elif match := _PRINTED.fullmatch(line):
            self._printed_line(match[1], float(match[2]), match[3])
        elif match := _VERTEX.fullmatch(line):
            self._vertex(match)
        else:
            self._own(line)

    def _of_acr(self, text: str) -> None:
        if match := _BEGINS.match(text):
            step = self.facts.step = match[1]
            self._stages.clear()
            if step in self._commands:
                self._say(f"$ {self._commands[step]}")
        elif match := _TOOK.match(text):
            self.facts.seconds[match[1]] = round(float(match[2]), 3)
        else:
            self._own(text)

    def _own(self, text: str) -> None:
        """Neither ACR's nor BuildKit's frame around it: the engine's words."""
        self.facts.own_words.append(text[:1000])
        if match := _FAILED.match(text):
            self.facts.failed_step, self.facts.cause = match[1], match[2][:500]
        if text.startswith("ERROR: ") and (match := _CODE.search(text)):
            self.facts.exit_code = int(match[1])

    def _vertex(self, match: re.Match[str]) -> None:
        number, name, event, rest = match[1], match[2], match[3], match[4]
        if name:
            self._stages.setdefault(number, name)
        elif event == "CACHED":
            is_install = self._stages.get(number) == self.facts.step == "install"
            self.facts.was_cached = self.facts.was_cached or is_install
        else:
            self.facts.stage = self._stages.get(number)
            self._own(f"ERROR{rest}")

    def _printed_line(self, number: str, seconds: float, text: str) -> None:
        stage = self._stages.get(number, "")
        words = self._last_words.setdefault(stage, deque(maxlen=6))
        words.append(text[:500])
        step = self.facts.step
        if step not in self._commands or not (self._tells_all or stage == step):
            return
        self._printed += len(text) + 1
        if self._printed > self._most:
            self.facts.is_too_large = True
            return
        time = self._clock + timedelta(seconds=seconds)
        for start in range(0, max(len(text), 1), LINE_CHARACTERS):
            self._add("build", text[start : start + LINE_CHARACTERS], time)

    def _say(self, text: str) -> None:
        for line in text.splitlines():
            self._add("platform", line, self._clock)

    def _add(self, source: str, text: str, time: datetime) -> None:
        stamp = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = LogLine(time=stamp, source=source, stream="stdout", text=text)  # type: ignore[arg-type]
        self._open.append(line)
        self._characters += len(text)
        most = 1 if len(self.frames) < SINGLE_FRAMES else FRAME_LINES
        if len(self._open) >= most or self._characters >= _FRAME_CHARACTERS:
            self._close()

    def _close(self) -> None:
        if self._open:
            self.frames.append(LogFrame(n=len(self.frames) + 1, lines=tuple(self._open)))
            self._open, self._characters = [], 0


def _time(match: re.Match[str]) -> datetime:
    try:
        return datetime(*(int(match[n]) for n in range(1, 7)), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)
