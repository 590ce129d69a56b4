"""A pod's log as frames that never change, whoever reads them and how often.

A line is a frame; its number comes from the time that the node wrote beside it, counted from the
pod's creation. So a log can be read from anywhere, and one whose beginning was rotated away still
gives each line its number.
"""

from datetime import datetime, timedelta

from shared.builders.port import LogFrame, LogLine
from shared.clusters.port import pieces

_SKEW = timedelta(hours=1)
"""By how much a node's clock may be behind the cluster's."""
_PLACES = 16
"""Numbers for each nanosecond, for lines of the same one."""
_MOST_CHARACTERS = 131_072
_SECOND = 1_000_000_000 * _PLACES


def origin(created: str) -> datetime:
    """Where the numbers of a pod begin."""
    return datetime.fromisoformat(created) - _SKEW


def since(start: datetime, after: int) -> str:
    """From when to read so that what comes after a frame is in it, with its whole second."""
    return (start + timedelta(seconds=after // _SECOND)).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(log: bytes, start: datetime, after: int, is_over: bool) -> list[LogFrame]:
    """The frames after a number; a line without its end waits for it while the pod lives."""
    lines = log.split(b"\n")
    rest = lines.pop()
    if is_over and rest:
        lines.append(rest)
    frames: list[LogFrame] = []
    last = 0
    for line in lines:
        time, _, text = line.decode(errors="replace").partition(" ")
        if (number := _number(time, start)) is None:
            continue
        last = max(last + 1, number)
        if last > after:
            frames.append(LogFrame(n=last, lines=_lines(time, text)))
    return frames


def _lines(time: str, text: str) -> tuple[LogLine, ...]:
    """A line, in pieces where it is long; a frame has to fit into one message."""
    return tuple(
        LogLine(time=time, source="build", stream="stdout", text=piece)
        for piece in pieces(text[:_MOST_CHARACTERS])
    )


def _number(time: str, start: datetime) -> int | None:
    """From ``2026-01-01T00:00:00.123456789Z``; None for what has no time, such as a message of the
    kubelet itself."""
    seconds, _, rest = time.removesuffix("Z").partition(".")
    try:
        whole = datetime.fromisoformat(f"{seconds}+00:00")
        nanoseconds = int(rest.ljust(9, "0")[:9] or 0)
    except ValueError:
        return None
    passed = round((whole - start).total_seconds())
    return max(1, passed * _SECOND + nanoseconds * _PLACES)
