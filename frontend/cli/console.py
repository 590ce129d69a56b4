"""What commands print: tables, sentences, and JSON; results to standard output, notes beside it."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from frontend.cli.errors import CliError
from frontend.cli.progress import shown

NOTHING = "\N{EN DASH}"
_STATES = {
    "queued": "◷ Queued",
    "fetching": "↓ Fetching",
    "building": "⚒ Building",
    "publishing": "↑ Publishing",
    "rolling_out": "≡ Rolling out",
    "ready": "✓ Ready",
    "failed": "✕ Failed",
    "canceled": "⊘ Canceled",
    "superseded": "» Superseded",
}
_STYLES = {"ready": "green", "failed": "red"}


def say(text: Text | str, style: str = "") -> None:
    """A sentence on standard output."""
    written = Text(shown(text), style=style) if isinstance(text, str) else text
    Console(highlight=False, soft_wrap=True).print(written)


def note(text: str, style: str = "dim") -> None:
    """A sentence beside the result."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(shown(text), style=style))


def told(error: CliError) -> None:
    """An error: what, and why with the next step."""
    note(f"✕ {error.title}", style="bold red")
    note(f"  {error.detail}", style="")


def as_json(value: Mapping[str, Any]) -> None:
    """One object on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def table(heads: Sequence[str], rows: Sequence[Sequence[Text | str]]) -> None:
    """Columns with their heads; whole words also where the output is no terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 10_000
    shape = Table(box=None, pad_edge=False, header_style="dim")
    for head in heads:
        shape.add_column(head, overflow="fold")
    for row in rows:
        shape.add_row(*(Text(shown(cell)) if isinstance(cell, str) else cell for cell in row))
    console.print(shape)


def state(deployment: Mapping[str, Any]) -> Text:
    """A deployment's state as an icon and a word."""
    if deployment.get("live"):
        return Text("● Live", style="bold green")
    name = str(deployment["state"])
    return Text(_STATES.get(name, name), style=_STYLES.get(name, ""))


def age(moment: str | None, now: datetime | None = None) -> str:
    """How long ago, up to 30 days; then the date."""
    if not moment:
        return NOTHING
    then = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    seconds = max(int(((now or datetime.now(UTC)) - then).total_seconds()), 0)
    if seconds < 60:
        return "just now"
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 31 * 86_400:
            return then.date().isoformat()
        if count := seconds // size:
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def since(moment: str | None, now: datetime | None = None) -> str:
    """For how long, in its two largest units: ``3 d 4 h``."""
    if not moment:
        return NOTHING
    then = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    return span(((now or datetime.now(UTC)) - then).total_seconds())


def span(seconds: float) -> str:
    """A time in its two largest units: ``12 s``, ``5 min 3 s``."""
    rest = max(int(seconds), 0)
    parts: list[str] = []
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        number, rest = divmod(rest, length)
        if number or parts:
            parts.append(f"{number} {unit}")
    return " ".join(part for part in parts[:2] if not part.startswith("0 ")) or "0 s"


def size(count: int) -> str:
    """Bytes in decimal units."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def count(number: int, thing: str) -> str:
    """1 file, 1,204 files."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
