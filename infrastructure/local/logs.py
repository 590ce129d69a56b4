"""Log files of the services: bounded in size, read from the end, followed.

A service holds its log open for appending, so a file that grew too big is copied aside and
cut to nothing in place: no service needs to know.
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

LARGEST = 8 * 1024 * 1024


def rotate(log: Path, largest: int = LARGEST) -> bool:
    """Keep one older file beside a log that grew beyond the bound."""
    if log.stat().st_size <= largest:
        return False
    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    with log.open("r+b") as file:
        file.truncate(0)
    return True


def tail(log: Path, lines: int) -> list[str]:
    """The last lines that are not empty."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 200 * max(lines, 20)))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if line.strip()][-lines:]


def follow(logs: dict[str, Path], lines: int, *, forever: bool) -> Iterator[tuple[str, str]]:
    """The last lines of each log, then what is added to any, as (name, line)."""
    positions: dict[str, int] = {}
    for name, log in logs.items():
        positions[name] = log.stat().st_size if log.exists() else 0
        yield from ((name, line) for line in tail(log, lines))
    while forever:
        quiet = True
        for name, log in logs.items():
            positions[name], fresh = _read_from(log, positions[name])
            quiet = quiet and not fresh
            yield from ((name, line) for line in fresh)
        if quiet:
            time.sleep(0.2)


def _read_from(log: Path, position: int) -> tuple[int, list[str]]:
    size = log.stat().st_size if log.exists() else 0
    if size < position:
        position = 0  # it was rotated
    if size == position:
        return position, []
    with log.open("rb") as file:
        file.seek(position)
        block = file.read(size - position)
    whole, newline, _ = block.rpartition(b"\n")
    if not newline:
        return position, []
    return position + len(whole) + 1, whole.decode("utf-8", "replace").splitlines()
