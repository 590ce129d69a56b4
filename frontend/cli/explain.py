"""``astrocloud explain LOG --exit-code N [--json]``: why a command failed, offline.

0: a cause was found, or the last errors are shown. 2: the log cannot be read, or the command line
is not understood. The log is read in pieces, so that its size does not matter.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

from frontend.cli.errors import UsageError
from shared.failures import UNKNOWN, Explanation, explain

STANDARD_INPUT = "-"
PIECE = 1 << 20
PHASES: tuple[Literal["install", "build", "start"], ...] = ("install", "build", "start")


def main(argv: Sequence[str] | None = None) -> int:
    """``astrocloud explain``."""
    from frontend.cli.main import main as astrocloud

    return astrocloud(["explain", *(sys.argv[1:] if argv is None else argv)])


def explain_log(log: str, exit_code: str | None, phase_name: str | None, as_json: bool) -> int:
    """Carry out the command; the answer is the exit code."""
    phase = next((known for known in PHASES if known == phase_name), None)
    if phase is None and phase_name is not None:
        raise _usage(f"{phase_name!r} is no phase: give install, build or start")
    _report(explain(_pieces(log), _number(exit_code), phase), as_json)
    return 0


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    code = int(text) if text.removeprefix("-").isdecimal() else None
    if code is None or not -255 <= code <= 255:
        raise _usage(f"{text!r} is no exit code: give a number from 0 to 255")
    # Some callers tell a signal as a negative number.
    return 128 - code if code < 0 else code


def _usage(text: str) -> UsageError:
    detail = f"{text}. Next: astrocloud explain --help"
    return UsageError("usage", "The command line is not understood", detail)


def _pieces(name: str) -> Iterator[bytes]:
    if name == STANDARD_INPUT:
        yield from _read(sys.stdin.buffer)
        return
    try:
        with Path(name).open("rb") as source:
            yield from _read(source)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        detail = f"{name}: {reason}. Give the path of a log, or - to read standard input."
        raise UsageError("log_not_readable", "The log cannot be read", detail) from error


def _read(source: BinaryIO) -> Iterator[bytes]:
    while piece := source.read(PIECE):
        yield piece


def _report(explanation: Explanation, as_json: bool) -> None:
    if as_json:
        print(json.dumps(explanation.as_json(), ensure_ascii=False))
        return
    print(explanation.title)
    if explanation.cause != UNKNOWN:
        print(f"Cause: {explanation.cause}")
    width = max((len(str(line.n)) for line in explanation.lines), default=0)
    for line in explanation.lines:
        print(f"  {line.n:>{width}}  {line.text}")
    print("Try:")
    for text in explanation.try_:
        print(f"  - {text}")
    if explanation.looked_at:
        print(explanation.looked_at)


if __name__ == "__main__":
    sys.exit(main())
