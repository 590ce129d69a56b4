"""Names from the log in titles and remedies: packages, files, lines, ports, versions."""

# Tools print such quotes and marks.
# ruff: noqa: RUF001

import re
from collections.abc import Mapping, Sequence

from shared.failures.distributions import distribution

LONGEST = 80
_ROOTS = re.compile(
    r"^(?:file://)?/(?:build|app|src/app|workspace|repo|project|usr/src/app|vercel/path0"
    r"|opt/build/repo|opt/buildhome/repo|code|site|home/[^/]+/(?:app|project|build)"
    r"|home/runner/\w+/[^/]+/[^/]+)/"
)
_LOCAL = re.compile(r"^(?:\.{1,2}(?:/|$)|/|[@~$#]/|\$\w+|#|[A-Za-z]:\\|file:|src/|[@~](?:/|$))")
_WINDOWS = re.compile(r"\\")


def filled(templates: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """The templates whose names are all known, with these names in."""
    made: list[str] = []
    for template in templates:
        try:
            made.append(template.format_map(names))
        except KeyError:
            continue  # it speaks of something this log does not name
    return made


def first_filled(templates: Sequence[str], names: Mapping[str, str]) -> str:
    """The first of the templates that can be filled, or nothing."""
    return next(iter(filled(templates, names)), "")


def completed(names: Mapping[str, str], *, count: int) -> dict[str, str]:
    """The names as people write them, and those that follow from them."""
    made: dict[str, str] = {}
    for name, value in names.items():
        # One pattern cannot have two groups of a name: "module2" is another place for "module".
        if text := shown(value):
            made.setdefault(name.rstrip("0123456789"), text)
    if module := made.get("module"):
        kind, value = ("local", module) if _LOCAL.match(module) else ("package", package(module))
        made.setdefault(kind, value)
    if python := made.get("python_module"):
        made.setdefault("distribution", distribution(python))
    if "file" in made and "line" in made:
        made["place"] = f"{made['file']} line {made['line']}"
    if count > 1:
        made["count"] = str(count)
    return made


def shown(value: str) -> str:
    """A name as a sentence may hold it: short, relative, without quotes around."""
    text = _ROOTS.sub("", value.strip().strip("`'\"“”‘’").strip())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def package(module: str) -> str:
    """The package that a module is part of: ``@acme/ui`` of ``@acme/ui/button``."""
    parts = module.removeprefix("npm:").split("/")
    return "/".join(parts[: 2 if module.startswith("@") else 1])
