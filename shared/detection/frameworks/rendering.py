"""Frameworks that render at build time or on a server: which of the two, the project says."""

import re
from dataclasses import replace

from shared.detection.app import App
from shared.detection.frameworks.entry import (
    ConfigKey,
    Found,
    Framework,
    Plan,
    folder_at,
    is_computed,
    value_at,
)
from shared.detection.frameworks.start_script import direct, options_of
from shared.detection.javascript import Call, Module, Object, Value, path_of
from shared.detection.package_json import flag, runs
from shared.detection.tree import join

_ON_DEMAND = re.compile(r"^[ \t]*export\s+const\s+prerender\s*=\s*false\b", re.MULTILINE)
_MAX_PAGES = 2000


def dynamic(text: str, start: str | None, start_text: str, *warnings: str) -> Plan:
    """A project that needs a server."""
    found = Found(start, start_text) if start else None
    return Plan(kind="dynamic", kind_text=text, start=found, warnings=warnings)


def static(text: str, output: Found, fallback: Found | None = None, build: str = "") -> Plan:
    """A project whose pages are all made by the build."""
    command = Found(build, text) if build else None
    return Plan(kind="static", kind_text=text, output=output, fallback=fallback, build=command)


def _next(app: App) -> Plan:
    exported = next((w for w in app.commands() if runs(w, "next export")), None)
    if exported is not None:
        folder = flag(exported, ("-o", "--outdir"))
        output = Found(folder or "out", "-o of next export" if folder else "Next.js's default")
        return static("the build script runs next export", output)
    mode = value_at(app, "next.config", "output")
    if mode == "export":
        folder_key = ConfigKey(("next.config",), ("distDir",))
        output = folder_at(app, folder_key, "out") or Found("out", "Next.js's default")
        return static('output in next.config is "export"', output)
    if mode == "standalone" and app.workspace is None:
        text = "output in next.config is standalone: its server needs static files beside it"
        # It listens at HOSTNAME, which is the name of the machine where nobody set it.
        start = "HOSTNAME=0.0.0.0 node .next/standalone/server.js"
        build = _standalone(app, text)
        return replace(dynamic(text, start, "the server of output: standalone"), build=build)
    computed = (
        ("output in next.config is computed: where it means export, set kind and output.",)
        if is_computed(mode)
        else ()
    )
    text = 'next build makes a server; only output: "export" in next.config makes plain files'
    options = options_of(app, "start", "next start", ("-p", "--port", "-H", "--hostname"))
    start = direct(app, ["next", "start", "-H", "0.0.0.0", "-p", "$PORT", *options])  # noqa: S104
    return dynamic(text, start, "Next.js's server", *computed)


NEXTJS = Framework(
    slug="nextjs",
    name="Next.js",
    kind="dynamic",
    packages=("next",),
    configs=("next.config",),
    tools=("next build",),
    build="next build",
    output="out",
    immutable=("/_next/static/*",),
    base_key=ConfigKey(("next.config",), ("basePath",)),
    refine=_next,
)


def _standalone(app: App, text: str) -> Found | None:
    """The standalone server finds pages' files only beside itself, where no build puts them."""
    name = app.build_script_name
    if app.settings.get("build") or "standalone" in app.build_script.partition("next build")[2]:
        return None
    build = app.manager.run(name) if name else app.manager.tool("next build")
    copied = "cp -r .next/static .next/standalone/.next/"
    if app.has_folder("public"):
        copied = f"cp -r public .next/standalone/ && {copied}"
    return Found(f"{build} && {copied}", text)


def _nuxt(app: App) -> Plan:
    version = app.package.data.get("dependencies", {}) if app.package else {}
    asked = str(version.get("nuxt", "")) if isinstance(version, dict) else ""
    is_two = re.match(r"[\^~]?2\.", asked) is not None
    output = Found("dist" if is_two else ".output/public", "Nuxt's default")
    fallback = Found("/200.html", "Nuxt's page for paths that are rendered in the browser")
    if next(app.running("nuxt generate", "nuxi generate"), None) is not None:
        return static("the build script runs nuxt generate", output, fallback)
    preset = value_at(app, "nuxt.config", "nitro", "preset")
    if preset in {"static", "github-pages", "github_pages"}:
        return static(f"nitro.preset in nuxt.config is {preset}", output, fallback)
    generate = _script_or_tool(app, "generate", "nuxt generate")
    if not app.build_script and app.script("generate"):
        return static(
            "there is a script named generate, and none named build", output, fallback, generate
        )
    if value_at(app, "nuxt.config", "ssr") is False:
        return static("ssr in nuxt.config is false", output, fallback, generate)
    if is_two and value_at(app, "nuxt.config", "target") == "static":
        return static("target in nuxt.config is static", output, fallback, generate)
    if (chosen := app.settings.get("kind")) and chosen.value == "static":
        return static("kind is set to static", output, fallback, generate)
    start = app.manager.tool("nuxt start") if is_two else "node .output/server/index.mjs"
    text = "nuxt build makes a server; nuxt generate as the build command makes plain files"
    return dynamic(text, start, "Nuxt's server")


