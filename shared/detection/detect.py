"""From a source and what people set to a build spec: which app, which framework, which values."""

from collections.abc import Iterator, Sequence

from shared.detection.app import App
from shared.detection.assemble import assemble
from shared.detection.build_spec import BuildSpec, Reason
from shared.detection.errors import NothingToDeploy, RootMissing, SeveralApps, WrongSetting
from shared.detection.frameworks import BY_SLUG, FRAMEWORKS
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
    if settings.get("framework") or settings.get("output") or is_app(App(source, "", settings)):
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
    matches = list(matching(app))
    if not matches:
        raise _nothing(app)
    first = _deciding(app, matches)
    return first, tuple(_others(first[0], [entry for entry, _ in matches]))


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
    where = f"the folder {app.root}" if app.root else "the top of the source"
    known = next((text for name, text in _NOT_BUILT.items() if app.has(name)), None)
    if known:
        return NothingToDeploy(
            f"This looks like a {known} project, which is not built here. Next: build it yourself"
            " and deploy the output, or add a Dockerfile."
        )
    if app.package is not None:
        reason = "package.json has no build script and names no framework that is known"
        step = "add a build script, or set build and output in astrocloud.toml"
    else:
        reason = "there is no index.html, no package.json and nothing else that is known"
        step = "add an index.html, or set root to the folder of the app"
    return NothingToDeploy(f"Nothing to deploy in {where}: {reason}. Next: {step}.")
