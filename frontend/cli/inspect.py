"""``inspect [PATH]``: how a folder would be built and run, and why; nothing is sent or started.

0: a build spec. 1: there is none, and the reason says what to do. 2: the command cannot be
carried out.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table
from rich.text import Text

from frontend.cli import archive
from frontend.cli.errors import CliError, UsageError
from frontend.cli.progress import shown
from shared.detection.build_spec import BuildSpec
from shared.detection.detect import detect
from shared.detection.errors import DetectionFailed, SeveralApps
from shared.detection.tree import FolderTree

FIELDS = ("framework", "kind", "package_manager", "install", "build", "output", "start")
# What is shown to people first, then everything else that has a reason.
NOTHING = "\N{EN DASH}"
_ROWS = ("framework", "kind", "root", "package_manager", "node", "python", "install", "build",
         "output", "start", "fallback", "cache", "watch", "ignore")  # fmt: skip


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line as an error of ours, so that ``--json`` can carry it."""

    def error(self, message: str) -> NoReturn:
        usage = self.format_usage().removeprefix("usage: ").strip()
        raise UsageError("usage", "The command line is not understood", f"{message}. Use: {usage}")


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out the command; the answer is the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments
    try:
        options = _parser().parse_args(arguments)
        spec = detect(FolderTree(_folder(options.path)))
    except DetectionFailed as error:
        failure = {"code": error.code, "title": error.title, "detail": error.detail}
        _failed(failure, as_json, _candidates(error))
        return 1
    except CliError as error:
        _failed(error.failure, as_json, [])
        return error.exit_code
    if as_json:
        print(json.dumps(_object(spec), indent=2, ensure_ascii=False))
    _warn(spec, as_json)
    if not as_json:
        _show(spec)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="astrocloud inspect", description="Show how a folder would be built.")
    parser.add_argument("path", metavar="PATH", nargs="?", default=".", help="a folder")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser


def _folder(text: str) -> Path:
    source = archive.inspect(text)
    if not source.is_folder:
        raise UsageError(
            "path_unsupported",
            "This cannot be inspected",
            f"{text} cannot be inspected: it is an archive. Next: unpack it and give the folder.",
        )
    return source.path


def _object(spec: BuildSpec) -> dict[str, Any]:
    values = spec.model_dump(mode="json")
    return {**{name: values[name] for name in FIELDS}, "reasons": values["reasons"]}


def _candidates(error: DetectionFailed) -> list[dict[str, str]]:
    if not isinstance(error, SeveralApps):
        return []
    return [
        {"root": c.root, "name": c.name, "framework": c.framework, "kind": c.kind}
        for c in error.candidates
    ]


def _failed(failure: dict[str, str], as_json: bool, candidates: list[dict[str, str]]) -> None:
    if as_json:
        empty: dict[str, Any] = dict.fromkeys(FIELDS)
        result = {**empty, "reasons": {}, "failure": failure, "candidates": candidates}
        print(json.dumps(result, indent=2, ensure_ascii=False))
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(Text(f"✕ {failure['title']}", style="bold red"))
    console.print(Text(shown(failure["detail"])))


def _warn(spec: BuildSpec, as_json: bool) -> None:
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    for warning in spec.warnings:
        console.print(Text(f"! {shown(warning)}", style="yellow"))


def _show(spec: BuildSpec) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(style="bold", overflow="fold", min_width=16)
    table.add_column(overflow="fold")
    for name in _ROWS:
        reason = spec.reasons.get(name)
        if reason is None or reason.value == []:
            continue
        value = reason.value
        text = (
            ", ".join(value)
            if isinstance(value, list)
            else NOTHING
            if value is None
            else str(value)
        )
        if name == "root" and not text:
            text = "."
        label = name.replace("_", " ").capitalize()
        why = f"{reason.origin}: {reason.text}"
        table.add_row(label, Text(shown(text)), Text(shown(why), style="dim"))
    console = Console(highlight=False)
    console.print(table)
    if spec.alternatives:
        names = ", ".join(spec.alternatives)
        console.print(Text(f"It may be {names}, too: set framework to choose.", style="dim"))


if __name__ == "__main__":
    sys.exit(main())