def _script_or_tool(app: App, script: str, command: str) -> str:
    return app.manager.run(script) if app.script(script) else app.manager.tool(command)


NUXT = Framework(
    slug="nuxtjs",
    name="Nuxt",
    kind="dynamic",
    packages=("nuxt", "nuxt3", "nuxt-edge", "nuxt-nightly"),
    configs=("nuxt.config",),
    tools=("nuxt build", "nuxt generate", "nuxi build", "nuxi generate"),
    build="nuxt build",
    output=".output/public",
    fallback="/200.html",
    immutable=("/_nuxt/*",),
    base_key=ConfigKey(("nuxt.config",), ("app", "baseURL")),
    refine=_nuxt,
)


def _astro(app: App) -> Plan:
    mode = value_at(app, "astro.config", "output")
    adapter = value_at(app, "astro.config", "adapter")
    folder = path_of(value_at(app, "astro.config", "outDir")) or "dist"
    on_demand = None if adapter is None else _on_demand_page(app)
    if mode not in {"server", "hybrid"} and on_demand is None:
        value = value_at(app, "astro.config", "build", "assets")
        name = value.strip("/") if isinstance(value, str) else "_astro"
        warnings = (
            ("output in astro.config is computed: static is assumed.",) if is_computed(mode) else ()
        )
        return Plan(
            kind="static",
            kind_text="output in astro.config is static, Astro's default",
            immutable=(f"/{name}/*",) if not app.has_folder(f"public/{name}") else (),
            warnings=warnings,
        )
    why = f"output in astro.config is {mode}"
    if on_demand:
        why = f"{on_demand} is rendered on demand"
    package = _package_of(app.module("astro.config"), adapter)
    if package == "@astrojs/node":
        base = (join("", folder) or "dist").strip("/")
        options = adapter.arguments[0] if isinstance(adapter, Call) and adapter.arguments else None
        if isinstance(options, Object) and options.values.get("mode") == "middleware":
            hint = (
                "mode of @astrojs/node is middleware, so something else has to listen."
                ' Next: set mode: "standalone", or start to your own server.'
            )
            return dynamic(why, None, "", hint)
        # It listens at localhost alone unless HOST is set.
        start = f"HOST=0.0.0.0 node ./{base}/server/entry.mjs"
        return dynamic(why, start, "the server of @astrojs/node")
    other = f"its adapter is {package}" if package else "it has no adapter"
    hint = f"Astro needs a server, and {other}. Next: use @astrojs/node, or render at build time."
    return dynamic(why, None, "", hint)


def _package_of(module: Module | None, value: Value) -> str:
    return module.imports().get(value.name, "") if module and isinstance(value, Call) else ""


def _on_demand_page(app: App) -> str | None:
    pages = [name for name in app.names if name.startswith("src/pages/")][:_MAX_PAGES]
    return next((name for name in pages if _ON_DEMAND.search(app.text(name) or "")), None)


ASTRO = Framework(
    slug="astro",
    name="Astro",
    packages=("astro",),
    configs=("astro.config",),
    tools=("astro build",),
    build="astro build",
    output="dist",
    output_flags=("--outDir",),
    output_key=ConfigKey(("astro.config",), ("outDir",)),
    immutable=("/_astro/*",),
    base_key=ConfigKey(("astro.config",), ("base",)),
    refine=_astro,
)

GATSBY = Framework(
    slug="gatsby",
    name="Gatsby",
    packages=("gatsby",),
    configs=("gatsby-config",),
    tools=("gatsby build",),
    build="gatsby build",
    output="public",
    fallback_text="every page is a file of its own; 404.html answers the others",
    # Its scripts carry a hash in their names, static/ may also hold the project's own files.
    immutable=(),
)


