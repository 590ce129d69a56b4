"""``inspect [PATH|URL]``: how a source would be built and run, and why; nothing is sent or started.

0: a build spec. 1: there is none, and the reason says what to do. 2: the command cannot be
carried out.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from frontend.cli import archive, repository
from frontend.cli.errors import UsageError
from frontend.cli.failures import FIELDS, no_spec
from frontend.cli.progress import shown
from shared.detection.build_spec import BuildSpec, Value
from shared.detection.detect import detect
from shared.detection.errors import DetectionFailed, SeveralApps
from shared.detection.tree import FolderTree

# What is shown to people first, then everything else that has a reason.
NOTHING = "\N{EN DASH}"
_ROWS = ("framework", "kind", "root", "package_manager", "node", "python", "go", "dockerfile",
         "target", "install", "build", "output", "start", "port", "release", "release_seconds",
         "readiness", "liveness", "scaling", "workers", "schedules", "stop_seconds", "fallback",
         "cache", "watch", "ignore")  # fmt: skip
_ONE_A_LINE = {"workers", "schedules"}


def main(argv: Sequence[str] | None = None) -> int:
    """``astrocloud inspect``."""
    from frontend.cli.main import main as astrocloud

    return astrocloud(["inspect", *(sys.argv[1:] if argv is None else argv)])


def inspect(source: str, revision: Mapping[str, str | None], as_json: bool) -> int:
    """Carry out the command; the answer is the exit code."""
    try:
        spec = _spec(source, {name: value for name, value in revision.items() if value})
    except DetectionFailed as error:
        failure = {"code": error.code, "title": error.title, "detail": error.detail}
        _failed(failure, as_json, _candidates(error))
        return 1
    if as_json:
        _print(_object(spec))
    _warn(spec, as_json)
    if not as_json:
        _show(spec)
    return 0


def _spec(source: str, revision: Mapping[str, str]) -> BuildSpec:
    if repository.is_meant(source):
        with repository.tree_of(source, revision) as tree:
            return detect(tree)
    if revision:
        detail = "--branch, --tag and --commit go with the address of a repository."
        raise UsageError("usage", "The command line is not understood", detail)
    return detect(FolderTree(_folder(source)))


def _print(result: Mapping[str, Any]) -> None:
    print(json.dumps(result, indent=2, ensure_ascii=False))


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
        _print(no_spec(failure, candidates))
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
        text = _text(name, reason.value)
        label = name.replace("_", " ").capitalize()
        why = f"{reason.origin}: {reason.text}"
        table.add_row(label, Text(shown(text)), Text(shown(why), style="dim"))
    console = Console(highlight=False)
    console.print(table)
    if spec.alternatives:
        names = ", ".join(spec.alternatives)
        console.print(Text(f"It may be {names}, too: set framework to choose.", style="dim"))


def _text(name: str, value: Value) -> str:
    if isinstance(value, list):
        return ("\n" if name in _ONE_A_LINE else ", ").join(value)
    if name == "root" and not value:
        return "."
    return NOTHING if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main())
