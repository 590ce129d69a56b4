"""``astrocloud explain LOG --exit-code N [--json]``: why a command failed, offline.

0: a cause was found, or the last errors are shown. 2: the log cannot be read, or the command line
is not understood. The log is read in pieces, so that its size does not matter.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from frontend.cli.errors import CliError, UsageError
from shared.failures import UNKNOWN, Explanation, explain

STANDARD_INPUT = "-"
PIECE = 1 << 20


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line as an error of ours, so that ``--json`` can carry it."""

    def error(self, message: str) -> NoReturn:
        usage = self.format_usage().removeprefix("usage: ").strip()
        raise UsageError("usage", "The command line is not understood", f"{message}. Use: {usage}")


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out the command; the answer is the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        options = _parser().parse_args(arguments)
        explanation = explain(_pieces(options.log), options.exit_code, options.phase)
    except CliError as error:
        _failed(error, "--json" in arguments)
        return error.exit_code
    _report(explanation, options.json)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="astrocloud explain", description="Say why a build or an app failed, from its log."
    )
    parser.add_argument("log", metavar="LOG", help="a file, or - for standard input")
    parser.add_argument(
        "--exit-code", type=_exit_code, metavar="N", help="how the command ended; 128+n by signal n"
    )
    parser.add_argument(
        "--phase", choices=("install", "build", "start"), help="what it was; else told by the log"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser


def _exit_code(text: str) -> int:
    code = int(text) if text.removeprefix("-").isdecimal() else None
    if code is None or not -255 <= code <= 255:
        raise argparse.ArgumentTypeError(f"{text!r} is no exit code: give a number from 0 to 255")
    # Some callers tell a signal as a negative number.
    return 128 - code if code < 0 else code


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


def _failed(error: CliError, as_json: bool) -> None:
    failure: Mapping[str, Any] = error.failure
    if as_json:
        print(json.dumps({"error": failure}, ensure_ascii=False))
    print(f"{error.title}: {error.detail}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