def _react_router(app: App) -> Plan:
    folder = path_of(value_at(app, "react-router.config", "buildDirectory")) or "build"
    ssr = value_at(app, "react-router.config", "ssr")
    if ssr is False:
        rendered = value_at(app, "react-router.config", "prerender")
        has_home = rendered is True or (isinstance(rendered, list) and "/" in rendered)
        page = "/__spa-fallback.html" if has_home else "/index.html"
        output = Found(f"{folder}/client", "React Router's default")
        return static(
            "ssr in react-router.config is false", output, Found(page, "React Router's page")
        )
    if app.dependency("@react-router/serve") is None and not app.script("start"):
        hint = (
            "React Router renders on a server, and nothing starts one. Next: add"
            " @react-router/serve to the dependencies, or set ssr: false."
        )
        return dynamic("ssr in react-router.config is not false", None, "", hint)
    start = direct(app, ["react-router-serve", f"./{folder}/server/index.js"])
    return dynamic("ssr in react-router.config is not false", start, "React Router's server")


REACT_ROUTER = Framework(
    slug="react-router",
    name="React Router",
    kind="dynamic",
    packages=("@react-router/dev",),
    configs=("react-router.config",),
    tools=("react-router build",),
    build="react-router build",
    output="build/client",
    fallback="/index.html",
    immutable=("/assets/*",),
    refine=_react_router,
)


def _remix(app: App) -> Plan:
    module = app.module("vite.config")
    call = module.called("remix", "vitePlugin") if module else None
    options = call.arguments[0] if call and call.arguments else None
    if isinstance(options, Object) and options.values.get("ssr") is False:
        output = Found("build/client", "Remix's default")
        return static("ssr of Remix is false", output, Found("/index.html", "Remix's page"))
    path = "build/server/index.js" if module else "build/index.js"
    start = direct(app, ["remix-serve", f"./{path}"])
    return dynamic("Remix renders its pages on a server", start, "Remix's server")


REMIX = Framework(
    slug="remix",
    name="Remix",
    kind="dynamic",
    packages=("@remix-run/dev", "remix"),
    configs=("remix.config",),
    tools=("remix build", "remix vite:build"),
    build="remix build",
    output="build/client",
    immutable=("/assets/*",),
    refine=_remix,
)


def _nitro(app: App) -> Plan:
    """SolidStart and TanStack Start: the same server underneath."""
    for stem, keys in (
        ("app.config", ("server", "preset")),
        ("vite.config", ("preset",)),
        ("app.config", ("ssr",)),
    ):
        value = value_at(app, stem, *keys)
        if value in ("static", "github-pages"):
            output = Found(".output/public", "Nitro's default")
            return static(f"{'.'.join(keys)} in {stem} is {value}", output)
    start = "node .output/server/index.mjs"
    return dynamic("its pages are rendered by a server", start, "Nitro's server")


SOLIDSTART = Framework(
    slug="solidstart-1",
    name="SolidStart",
    kind="dynamic",
    packages=("@solidjs/start",),
    tools=("vinxi build", "vite build"),
    build="vinxi build",
    output=".output/public",
    immutable=("/_build/assets/*",),
    refine=_nitro,
)

TANSTACK_START = Framework(
    slug="tanstack-start",
    name="TanStack Start",
    kind="dynamic",
    packages=("@tanstack/react-start", "@tanstack/solid-start"),
    tools=("vite build", "vinxi build"),
    build="vite build",
    output=".output/public",
    immutable=("/assets/*",),
    refine=_nitro,
)


def _qwik_city(app: App) -> Plan:
    if app.module("adapters/static/vite.config") or (
        app.script("build.server") and "static" in (app.script("build.server") or "")
    ):
        return static("adapters/static is there", Found("dist", "Qwik's default"))
    servers = ("express", "node-server", "fastify")
    name = next((s for s in servers if app.has_folder(f"adapters/{s}")), None)
    if name:
        entry = "node-server" if name == "node-server" else name
        return dynamic(f"adapters/{name} is there", f"node server/entry.{entry}", "its server")
    return dynamic(
        "Qwik City without the static adapter needs a server",
        None,
        "",
        "Qwik City has no adapter. Next: npm run qwik add static for plain files.",
    )


QWIK_CITY = Framework(
    slug="qwik",
    name="Qwik City",
    kind="dynamic",
    packages=("@builder.io/qwik-city", "@qwik.dev/router"),
    tools=("qwik build", "vite build"),
    build="qwik build",
    output="dist",
    immutable=("/build/*",),
    refine=_qwik_city,
)
