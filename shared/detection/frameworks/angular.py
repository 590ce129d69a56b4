"""Angular: what is built, and where it goes, stands in ``angular.json``."""

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from shared.detection.app import App
from shared.detection.documents import pick, text_of
from shared.detection.frameworks.entry import Found, Framework, Plan
from shared.detection.package_json import flag, positional

# The builders since version 17 put the browser's files into a folder of their own.
_APPLICATION = (
    "@angular-devkit/build-angular:application",
    "@angular/build:application",
    "@analogjs/platform:vite",
)
# What they name by its content, beside whatever the project brings with it.
_BUNDLES = ("/main-*.js", "/polyfills-*.js", "/chunk-*.js", "/scripts-*.js", "/styles-*.css")
_MEDIA = "/media/*"
_HASHED = {"all": (*_BUNDLES, _MEDIA), "bundles": _BUNDLES, "media": (_MEDIA,)}


def _project(app: App) -> tuple[str, Mapping[str, Any], int] | None:
    """The application that the build script names, the default one, or the first."""
    data = app.json("angular.json") or app.json(".angular.json") or {}
    projects = data.get("projects")
    if not isinstance(projects, Mapping):
        return None
    applications = {
        name: project
        for name, project in projects.items()
        if isinstance(project, Mapping) and project.get("projectType", "application") != "library"
    }
    named = [positional(words, "build") for words in app.running("ng build")]
    for name in (*named, data.get("defaultProject"), *applications):
        if isinstance(name, str) and name in applications:
            return name, applications[name], len(applications)
    return None


def _angular(app: App) -> Plan:
    found = _project(app)
    if found is None:
        return Plan()
    name, project, count = found
    build = pick(project, "architect", "build") or pick(project, "targets", "build")
    builder, options = pick(build, "builder"), pick(build, "options") or {}
    is_application = builder in _APPLICATION
    base, browser = _folders(options.get("outputPath"), name)
    folder = f"{base}/{browser}".rstrip("/") if is_application else base
    text = "outputPath in angular.json" if options.get("outputPath") else "Angular's default"
    if is_application and browser:
        text += ", browser files in a folder of their own since Angular 17"
    warnings: tuple[str, ...] = ()
    if count > 1:
        warnings = (f"angular.json has {count} applications: {name} is published.",)
    immutable = _hashed(app, build) if is_application else ()
    plan = Plan(output=Found(folder, text), immutable=immutable, warnings=warnings)
    return _with_server(plan, options, base) if is_application else plan


def _hashed(app: App, build: Any) -> tuple[str, ...]:
    """Patterns of names with a hash in them that no file of the project fits."""
    named = (flag(words, ("--configuration", "-c")) for words in app.running("ng build"))
    name = next(filter(None, named), None) or text_of(pick(build, "defaultConfiguration")) or ""
    chosen = pick(build, "configurations", name, "outputHashing")
    patterns = _HASHED.get(str(chosen or pick(build, "options", "outputHashing")), ())
    return tuple(p for p in patterns if not any(fnmatchcase(f"/{n}", f"*{p}") for n in app.names))


def _folders(path: Any, name: str) -> tuple[str, str]:
    if isinstance(path, Mapping):
        browser = path.get("browser")
        base = text_of(path.get("base")) or f"dist/{name}"
        return base.rstrip("/"), browser if isinstance(browser, str) else "browser"
    return (text_of(path) or f"dist/{name}").rstrip("/"), "browser"


def _with_server(plan: Plan, options: Mapping[str, Any], base: str) -> Plan:
    """Server-side rendering, unless every page is rendered at build time."""
    mode, ssr = options.get("outputMode"), options.get("ssr")
    if mode == "static" or not ssr:
        if mode != "static":
            return plan
        text = "outputMode is static: every page is rendered at build time"
        return replace(plan, fallback=Found(None, text))
    why = "outputMode is server" if mode == "server" else "ssr is on"
    return Plan(
        kind="dynamic",
        kind_text=f"{why} in angular.json: pages are rendered by a server",
        start=Found(f"node {base}/server/server.mjs", "Angular's server"),
        warnings=plan.warnings,
    )


ANGULAR = Framework(
    slug="angular",
    name="Angular",
    packages=("@angular/cli",),
    files=("angular.json",),
    tools=("ng build",),
    build="ng build",
    output="dist",
    output_flags=("--output-path",),
    fallback="/index.html",
    fallback_text="client-side routing is Angular's own",
    immutable=_HASHED["all"],
    refine=_angular,
)
