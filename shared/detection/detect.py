"""From a source and what people set to a build spec: which app, which framework, which values."""

from collections.abc import Iterator, Sequence

from shared.detection.app import App
from shared.detection.assemble import assemble
from shared.detection.build_spec import BuildSpec, Reason
from shared.detection.errors import (
    DetectionFailed,
    NothingToDeploy,
    RootMissing,
    SeveralApps,
    SeveralServers,
    WrongSetting,
)
from shared.detection.frameworks import BY_SLUG, FRAMEWORKS, node_servers, own_ways, python_servers
from shared.detection.frameworks.entry import Framework
from shared.detection.package_json import runs
from shared.detection.roots import candidates_of, is_app
from shared.detection.settings import BuildSettings, Settings, settings_of, suggestion
from shared.detection.tree import Source, SourceTree, join
from shared.errors import FieldProblem

# Generators that are recognised so that it can be said that they are not built here.
_NOT_BUILT = {
    "hugo.toml": "Hugo", "hugo.yaml": "Hugo", "config/_default/hugo.toml": "Hugo",
    "_config.yml": "Jekyll", "zola.toml": "Zola", "book.toml": "mdBook", "deno.json": "Deno",
    "Gemfile": "Ruby", "composer.json": "PHP", "Cargo.toml": "Rust", "pom.xml": "Java",
    "build.gradle": "Java", "mix.exs": "Elixir",
}  # fmt: skip

Match = tuple[Framework, str]


def detect(
    tree: SourceTree,
    project: BuildSettings | None = None,
    user: BuildSettings | None = None,
) -> BuildSpec:
    """The build spec of a source; ``project`` and ``user`` are settings from outside of it.

    Raises a DetectionFailed that says what to do where there is none.
    """
    source = Source(tree)
    root = _root(source, settings_of(source, project, user))
    folder = str(root.value or "")
    app = App(source, folder, settings_of(source, project, user, folder))
    found, others = choose(app)
    return assemble(app, found, root, others)


def _root(source: Source, settings: Settings) -> Reason:
    """The app's folder: as set, the top where there is an app, else the only one there is."""
    if chosen := settings.get("root"):
        folder = join("", str(chosen.value)) or ""
        if folder not in source.folders:
            raise RootMissing(
                f"{chosen.text} is {chosen.value}, but the source has no such folder."
                " Next: correct it, or leave it out.",
                fields=[FieldProblem("root", "there is no such folder")],
            )
        return Reason(value=folder, origin=chosen.origin, text=chosen.text)
    is_said = any(settings.text(key) for key in ("framework", "output", "dockerfile"))
    if is_said or is_app(App(source, "", settings)):
        return Reason(value="", origin="detected", text="the app is at the top of the source")
    candidates = candidates_of(source, settings)
    if len(candidates) > 1:
        raise SeveralApps(candidates)
    if candidates:
        only = candidates[0]
        text = f"the only app of the source ({only.name})"
        return Reason(value=only.root, origin="detected", text=text)
    return Reason(value="", origin="detected", text="the top of the source")


def choose(app: App) -> tuple[Match, tuple[str, ...]]:
    """The framework of an app with its evidence, and the slugs of others that it may be, too."""
    chosen = app.settings.get("framework")
    if chosen:
        entry = BY_SLUG.get(str(chosen.value))
        if entry is None:
            reason = f"{chosen.value} is no framework that is known"
            reason += suggestion(str(chosen.value), tuple(BY_SLUG))
            raise WrongSetting(
                f"{chosen.text}: {reason}. Next: correct it.",
                fields=[FieldProblem("framework", reason)],
            )
        return (entry, chosen.text), ()
    path = app.settings.get("dockerfile")
    if path and path.value is not False and app.settings.text("kind") != "static":
        return (own_ways.DOCKERFILE, path.text), ()
    matches = list(matching(app))
    if not matches and (start := app.settings.get("start")):
        return (_by_language(app), start.text), ()
    if not matches:
        raise _nothing(app)
    first = _server_before_assets(app, _deciding(app, matches), matches)
    others = tuple(_others(first[0], [entry for entry, _ in matches]))
    if first[0] is not own_ways.DOCKERFILE and _kind_of(app, first[0]) == "dynamic":
        if any(entry is own_ways.DOCKERFILE for entry, _ in matches):
            text = f"{app.shown('Dockerfile')} is there, and goes before what is known of"
            text += f" {first[0].name}: dockerfile = false turns it off"
            return (own_ways.DOCKERFILE, text), (first[0].slug, *others)
        _check_one_server(app, first, matches)
    return first, others


