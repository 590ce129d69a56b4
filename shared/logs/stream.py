"""What one deployment's log accepts: repetitions are skipped, lines are numbered, secrets masked.

Pure: ``store`` reads a head under its row lock, lets it take records and writes it back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.logs.lines import Line, Record
from shared.logs.masking import Masker, Tail


@dataclass(slots=True)
class Writer:
    """How far a writer's records are stored, and what its texts may have begun."""

    sequence: int = 0
    tails: dict[str, Tail] = field(default_factory=dict)

    def take(self, record: Record, masker: Masker) -> list[Line] | None:
        """The record's lines as they are stored; None for a repetition.

        A writer's records are stored in order, whatever way they come (``writer`` sees to it):
        one that is not above the last came by another way or for the second time.
        """
        if record.sequence <= self.sequence:
            return None
        lines, self.tails = masker.mask(record.lines, self.tails)
        self.sequence = record.sequence
        return lines


@dataclass(slots=True)
class Head:
    """The end of a deployment's log: what the row of ``log_streams`` holds."""

    last_n: int = 0
    writers: dict[str, Writer] = field(default_factory=dict)
    ended: bool = False

    def take(self, record: Record, masker: Masker) -> list[Line] | None:
        """The record's lines as they are stored after ``last_n``; None for a repetition."""
        lines = self.writers.setdefault(record.writer, Writer()).take(record, masker)
        if lines is None:
            return None
        self.last_n += len(lines)
        self.ended = self.ended or record.end
        return lines

    def writers_document(self) -> dict[str, Any]:
        """The writers as JSON."""
        return {
            name: {"sequence": writer.sequence} | ({"tails": writer.tails} if writer.tails else {})
            for name, writer in self.writers.items()
        }


def writers_from(document: Mapping[str, Any]) -> dict[str, Writer]:
    """The writers that ``Head.writers_document`` wrote."""
    return {
        name: Writer(
            item["sequence"],
            {origin: (form, length) for origin, (form, length) in item.get("tails", {}).items()},
        )
        for name, item in document.items()
    }
