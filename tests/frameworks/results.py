"""The tables of starters in the documentation: written by their tests, shown by this module.

``python -m tests.frameworks.results`` puts ``results.json`` and ``servers.json`` into
``docs/frameworks.md``; ``--check`` only says whether they are there.
"""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from tests.frameworks.starters.catalogue import BY_NAME, STARTERS, Starter
from tests.frameworks.starters.servers import BY_NAME as SERVERS_BY_NAME
from tests.frameworks.starters.servers import SERVERS

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("results.json")
SERVERS_FILE = Path(__file__).with_name("servers.json")
PAGE = ROOT / "docs" / "frameworks.md"
BEGIN = "<!-- Made by `python -m tests.frameworks.results`. -->"
END = "<!-- End of the table of starters. -->"
SERVERS_BEGIN = BEGIN.replace("Made", "Servers, made")
SERVERS_END = "<!-- End of the table of servers. -->"
NOTHING = "\N{EN DASH}"
_HEAD = (
    "| Starter | Framework | Version | Packages by | Install | Build | Folder | Git | Renders"
    " | Deep link | Missing asset | Hashed assets |"
)
_SERVERS_HEAD = "| Starter | Slug | Version | Packages by | Runner | Install | Build | Kubernetes |"

Result = dict[str, Any]
Place = Literal["runner", "kubernetes"]


def read(file: Path = FILE) -> dict[str, Result]:
    """The results by the name of the starter."""
    found: dict[str, Result] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return found


def write(name: str, result: Result) -> None:
    """Replace one starter's result; those of starters that are gone go, too."""
    _keep(FILE, {**read(), name: result}, STARTERS)


def write_server(name: str, facts: Result, place: Place, result: Result) -> None:
    """Replace one server's result in one place; that of the other place stays."""
    results = read(SERVERS_FILE)
    before = {key: results.get(name, {}).get(key) for key in ("runner", "kubernetes")}
    # Versions are those of the runner's: on a cluster older ones may be asked for.
    results[name] = {**facts, **before, place: result}
    _keep(SERVERS_FILE, results, SERVERS)


def _keep(file: Path, results: dict[str, Result], starters: Iterable[Starter]) -> None:
    ordered = {one.name: results[one.name] for one in starters if one.name in results}
    file.write_text(json.dumps(ordered, indent=2) + "\n", "utf-8")


def table() -> str:
    """The table of sites, and the notes below it."""
    results = read()
    notes = [f"- `{name}`: {BY_NAME[name].note}." for name in results if BY_NAME[name].note]
    rows = [_row(name, result) for name, result in results.items()]
    return _table(BEGIN, _HEAD, rows, notes, END)


def servers_table() -> str:
    """The table of servers, and the notes below it."""
    results = read(SERVERS_FILE)
    told = [(name, SERVERS_BY_NAME[name].note) for name in results]
    notes = [f"- `{name}`: {note}." for name, note in told if note]
    rows = [_server_row(name, result) for name, result in results.items()]
    return _table(SERVERS_BEGIN, _SERVERS_HEAD, rows, notes, SERVERS_END)


def _table(begin: str, head: str, rows: list[str], notes: list[str], end: str) -> str:
    rule = "|---" * (head.count("|") - 1) + "|"
    return "\n".join([begin, "", head, rule, *rows, "", *notes, "", end])


def _server_row(name: str, result: Result) -> str:
    runner = result["runner"]
    seconds = runner["seconds"] if runner else {}
    cells = [
        f"`{name}`",
        f"`{result['framework']}`",
        result["version"],
        result["manager"] or NOTHING,
        "yes" if runner else NOTHING,
        *(_seconds(seconds, phase) for phase in ("install", "build")),
        "yes" if result["kubernetes"] else NOTHING,
    ]
    return f"| {' | '.join(cells)} |"


def _row(name: str, result: Result) -> str:
    seconds = [_seconds(result["seconds"], phase) for phase in ("install", "build")]
    cells = [
        f"`{name}`",
        f"`{result['framework']}`",
        result["version"],
        result["manager"] or NOTHING,
        *seconds,
        *("yes" if result[way] else "no" for way in ("folder", "git", "renders")),
        str(result["deep_link"]),
        str(result["missing"]),
        {True: "immutable", False: "revalidated", None: NOTHING}[result["immutable"]],
    ]
    return f"| {' | '.join(cells)} |"


def _seconds(seconds: dict[str, float], phase: str) -> str:
    return f"{seconds[phase]:.1f} s" if phase in seconds else NOTHING


def shown(page: str) -> str:
    """The page with the tables of now."""
    for begin, made, end in ((BEGIN, table(), END), (SERVERS_BEGIN, servers_table(), SERVERS_END)):
        section = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        found = section.search(page)
        if found is None:
            raise ValueError(f"{PAGE.name} has no place for a table: {begin} … {end}")
        page = page[: found.start()] + made + page[found.end() :]
    return page


def main() -> int:
    """Put the tables into the page, or say whether they are stale."""
    page = PAGE.read_text("utf-8")
    if "--check" in sys.argv[1:]:
        is_stale = shown(page) != page
        print("stale" if is_stale else "in step")
        return int(is_stale)
    PAGE.write_text(shown(page), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
