"""The commands of ``./dev``: what each is given, and what does it.

Only the standard library is imported here: ``up`` starts before anything is installed.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from infrastructure.local import doctor
from infrastructure.local.errors import StackError
from infrastructure.local.install import Installer, make_venv
from infrastructure.local.paths import Paths
from infrastructure.local.progress import Progress

# Their words are not ours to understand.
PASSED_ON = ("deploy", "astrocloud")
BEGUN = "ASTROCLOUD_DEV_BEGUN"


def main(arguments: Sequence[str]) -> int:
    """Run one command; its exit code."""
    # SIGINT too: a shell that starts us in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    options, rest = _options(arguments)
    paths = Paths.of_checkout()
    try:
        return _run(options, rest, paths, arguments)
    except StackError as error:
        print(f"./dev {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n./dev {options.command}: interrupted.", file=sys.stderr)
        return 130


def _options(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """What was asked for, and the words that go on to whoever carries it out."""
    if arguments and arguments[0] in PASSED_ON:
        return argparse.Namespace(command=arguments[0]), list(arguments[1:])
    options, rest = _parser().parse_known_args(arguments)
    if rest and options.command not in ("test", "bench"):
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    return options, rest


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev", description="AstroCloud on this machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="install what is missing and bring everything up")
    up.add_argument("--reset", action="store_true", help="start with no data and new keys")
    up.add_argument("--host", choices=("embedded", "func"), default="embedded")
    commands.add_parser("down", help="stop everything; the data stay")
    commands.add_parser("status", help="what runs, and how it is")
    logs = commands.add_parser("logs", help="what the services said")
    logs.add_argument("service", nargs="?", help="default: all")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as more comes")
    logs.add_argument("-n", "--lines", type=int, default=0, help="how many of the last lines")
    commands.add_parser("link", help="a new one-time link that signs in")
    commands.add_parser("deploy", help="put a folder, archive or repository online")
    commands.add_parser("astrocloud", help="the command line, signed in to this stack")
    commands.add_parser("test", help="run the tests: [layer] [pytest arguments]")
    commands.add_parser("bench", help="measure: [name]")
    commands.add_parser("doctor", help="what this machine offers and lacks")
    return parser


def _run(
    options: argparse.Namespace, rest: list[str], paths: Paths, arguments: Sequence[str]
) -> int:
    if options.command == "doctor":
        return _doctor(paths)
    begun = time.time()
    if options.command in ("up", "test", "bench"):
        begun = _prepare(options.command, paths, arguments)
    elif not _in_venv(paths):
        raise StackError("Nothing is installed or running here yet: `./dev up` does both.")
    # From here on the packages are there.
    from infrastructure.local import commands

    match options.command:
        case "up":
            core_tools = options.host == "func"
            return commands.up(paths, begun, reset=options.reset, core_tools=core_tools)
        case "down":
            return commands.down(paths)
        case "status":
            return commands.status(paths)
        case "logs":
            return commands.logs(paths, options.service, options.lines, follow=options.follow)
        case "link":
            return commands.link(paths)
        case "deploy":
            return commands.astrocloud(paths, ["deploy", *rest])
        case "astrocloud":
            return commands.astrocloud(paths, rest)
        case "test":
            return commands.test(paths, rest)
        case _:
            return commands.bench(paths, rest)


def _doctor(paths: Paths) -> int:
    checks = doctor.check_all(paths, os.environ)
    return 0 if doctor.show(checks, Progress()) else 1


def _prepare(command: str, paths: Paths, arguments: Sequence[str]) -> float:
    """Check the machine, and install what is missing; goes on in the virtual environment."""
    begun = time.time()
    with Progress() as progress:
        if BEGUN not in os.environ and command == "up":
            checks = doctor.check_all(paths, os.environ)
            if not doctor.show(checks, progress):
                raise StackError("This machine lacks something: see ✗ above, with its remedy.")
        paths.make()
        if not _in_venv(paths):
            python = make_venv(paths, progress)
    if not _in_venv(paths):
        os.environ[BEGUN] = str(begun)
        os.execv(python, [str(python), "-m", "infrastructure.local", *arguments])  # noqa: S606  no shell
    with Progress() as progress:
        Installer(paths, progress).ensure(tests=command != "up")
    return float(os.environ.pop(BEGUN, begun))


def _in_venv(paths: Paths) -> bool:
    return Path(sys.prefix).resolve() == (paths.state / "venv").resolve()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