def _by_language(app: App) -> Framework:
    """What a start command that was set needs to be there."""
    if app.package is not None:
        return node_servers.NODE
    if app.server_python.install:
        return python_servers.PYTHON
    return BY_SLUG["go"] if app.has("go.mod") else BY_SLUG["other"]


# What bundles the assets of a server as well as a site of its own.
_BUNDLERS = {"vite", "rsbuild", "parcel", "other"}


def _server_before_assets(app: App, first: Match, matches: Sequence[Match]) -> Match:
    """A bundler beside a server of another language makes its assets, unless it has a page."""
    servers = [match for match in matches if match[0].is_server and match[0].runtime != "node"]
    if first[0].slug not in _BUNDLERS or not servers:
        return first
    is_site = app.has("index.html") and servers[0][0].slug != "django"
    return first if is_site else servers[0]


def _kind_of(app: App, entry: Framework) -> str:
    if chosen := app.settings.get("kind"):
        return str(chosen.value)
    try:
        return entry.plan(app).kind or entry.kind
    except DetectionFailed:
        return entry.kind  # It says so itself, once it is known that it is asked at all.


def _check_one_server(app: App, first: Match, matches: Sequence[Match]) -> None:
    """Servers in two languages at one place: nobody can know which one answers requests."""
    others = [
        match
        for match in matches
        if match[0].is_server
        and match[0].slug != "procfile"
        and match[0].runtime != first[0].runtime
    ]
    if first[0].slug == "procfile" or not others:
        return
    found = (first, others[0])
    raise SeveralServers(
        f"There are servers of several languages in {_where(app)}",
        [f"{entry.name} ({evidence})" for entry, evidence in found],
        "framework",
        f"set framework to {' or '.join(entry.slug for entry, _ in found)}, or root to a folder"
        " with one of them alone",
    )


def _where(app: App) -> str:
    return f"the folder {app.root}" if app.root else "the top of the source"


def _others(found: Framework, entries: Sequence[Framework]) -> Iterator[str]:
    """Names of what may be meant as well; Vite is a part of many others, so it says little."""
    for entry in entries:
        if entry is not found and entry.tools and entry.slug != "vite":
            yield entry.slug


def matching(app: App) -> Iterator[Match]:
    """Every framework that an app may be of, in order."""
    for entry in FRAMEWORKS:
        if evidence := entry.evidence(app):
            yield entry, evidence


def _deciding(app: App, matches: Sequence[Match]) -> Match:
    """The first, unless the build script runs the tool of another one and not its own."""
    commands = app.commands()

    def is_run(entry: Framework) -> bool:
        return any(runs(words, tool) for tool in entry.tools for words in commands)

    first = matches[0]
    if not first[0].tools or is_run(first[0]):
        return first
    deciding = (match for match in matches if match[0].is_server or is_run(match[0]))
    return next(deciding, first)


def _nothing(app: App) -> NothingToDeploy:
    where = _where(app)
    known = next((text for name, text in _NOT_BUILT.items() if app.has(name)), None)
    if known:
        return NothingToDeploy(
            f"This looks like a {known} project, which is not built here. Next: build it yourself"
            " and deploy the output, or add a Dockerfile."
        )
    if app.package is not None:
        reason = "package.json has no build script and names no framework that is known"
        step = "add a build or start script, or set build and output, or start, in astrocloud.toml"
    elif app.server_python.install:
        reason = "no module makes an application of a framework that is known, and none listens"
        step = "set start in astrocloud.toml, such as gunicorn app:app --bind 0.0.0.0:$PORT"
    elif app.has("go.mod"):
        reason = "go.mod is there, but no package main at the top or below cmd/"
        step = "set root to the folder of the program"
    else:
        reason = "there is no index.html, no package.json and nothing else that is known"
        step = "add an index.html, or set root to the folder of the app"
    return NothingToDeploy(f"Nothing to deploy in {where}: {reason}. Next: {step}.")
