"""Which folder of a source is the app: the top, or one of several below it."""

from collections.abc import Iterable

from shared.detection.app import App
from shared.detection.errors import BrokenFile, Candidate, DetectionFailed
from shared.detection.frameworks import FRAMEWORKS
from shared.detection.frameworks.entry import Framework
from shared.detection.package_json import runs
from shared.detection.settings import Settings
from shared.detection.tree import Source

# How deep apps are looked for where no workspace names them: `frontend/`, `apps/web/`.
_MAX_DEPTH = 3
_MAX_CANDIDATES = 100
_MARKERS = ("package.json", "index.html", "mkdocs.yml", "pyproject.toml", "requirements.txt",
            "manage.py", "go.mod", "Dockerfile", "Pipfile", "Procfile")  # fmt: skip
_EXAMPLES = {"examples", "example", "test", "tests", "fixtures", "__tests__", "__fixtures__",
             "templates", "e2e", "spec", "vendor", "third_party"}  # fmt: skip


def framework_of(app: App) -> Framework | None:
    """The first framework that an app is of."""
    return next((entry for entry in FRAMEWORKS if entry.evidence(app)), None)


def is_app(app: App) -> bool:
    """Whether a folder by itself is something to put online.

    The top of a workspace names tools for all its packages: only what it builds itself counts.
    """
    entry = framework_of(app)
    if entry is None:
        return False
    workspace = app.workspace
    if workspace is None or workspace.root != app.root:
        return True
    if not workspace.packages:
        return True
    if entry.slug == "html":
        return True
    if entry.is_server or entry.slug == "other":
        return False
    is_built = any(runs(words, tool) for tool in entry.tools for words in app.commands())
    return is_built or (app.module(*entry.configs) is not None and _has_page(app, entry))


def candidates_of(source: Source, settings: Settings) -> list[Candidate]:
    """Apps below the top: a workspace's packages, else folders near the top."""
    top = App(source, "", settings)
    if top.workspace is not None and top.workspace.packages:
        folders: Iterable[str] = sorted(top.workspace.packages)
    else:
        folders = _near_the_top(source)
    found: list[Candidate] = []
    libraries: list[Candidate] = []
    for folder in folders:
        if any(folder.startswith(f"{known.root}/") for known in found):
            continue
        app = App(source, folder, settings)
        entry = _entry(app)
        if entry is None or len(found) >= _MAX_CANDIDATES:
            continue
        kind = _kind(app, entry)
        candidate = Candidate(folder, entry.name, entry.slug, kind)
        (found if _is_worth(app, entry) else libraries).append(candidate)
    return found or libraries


def _entry(app: App) -> Framework | None:
    try:
        return framework_of(app)
    except BrokenFile:
        return None  # A broken file of one package says nothing of the others.


def _kind(app: App, entry: Framework) -> str:
    try:
        return entry.plan(app).kind or entry.kind
    except DetectionFailed:
        return entry.kind


def _is_worth(app: App, entry: Framework) -> bool:
    """Libraries of a workspace have builds and stories, too, but nobody visits them."""
    if entry.slug in {"other", "storybook"}:
        return False
    return _has_page(app, entry)


def _has_page(app: App, entry: Framework) -> bool:
    """Vite also builds libraries; a site of it begins with a page."""
    if entry.slug != "vite":
        return True
    return any(name.endswith("index.html") and name.count("/") <= 2 for name in app.names)


def _near_the_top(source: Source) -> list[str]:
    found: set[str] = set()
    for name in source.names:
        folder, _, file = name.rpartition("/")
        parts = folder.split("/")
        is_near = folder and len(parts) <= _MAX_DEPTH and not _EXAMPLES.intersection(parts)
        if is_near and file in _MARKERS and not any(part.startswith(".") for part in parts):
            found.add(folder)
    return sorted(found, key=lambda folder: (folder.count("/"), folder))[:_MAX_CANDIDATES]
