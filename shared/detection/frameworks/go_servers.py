"""Servers in Go: which program of the module is built."""

import re

from shared.detection.app import App
from shared.detection.errors import SeveralServers
from shared.detection.frameworks.entry import Found, Framework, Plan

_MAIN = re.compile(r"^package main\b", re.MULTILINE)
_GENERATED = re.compile(r"^//go:build ignore\b", re.MULTILINE)
_GO = re.compile(r"^go[ \t]+(\d+\.\d+)(?:\.\d+)?", re.MULTILINE)
_TOOLCHAIN = re.compile(r"^toolchain[ \t]+go(\d+\.\d+)", re.MULTILINE)
# The one that is meant where a repository has a server beside its tools.
_USUAL = ("server", "web", "api", "app")
_MAX_FILES = 300


def programs(app: App) -> list[str]:
    """Folders of ``package main``: the top alone where it is one, else those below ``cmd``."""
    found: set[str] = set()
    for name in [n for n in app.names if re.fullmatch(r"(?:cmd/(?:[^/]+/)?)?[^/]+\.go", n)]:
        if name.endswith("_test.go") or len(found) > _MAX_FILES:
            continue
        text = app.text(name) or ""
        if _MAIN.search(text) and not _GENERATED.search(text):
            found.add(name.rpartition("/")[0])
    return [""] if "" in found else sorted(found)


def _evidence(app: App) -> str | None:
    if not app.has("go.mod"):
        return None
    return f"{app.shown('go.mod')} is there" if programs(app) else None


def _program(app: App) -> str:
    found = programs(app)
    usual = [folder for name in _USUAL for folder in found if folder == f"cmd/{name}"]
    if len(found) > 1 and len(usual) != 1 and app.settings.get("build") is None:
        raise SeveralServers(
            "There are several programs below cmd/ and none is chosen",
            found,
            "build",
            f"set build to the one that answers requests: go build -o app ./{found[0]}",
        )
    return (usual or found or [""])[0]


def go_version(app: App) -> tuple[str, str] | None:
    """The line of Go that ``go.mod`` asks for, and the words for it."""
    text = app.text("go.mod") or ""
    match = _TOOLCHAIN.search(text) or _GO.search(text)
    return (match[1], f"{app.shown('go.mod')} asks for it") if match else None


def _plan(app: App) -> Plan:
    folder = _program(app)
    text = f"{folder or 'the top folder'} is the program"
    return Plan(
        kind="dynamic",
        kind_text="a Go program answers requests itself",
        build=Found(f"go build -o app ./{folder}" if folder else "go build -o app .", text),
        start=Found("./app", "what the build leaves"),
    )


GO = Framework(
    slug="go",
    name="Go",
    kind="dynamic",
    runtime="go",
    is_server=True,
    matches=_evidence,
    known_by="`go.mod` and `package main`, at the top or below `cmd/`",
    build="go build -o app .",
    start="./app",
    refine=_plan,
)
