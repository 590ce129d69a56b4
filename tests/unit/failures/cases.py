"""The logs of these tests: blocks that begin with ``=== name | cause | exit code``.

``wordings.txt`` has at least a second wording of each cause, ``observed.txt`` what tools printed
when they were made to fail, and ``held_out.txt`` was written before any pattern was.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LOGS = Path(__file__).parent / "logs"
FILES = ("held_out", "wordings", "observed")


@dataclass(frozen=True, slots=True)
class Case:
    """One failing command."""

    name: str
    cause: str
    exit_code: int
    log: str


def cases(*files: str) -> list[Case]:
    """The cases of the files, or of all."""
    return [case for name in files or FILES for case in _read(LOGS / f"{name}.txt")]


def _read(path: Path) -> Iterator[Case]:
    with path.open(encoding="utf-8", newline="") as source:
        blocks = ("\n" + source.read()).split("\n=== ")
    for block in blocks[1:]:
        head, _, log = block.partition("\n")
        name, cause, exit_code = head.split(" | ")
        yield Case(f"{path.stem}/{name}", cause, int(exit_code), log)
