"""What the person at the terminal sees: steps, a bar, log lines, the result.

With ``json`` standard output belongs to the one result; everything else goes to standard error.
"""

import json as json_module
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.text import Text

from frontend.cli.api import Progress as Told

RESULT_FIELDS = ("deployment", "state", "url", "permalink", "failure")
# Colours may pass; anything else that steers a terminal is not for a build to send.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_STEERING = re.compile(
    r"\x1b(?:\[[0-9;?]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)?|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
DECISIVE = 12
LONGEST = 500
_PLATFORM = {"platform": "dim", "runtime": "cyan"}


class Reporter:
    """Writes for people, or one JSON object for programs."""

    def __init__(self, *, json: bool, quiet: bool = False, log_only: bool = False) -> None:
        self._json, self._quiet = json, quiet
        self._console = Console(stderr=json, highlight=False, soft_wrap=True)
        self._beside = Console(stderr=True, highlight=False, soft_wrap=True)
        self._notes = self._beside if log_only else self._console
        self._last_line = ""

    def step(self, text: str) -> None:
        self._notes.print(Text(shown(text), style="bold"))

    def note(self, text: str) -> None:
        self._notes.print(Text(shown(text), style="dim"))

    def line(self, line: Mapping[str, Any]) -> None:
        """One log line; its text is the build's, so it is shown and never obeyed."""
        if self._quiet:
            return
        self._last_line = str(line["text"])
        text = Text(f"{_clock(str(line['time']))}  ", style="dim")
        text.append_text(Text.from_ansi(shown(str(line["text"]))))
        if style := _PLATFORM.get(str(line["source"])):
            text.stylize(style)
        self._console.print(text)

    @contextmanager
    def uploading(self, size: int) -> Iterator[Told]:
        """A bar while the archive is on its way."""
        if not self._beside.is_terminal:
            yield lambda sent: None
            return
        columns = (TextColumn("Uploading"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=self._beside, transient=True) as bar:
            task = bar.add_task("upload", total=size)
            yield lambda sent: bar.update(task, completed=sent)

    def ready(self, deployment: Mapping[str, Any]) -> None:
        """Where it is online and how much was new."""
        name = f"{deployment['project_slug']} #{deployment['number']}"
        self.step(f"✓ {name} is {'live' if deployment.get('live') else 'ready'}.")
        progress = deployment.get("progress") or {}
        if total := progress.get("files_total"):
            text = f"{progress['files_uploaded']:,} of {total:,} files uploaded"
            if text.replace(",", "") != self._last_line.replace(",", ""):  # else just said
                self.note(text)
        if before := deployment.get("reused_from"):
            is_server = (deployment.get("build_spec") or {}).get("kind") == "dynamic"
            reused = "its image is used again" if is_server else "release reused"
            self.note(f"Same source and settings as #{before}: {reused}.")
        if deployment["environment"] == "production":
            self._console.print(f"  {deployment['url']}")
            if not deployment.get("live"):
                self.note("Production is pinned to another release, or a newer one is live.")
        if deployment.get("permalink"):
            self._console.print(Text(f"  {deployment['permalink']}", style="dim"))

    def failed(self, failure: Mapping[str, Any], name: str = "") -> None:
        """The cause, its decisive lines, then what to do."""
        title = f"✕ {name}: {failure['title']}" if name else f"✕ {failure['title']}"
        self._console.print(Text(shown(title), style="bold red"))
        self._console.print(Text(f"  {shown(str(failure['detail']))}"))
        lines = list(failure.get("lines") or [])[:DECISIVE]
        width = max((len(str(line["n"])) for line in lines), default=0)
        for line in lines:
            number = Text(f"  {line['n']:>{width}}  ", style="dim")
            self._console.print(number.append(shown(str(line["text"]))[:LONGEST]))
        for remedy in failure.get("try") or []:
            self._console.print(Text(f"  Try: {shown(str(remedy))}"))

    def result(self, result: Mapping[str, Any]) -> None:
        """The one object of ``--json``; nothing for people, who have read it."""
        if self._json:
            ordered = {name: result.get(name) for name in RESULT_FIELDS}
            sys.stdout.write(json_module.dumps(ordered) + "\n")
            sys.stdout.flush()


def shown(text: str) -> str:
    """A line of a build as a terminal may have it: colours stay, all other control goes."""
    parts = _COLOURS.split(text)
    colours = _COLOURS.findall(text)
    plain = [_STEERING.sub("", part) for part in parts]
    return "".join(part + colour for part, colour in zip(plain, [*colours, ""], strict=True))


def _clock(time: str) -> str:
    return time[11:23] if len(time) >= 23 else time
