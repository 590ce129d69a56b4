"""Bundlers and tools whose output is one page with client-side routing, or a few pages."""

from shared.detection.app import App
from shared.detection.documents import pick, text_of
from shared.detection.frameworks.entry import (
    ConfigKey,
    Found,
    Framework,
    Plan,
    folder_at,
    value_at,
)
from shared.detection.javascript import Object, path_of
from shared.detection.package_json import positional
from shared.detection.tree import join

_ROUTERS = (
    "react-router", "react-router-dom", "@tanstack/react-router", "wouter", "@reach/router",
    "vue-router", "@solidjs/router", "@tanstack/solid-router", "preact-router", "preact-iso",
    "wouter-preact", "svelte-routing", "svelte-navigator", "@vaadin/router", "@lit-labs/router",
    "@roxi/routify", "page", "navigo", "@mateothegreat/svelte5-router", "@builder.io/qwik-city",
)  # fmt: skip
_INDEX = "/index.html"


def client_routes(app: App, pages: int, own_404: str = "public/404.html") -> Found:
    """Whether paths without a file get the page: only where it can know what to do with them."""
    router = app.dependency(*_ROUTERS)
    if pages > 1:
        return Found(None, f"{pages} pages: each is a file of its own")
    if router:
        return Found(_INDEX, f"client-side routing: {router[1]}")
    if app.has(own_404):
        return Found(None, f"{app.shown(own_404)} answers paths that do not exist")
    return Found(_INDEX, "one page: it may look at the path itself")


def _vite(app: App) -> Plan:
    module = app.module("vite.config")
    root = module and path_of(module.get("root"))
    root = (root or "").strip("/").removeprefix("./") if root not in {".", "./"} else ""
    output = folder_at(app, ConfigKey(("vite.config",), ("build", "outDir")), "dist")
    if root:
        inner = output.value if output and output.value else "dist"
        text = output.text if output else "Vite's default"
        output = Found(join(root, inner) or inner, f"{text}, below root in vite.config")
    warnings = []
    if module and isinstance(module.get("build", "lib"), Object):
        warnings.append(
            f"{app.shown(module.path)} builds a library (build.lib): the output has no page."
        )
    return Plan(
        output=output,
        fallback=_vite_fallback(app, root),
        immutable=_vite_assets(app),
        warnings=tuple(warnings),
    )


def _vite_fallback(app: App, root: str) -> Found:
    inputs = None
    for options in ("rollupOptions", "rolldownOptions"):
        inputs = inputs or value_at(app, "vite.config", "build", options, "input")
    if value_at(app, "vite.config", "appType") == "mpa":
        return Found(None, "appType in vite.config is mpa: each page is a file of its own")
    named = len(inputs.values) if isinstance(inputs, Object) else 0
    named = len(inputs) if isinstance(inputs, list) else named
    return client_routes(app, named or 1)


def _vite_assets(app: App) -> tuple[str, ...]:
    """Vite's folder of hashed names, unless the project puts names of its own there."""
    module = app.module("vite.config")
    folder = value_at(app, "vite.config", "build", "assetsDir")
    name = folder.strip("/") if isinstance(folder, str) else "assets"
    own_names = module is not None and "FileNames" in module.text
    if not name or own_names or app.has_folder(f"public/{name}"):
        return ()
    return (f"/{name}/*",)


def _vite_has_page(app: App) -> bool:
    """Others bring Vite along, too; a site of its own has a page or a build that runs it."""
    if app.has("artisan") or app.has("config/application.rb"):
        return (
            False  # Laravel and Rails bundle their assets with it and render the pages themselves
        )
    if app.module("vite.config") or next(app.running("vite build"), None) is not None:
        return True
    return app.has("index.html")


VITE = Framework(
    slug="vite",
    name="Vite",
    packages=("vite", "rolldown-vite"),
    configs=("vite.config",),
    besides=_vite_has_page,
    tools=("vite build",),
    build="vite build",
    output="dist",
    output_flags=("--outDir",),
    fallback=_INDEX,
    immutable=("/assets/*",),
    base_key=ConfigKey(("vite.config",), ("base",)),
    refine=_vite,
)


def _create_react_app(app: App) -> Plan:
    build_path = next(
        (w.partition("=")[2] for w in app.build_script.split() if w.startswith("BUILD_PATH=")), ""
    )
    home = text_of(pick(app.package.data, "homepage")) if app.package else None
    path = "/" + home.partition("://")[2].partition("/")[2] if home and "://" in home else home
    warnings: tuple[str, ...] = ()
    if path and path.strip("./"):
        warnings = (
            f"homepage in {app.shown('package.json')} is {path[:80]}: the pages look for their"
            " assets below that path, but the site is served from /. Next: remove homepage.",
        )
    return Plan(
        output=Found(build_path, "BUILD_PATH in the build script") if build_path else None,
        fallback=client_routes(app, 1),
        immutable=() if app.has_folder("public/static") else None,
        warnings=warnings,
    )


