"""Writes ``docs/reference``: settings, plan limits and error codes, from where they are declared.

``python -m infrastructure.packaging.reference`` writes, ``--check`` only says what is stale.
"""

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path

import shared
from shared.config import Settings
from shared.errors import AstroCloudError
from shared.plans.limits import LIMITS

FOLDER = Path("docs/reference")
_MADE = "<!-- Made by `python -m infrastructure.packaging.reference`. -->\n"


def settings_page() -> str:
    """A row a setting."""
    rows = [
        f"| `{f.metadata['name']}` | {f.metadata['text']} | {_default(f.default)} |"
        f" {'yes' if f.metadata['secret'] else ''} |"
        for f in fields(Settings)
    ]
    return _page(
        "Settings",
        "On Azure these are app settings, locally the `Values` of `local.settings.json`.",
        ["| Setting | Meaning | Default | Secret |", "|---|---|---|---|", *rows],
    )


def limits_page() -> str:
    """A row a limit."""
    rows = [f"| `{li.name}` | {li.text} | {li.default:,} {li.unit} |" for li in LIMITS]
    return _page(
        "Plan limits",
        "An account has these limits unless an operator gave it its own.",
        ["| Limit | What it bounds | Default |", "|---|---|---|", *rows],
    )


def errors_page() -> str:
    """A row an error code, with its anchor: problem answers link to it by `type`."""
    rows = [
        f'| <a id="{error.code}"></a>`{error.code}` | {error.title} | {error.status} |'
        f" {'yes' if error.retryable else ''} |"
        for error in errors()
    ]
    return _page(
        "Error codes",
        "Every error answers as `application/problem+json` (RFC 9457) with one of these codes;"
        " `detail` names the thing, the reason and the next step. A deployment that failed has"
        " the code in `failure`.",
        ["| Code | Meaning | Status | Trying again can help |", "|---|---|---|---|", *rows],
    )


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "limits.md": limits_page,
    "errors.md": errors_page,
}


def errors() -> list[type[AstroCloudError]]:
    """One class for each code, in the order of the codes."""
    for module in pkgutil.walk_packages(shared.__path__, "shared."):
        importlib.import_module(module.name)
    by_code = {error.code: error for error in reversed(list(_descendants(AstroCloudError)))}
    return [by_code[code] for code in sorted(by_code)]


def stale(root: Path) -> list[str]:
    """The pages that do not say what is declared."""
    folder = root / FOLDER
    return [
        name
        for name, page in PAGES.items()
        if not (folder / name).exists() or (folder / name).read_text("utf-8") != page()
    ]


def main() -> int:
    """Write the pages, or name the stale ones."""
    root = Path(__file__).parents[2]
    if "--check" in sys.argv[1:]:
        found = stale(root)
        print(f"stale: {', '.join(found)}" if found else "in step")
        return 1 if found else 0
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (root / FOLDER / name).write_text(page(), "utf-8")
    return 0


def _page(title: str, text: str, table: list[str]) -> str:
    return "\n".join([f"# {title}", "", _MADE, text, "", *table, ""])


def _default(value: object) -> str:
    if value is MISSING:
        return "required"
    return f"`{value}`" if value not in ("", ()) else "empty"


def _descendants(base: type[AstroCloudError]) -> Iterator[type[AstroCloudError]]:
    yield base
    for child in base.__subclasses__():
        yield from _descendants(child)


if __name__ == "__main__":
    sys.exit(main())
