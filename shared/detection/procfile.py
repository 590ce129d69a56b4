"""A ``Procfile``: which processes it names. How they are run is the clusters' business."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from shared.detection.errors import BrokenFile
from shared.detection.settings import SERVER

FILE = "Procfile"
RELEASE = "release"
_LINE = re.compile(r"([A-Za-z0-9_-]+)\s*:\s*(\S.*)")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")
_MAX_COMMAND = 1000
_MAX_PROCESSES = 22


@dataclass(frozen=True, slots=True)
class Process:
    """One line: a name as ours are written, and its command."""

    name: str
    command: str


def web_of(text: str) -> str | None:
    """The command of ``web``, however the other lines look."""
    lines = (_LINE.fullmatch(line.strip()) for line in text.splitlines())
    return next((line[2][:_MAX_COMMAND] for line in lines if line and line[1] == SERVER), None)


def read_procfile(text: str, path: str) -> dict[str, str]:
    """Commands by name; a line that is none is an error that names it."""
    found: dict[str, str] = {}
    for number, process in _processes(text, path):
        if process.name in found:
            raise BrokenFile(path, f"line {number}: {process.name} is named twice")
        found[process.name] = process.command
    if len(found) > _MAX_PROCESSES:
        raise BrokenFile(path, f"it names more than {_MAX_PROCESSES} processes")
    return found


def _processes(text: str, path: str) -> Iterator[tuple[int, Process]]:
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            reason = f"“{stripped[:60]}” is no process: write name: command"
            raise BrokenFile(path, f"line {number}: {reason}")
        name = match[1].lower().replace("_", "-")
        if not _NAME.fullmatch(name):
            reason = f"the name “{match[1][:60]}” has to begin with a letter and be short"
            raise BrokenFile(path, f"line {number}: {reason} (30 characters)")
        if len(match[2]) > _MAX_COMMAND:
            raise BrokenFile(path, f"line {number}: the command is too long")
        yield number, Process(name, match[2])
