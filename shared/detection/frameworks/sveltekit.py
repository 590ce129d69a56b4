"""SvelteKit: its adapter says whether files or a server come out."""

from dataclasses import replace

from shared.detection.app import App
from shared.detection.frameworks.entry import Found, Framework, Plan
from shared.detection.frameworks.rendering import dynamic, static
from shared.detection.javascript import Call, Object, path_of


def _adapter(app: App) -> tuple[Call | None, str]:
    """SvelteKit's adapter: the call, and the package that it comes from."""
    for stem, keys in (("svelte.config", ("kit", "adapter")), ("vite.config", ("adapter",))):
        module = app.module(stem)
        value = module.get(*keys) if module else None
        if module and isinstance(value, Call):
            return value, module.imports().get(value.name, "")
    named = app.dependency(
        "@sveltejs/adapter-static", "@sveltejs/adapter-node", "@sveltejs/adapter-auto"
    )
    return None, named[0] if named else ""


def _sveltekit(app: App) -> Plan:
    call, package = _adapter(app)
    if package == "@sveltejs/adapter-static":
        options = call.arguments[0] if call and call.arguments else None
        values = options.values if isinstance(options, Object) else {}
        pages, page = path_of(values.get("pages")), values.get("fallback")
        text = "pages of adapter-static" if pages else "adapter-static's default"
        fallback = Found(None, "adapter-static has no fallback: every page is prerendered")
        if isinstance(page, str) and page:
            fallback = Found(f"/{page.lstrip('/')}", "fallback of adapter-static")
        return static(
            "the adapter is @sveltejs/adapter-static", Found(pages or "build", text), fallback
        )
    if package == "@sveltejs/adapter-node":
        options = call.arguments[0] if call and call.arguments else None
        folder = path_of(options.values.get("out")) if isinstance(options, Object) else None
        # Behind a gateway it has to be told that the browser speaks https, or it refuses forms.
        start = f"PROTOCOL_HEADER=x-forwarded-proto node {folder or 'build'}"
        return dynamic("the adapter is @sveltejs/adapter-node", start, "adapter-node's server")
    if package == "@sveltejs/adapter-auto":
        return _adapter_auto(app)
    name = package or "not known"
    return dynamic(
        f"the adapter is {name}: pages are rendered by a server",
        None,
        "",
        f"SvelteKit's adapter is {name}, which makes nothing that runs here. Next: use"
        " @sveltejs/adapter-static for plain files, or @sveltejs/adapter-node for a server.",
    )


def _adapter_auto(app: App) -> Plan:
    """It takes adapter-node where a variable tells it that it is in a place which runs Node."""
    text = "adapter-auto is told to take @sveltejs/adapter-node, since a server runs here"
    name = app.build_script_name
    build = app.manager.run(name) if name else app.manager.tool("vite build")
    hint = (
        "adapter-auto installs @sveltejs/adapter-node at each build. Next: use that one in the"
        " project, or @sveltejs/adapter-static for plain files."
    )
    start = "PROTOCOL_HEADER=x-forwarded-proto node build"
    plan = dynamic(text, start, "adapter-node's server", hint)
    return replace(plan, build=Found(f"GCP_BUILDPACKS=1 {build}", text))


SVELTEKIT = Framework(
    slug="sveltekit-1",
    name="SvelteKit",
    kind="dynamic",
    packages=("@sveltejs/kit",),
    configs=(),
    tools=("vite build", "svelte-kit build"),
    build="vite build",
    output="build",
    immutable=("/_app/immutable/*",),
    refine=_sveltekit,
)
