"""The table of starters in the documentation: written by their tests, shown by this module.

``python -m tests.frameworks.results`` puts ``results.json`` into ``docs/frameworks.md``;
``--check`` only says whether it is there.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.frameworks.starters.catalogue import BY_NAME, STARTERS

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("results.json")
PAGE = ROOT / "docs" / "frameworks.md"
BEGIN = "<!-- Made by `python -m tests.frameworks.results`. -->"
END = "<!-- End of the table of starters. -->"
NOTHING = "\N{EN DASH}"
_SECTION = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
_HEAD = (
    "| Starter | Framework | Version | Packages by | Install | Build | Folder | Git | Renders"
    " | Deep link | Missing asset | Hashed assets |"
)

Result = dict[str, Any]


def read() -> dict[str, Result]:
    """The results by the name of the starter."""
    found: dict[str, Result] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    return found


def write(name: str, result: Result) -> None:
    """Replace one starter's result; those of starters that are gone go, too."""
    results = {**read(), name: result}
    ordered = {
        starter.name: results[starter.name] for starter in STARTERS if starter.name in results
    }
    FILE.write_text(json.dumps(ordered, indent=2) + "\n", "utf-8")


def table() -> str:
    """The table, and the notes below it."""
    results = read()
    notes = [f"- `{name}`: {BY_NAME[name].note}." for name in results if BY_NAME[name].note]
    rows = [_row(name, result) for name, result in results.items()]
    rule = "|---" * (_HEAD.count("|") - 1) + "|"
    return "\n".join([BEGIN, "", _HEAD, rule, *rows, "", *notes, "", END])


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
    """The page with the table of now."""
    found = _SECTION.search(page)
    if found is None:
        raise ValueError(f"{PAGE.name} has no place for the table: {BEGIN} … {END}")
    return page[: found.start()] + table() + page[found.end() :]


def main() -> int:
    """Put the table into the page, or say whether it is stale."""
    page = PAGE.read_text("utf-8")
    if "--check" in sys.argv[1:]:
        is_stale = shown(page) != page
        print("stale" if is_stale else "in step")
        return int(is_stale)
    PAGE.write_text(shown(page), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
