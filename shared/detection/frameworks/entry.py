"""What an entry says of a framework, and how its values are found in a project.

An entry is data as far as that goes; ``refine`` reads what stands in the tool's own
configuration. It returns only what differs from the entry.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from shared.detection.app import App
from shared.detection.javascript import Unknown, Value, path_of
from shared.detection.package_json import flag
from shared.detection.settings import Kind
from shared.detection.tree import join

PAGES_ARE_FILES = "every page is a file of its own"
Runtime = Literal["node", "python", "go", "none"]


@dataclass(frozen=True, slots=True)
class Found:
    """A value and why it is that."""

    value: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is known of a project of this framework; None where the entry's word holds."""

    kind: Kind | None = None
    kind_text: str = ""
    runtime: Runtime | None = None
    install: Found | None = None
    build: Found | None = None
    output: Found | None = None
    start: Found | None = None
    fallback: Found | None = None
    immutable: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """A key of a tool's configuration, such as ``build.outDir`` in ``vite.config.ts``."""

    stems: tuple[str, ...]
    keys: tuple[str, ...]

    @property
    def label(self) -> str:
        """As a message names it."""
        return ".".join(self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """A framework: how it is known, how it is built, what comes out.

    ``slug`` is Vercel's published one where there is one. ``tools`` are the commands that a build
    script runs for it: where several frameworks are named, the one that is run decides.
    """

    slug: str
    name: str
    kind: Kind = "static"
    runtime: Runtime = "node"
    packages: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    matches: Callable[[App], str | None] | None = None
    # What has to hold besides: tools that other frameworks and libraries bring along, too.
    besides: Callable[[App], bool] | None = None
    tools: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ("build",)
    build: str | None = None
    output: str = "dist"
    output_flags: tuple[str, ...] = ()
    output_key: ConfigKey | None = None
    start: str | None = None
    fallback: str | None = None
    fallback_text: str = PAGES_ARE_FILES
    immutable: tuple[str, ...] = ()
    base_key: ConfigKey | None = None
    refine: Callable[[App], Plan] | None = None
    # For the documentation: how it is known where `matches` says it.
    known_by: str = ""
    # It runs the project's own program: the other frameworks in it are what that program serves.
    is_server: bool = False
    # A script counts only where it runs one of the tools: `build` may be for something else.
    own_scripts_only: bool = False

    def evidence(self, app: App) -> str | None:
        """Why an app is taken for one of this framework; None where it is not."""
        if self.besides and not self.besides(app):
            return None
        if found := app.dependency(*self.packages):
            return found[1]
        if module := app.module(*self.configs):
            return f"{app.shown(module.path)} is there"
        for name in self.files:
            if app.has(name):
                return f"{app.shown(name)} is there"
        return self.matches(app) if self.matches else None

    def plan(self, app: App) -> Plan:
        """Everything that the project's files tell."""
        plan = self.refine(app) if self.refine else Plan()
        output = flag_output(app, self) or plan.output or key_output(app, self)
        output = output or Found(self.output, f"{self.name}'s default")
        warnings = (*plan.warnings, *_base(app, self))
        return replace(plan, output=_bounded(output, self), warnings=warnings)


def flag_output(app: App, entry: Framework) -> Found | None:
    """The folder that the build script gives to the tool."""
    for words in app.running(*entry.tools):
        if value := flag(words, entry.output_flags):
            option = next(o for o in entry.output_flags if any(w.startswith(o) for w in words))
            return Found(value, f"{option} in the build script")
    return None


def key_output(app: App, entry: Framework) -> Found | None:
    """The folder that the tool's own configuration names."""
    return folder_at(app, entry.output_key, entry.output) if entry.output_key else None


def folder_at(app: App, key: ConfigKey, default: str) -> Found | None:
    """A folder in a configuration; one that is computed is said, and the default taken."""
    module = app.module(*key.stems)
    value = module.get(*key.keys) if module else None
    if module is None or value is None:
        return None
    path = path_of(value)
    if path is None:
        text = f"{key.label} in {module.path} is computed, so {default} is a guess: set output"
        return Found(default, text)
    return Found(path, f"{key.label} in {module.path}")


def value_at(app: App, stem: str, *keys: str) -> Value:
    """What a configuration says at a path of keys."""
    module = app.module(stem)
    return module.get(*keys) if module else None


def is_computed(value: Value) -> bool:
    """Whether a value is there, but only known when the file runs."""
    return isinstance(value, Unknown) and value.text not in {"null", "undefined", ""}


def _bounded(output: Found, entry: Framework) -> Found:
    """An output folder without detours; one outside of the source is not followed."""
    folder = join("", (output.value or ".").rstrip("/") or "/")
    if folder is None:
        # Leading out of the app may still be within the source; that is for `detect` to say.
        return output
    return Found(folder or ".", output.text)


def _base(app: App, entry: Framework) -> Iterator[str]:
    """Sites are served from the top of their host: another base breaks every asset."""
    if entry.base_key is None or (module := app.module(*entry.base_key.stems)) is None:
        return
    value = module.get(*entry.base_key.keys)
    if isinstance(value, str) and re.fullmatch(r"/[^/].*", value):
        yield (
            f"{entry.base_key.label} in {module.path} is {value[:80]}: the pages look for their"
            f" assets below {value[:80]}, but the site is served from /. Next: remove it."
        )
