"""How much one release may write: a bucket that fills by the second, and what is said of the rest.

Pure: the store reads an allowance under its lock and writes it back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.logs.lines import Line

LINES_PER_SECOND = 1_000
BURST_LINES = 10_000
CHARACTERS_OF_A_LINE = 1_024
"""A longer line counts as several."""
SAID_EVERY_SECONDS = 1.0


@dataclass(slots=True)
class Allowance:
    """The room of one release, ``age`` seconds after it was written down."""

    room: float = BURST_LINES
    age: float = 0.0
    dropped: int = 0
    since_said: float = float("inf")
    said: bool = False

    def admit(self, lines: Sequence[Line]) -> list[Line]:
        """Those for which there is room; the others are counted."""
        self.room = min(BURST_LINES, self.room + max(0.0, self.age) * LINES_PER_SECOND)
        self.age = 0.0
        admitted = []
        for line in lines:
            cost = 1 + len(line.text) // CHARACTERS_OF_A_LINE
            if cost <= self.room:
                self.room -= cost
                admitted.append(line)
            else:
                self.dropped += 1
        return admitted

    def say(self) -> list[Line]:
        """The line that tells what was dropped, where there is something and it is time."""
        if not self.dropped or self.since_said < SAID_EVERY_SECONDS:
            return []
        text = f"{self.dropped:,} line{'s were' if self.dropped > 1 else ' was'} dropped: this"
        text += f" release writes more than {LINES_PER_SECOND:,} lines or 1 MiB a second"
        self.dropped, self.since_said, self.said = 0, 0.0, True
        time = datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        return [Line(source="platform", time=time, stream="stderr", text=text)]
