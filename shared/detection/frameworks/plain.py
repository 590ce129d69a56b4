"""Sites without a framework: files as they are, or whatever a build script leaves."""

import re

from shared.detection.app import App
from shared.detection.frameworks.entry import Found, Framework, Plan
from shared.detection.frameworks.single_page import client_routes
from shared.detection.javascript import path_of
from shared.detection.package_json import flag

_FOLDERS = (".", "public", "dist", "build", "out", "site", "www", "htdocs", "html", "_site", "docs")
_OUTPUT_FLAGS = ("--outdir", "--outDir", "--out-dir", "--output", "--output-path", "--dist-dir",
                 "--dest", "--dir", "--outfile", "-o", "-d")  # fmt: skip
_USUAL = ("dist", "build", "out", "_site", "public", "www")
_BUNDLER_CONFIGS = ("webpack.config", "webpack.prod", "config/webpack.prod", "rspack.config")


def page_folder(app: App) -> str | None:
    """The first usual folder with an ``index.html``."""
    for folder in _FOLDERS:
        names = ("index.html", "index.htm")
        if any(app.has(name if folder == "." else f"{folder}/{name}") for name in names):
            return folder
    return None


def _matches_html(app: App) -> str | None:
    folder = page_folder(app)
    has_own_way = app.has("Dockerfile") or app.has("Procfile")
    if folder is None or (has_own_way and folder != "."):
        return None
    return f"index.html is in {'the top folder' if folder == '.' else folder}"


def _html(app: App) -> Plan:
    folder = page_folder(app) or "."
    return Plan(output=Found(folder, _matches_html(app) or "the whole folder"))


HTML = Framework(
    slug="html",
    name="Plain HTML",
    runtime="none",
    matches=_matches_html,
    known_by="`index.html` at the top, in `public/`, `dist/` or another usual folder",
    output=".",
    refine=_html,
)


def _matches_script(app: App) -> str | None:
    if app.script("build") and not app.has("Dockerfile"):
        return f"there is a script named build in {app.shown('package.json')}"
    chosen = app.settings.get("build")
    return "a build command is set" if chosen and chosen.value is not False else None


def _build_script(app: App) -> Plan:
    return Plan(output=_output(app), fallback=client_routes(app, _pages(app)))


def _pages(app: App) -> int:
    """Sources with more than one page are no single-page app."""
    pages = [n for n in app.names if re.fullmatch(r"(?:(?:src|public|app)/)?[\w-]+\.html", n)]
    return max(1, len(pages))


def _output(app: App) -> Found:
    for words in app.commands():
        if value := flag(words, _OUTPUT_FLAGS):
            folder = value.rpartition("/")[0] if re.search(r"\.\w{1,5}$", value) else value
            parts = [part for part in folder.split("/") if part not in {"", "."}]
            if parts and parts[0] != "..":
                return Found(
                    parts[0] if parts[0] in _USUAL else folder, "an option in the build script"
                )
    if module := app.module(*_BUNDLER_CONFIGS):
        if path := path_of(module.get("output", "path")):
            return Found(path, f"output.path in {module.path}")
        return Found("dist", f"the default of the bundler in {module.path}")
    ignored = {line.strip().strip("/") for line in (app.text(".gitignore") or "").splitlines()}
    for folder in _USUAL:
        if folder in ignored:
            return Found(folder, f"{folder} is in .gitignore, as what builds leave: a guess")
    if app.has("public/index.html"):
        return Found("public", "public/index.html is there")
    return Found("dist", "a guess: set output if the build writes elsewhere")


OTHER = Framework(
    slug="other",
    name="Build script",
    matches=_matches_script,
    known_by="a script named `build` in `package.json`, and no framework that is known",
    output="dist",
    fallback="/index.html",
    refine=_build_script,
)