CREATE_REACT_APP = Framework(
    slug="create-react-app",
    name="Create React App",
    packages=("react-scripts", "react-app-rewired"),
    tools=("react-scripts build", "craco build", "react-app-rewired build"),
    build="react-scripts build",
    output="build",
    fallback=_INDEX,
    immutable=("/static/*",),
    refine=_create_react_app,
)


def _vue_cli(app: App) -> Plan:
    pages = value_at(app, "vue.config", "pages")
    count = len(pages.values) if isinstance(pages, Object) else 1
    named = value_at(app, "vue.config", "filenameHashing") is not False
    folder = value_at(app, "vue.config", "assetsDir")
    prefix = f"/{folder.strip('/')}" if isinstance(folder, str) and folder.strip("/") else ""
    folders = [
        f"{prefix}/{name}/*"
        for name in ("js", "css", "img", "fonts", "media")
        if not app.has_folder(f"public{prefix}/{name}")
    ]
    return Plan(fallback=client_routes(app, count), immutable=tuple(folders) if named else ())


VUE = Framework(
    slug="vue",
    name="Vue CLI",
    packages=("@vue/cli-service",),
    configs=("vue.config",),
    tools=("vue-cli-service build",),
    build="vue-cli-service build",
    output="dist",
    output_flags=("--dest",),
    output_key=ConfigKey(("vue.config",), ("outputDir",)),
    fallback=_INDEX,
    immutable=("/js/*", "/css/*", "/img/*", "/fonts/*", "/media/*"),
    base_key=ConfigKey(("vue.config",), ("publicPath",)),
    refine=_vue_cli,
)


EMBER = Framework(
    slug="ember",
    name="Ember",
    packages=("ember-source", "ember-cli"),
    configs=("ember-cli-build",),
    tools=("ember build", "vite build"),
    build="ember build --environment production",
    output="dist",
    output_flags=("--output-path", "-o", "--outDir"),
    fallback=_INDEX,
    fallback_text="client-side routing is Ember's own",
    immutable=("/assets/*",),
    refine=lambda app: Plan(immutable=() if app.has_folder("public/assets") else None),
)


PREACT = Framework(
    slug="preact",
    name="Preact CLI",
    packages=("preact-cli",),
    tools=("preact build",),
    build="preact build",
    output="build",
    output_flags=("--dest",),
    fallback=_INDEX,
    fallback_text="client-side routing: preact-router",
)


def _parcel(app: App) -> Plan:
    entries: list[str] = []
    for words in app.running("parcel build"):
        first = positional(words, "build")
        after = list(words).index("build") + 1
        entries = [w for w in words[after:] if w.endswith((".html", ".pug"))] if first else []
    source = app.package.data.get("source") if app.package else None
    if not entries and source:
        entries = [source] if isinstance(source, str) else [str(s) for s in source]
    build = None
    if not entries:
        found = next((p for p in ("src/index.html", "index.html") if app.has(p)), None)
        build = Found(f"parcel build {found}", "no entry is named") if found else None
    targets = pick(app.package.data, "targets") if app.package else None
    folders = [
        text for t in (targets or {}).values() if (text := text_of(pick(t, "distDir"))) is not None
    ] if isinstance(targets, dict) else []  # fmt: skip
    output = Found(folders[0], "distDir of a target in package.json") if folders else None
    pages = sum(1 if "*" not in entry else 2 for entry in entries)
    return Plan(build=build, output=output, fallback=client_routes(app, pages or 1))


PARCEL = Framework(
    slug="parcel",
    name="Parcel",
    packages=("parcel", "parcel-bundler"),
    tools=("parcel build",),
    build="parcel build",
    output="dist",
    output_flags=("--dist-dir", "--out-dir", "-d"),
    fallback=_INDEX,
    refine=_parcel,
)

RSBUILD = Framework(
    slug="rsbuild",
    name="Rsbuild",
    packages=("@rsbuild/core",),
    configs=("rsbuild.config",),
    tools=("rsbuild build",),
    build="rsbuild build",
    output="dist",
    output_key=ConfigKey(("rsbuild.config",), ("output", "distPath", "root")),
    fallback=_INDEX,
    immutable=("/static/*",),
    base_key=ConfigKey(("rsbuild.config",), ("server", "base")),
    refine=lambda app: Plan(
        fallback=client_routes(app, 1),
        immutable=() if app.has_folder("public/static") else None,
    ),
)
