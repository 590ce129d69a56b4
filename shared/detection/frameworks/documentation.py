"""Generators of documentation, blogs and component catalogues on Node."""

import re

from shared.detection.app import App
from shared.detection.documents import text_of
from shared.detection.frameworks.entry import (
    ConfigKey,
    Found,
    Framework,
    Plan,
    folder_at,
    value_at,
)
from shared.detection.javascript import path_of
from shared.detection.package_json import positional
from shared.detection.tree import join

DOCUSAURUS = Framework(
    slug="docusaurus-2",
    name="Docusaurus",
    packages=("@docusaurus/core",),
    configs=("docusaurus.config",),
    tools=("docusaurus build",),
    build="docusaurus build",
    output="build",
    output_flags=("--out-dir",),
    immutable=("/assets/*",),
    base_key=ConfigKey(("docusaurus.config",), ("baseUrl",)),
    refine=lambda app: Plan(immutable=() if app.has_folder("static/assets") else None),
)


def _folder_of(app: App, hidden: str, *tools: str) -> str:
    """The folder that the build script names, else the one that holds the configuration."""
    for words in app.running(*tools):
        if (named := positional(words, "build")) is not None:
            return (join("", named) or "").strip("/")
        return ""
    marker = re.compile(rf"(?:^|/){re.escape(hidden)}/")
    found = (marker.search(name) for name in app.names)
    places = [match.string[: match.start()] for match in found if match]
    return min(places, key=lambda place: (place.count("/"), place), default="docs")


def _vitepress(app: App) -> Plan:
    folder = _folder_of(app, ".vitepress", "vitepress build")
    prefix = f"{folder}/" if folder else ""
    config = f"{prefix}.vitepress/config"
    default = f"{prefix}.vitepress/dist"
    key = ConfigKey((config, f"{config}/index"), ("outDir",))
    output = folder_at(app, key, default)
    if output and output.value != default:
        output = Found(join(folder, output.value or "") or output.value, output.text)
    is_plain = app.has_folder(f"{prefix}public/assets") or value_at(app, config, "assetsDir")
    base = value_at(app, config, "base")
    warnings: tuple[str, ...] = ()
    if isinstance(base, str) and base.strip("/."):
        warnings = (
            f"base in {app.shown(config)} is {base[:80]}: pages look for their assets below it, but"
            " the site is served from /. Next: remove it.",
        )
    return Plan(
        build=Found(f"vitepress build {folder}".strip(), f"the pages are in {folder or 'the top'}"),
        output=output or Found(default, "VitePress's default"),
        immutable=() if is_plain else None,
        warnings=warnings,
    )


VITEPRESS = Framework(
    slug="vitepress",
    name="VitePress",
    packages=("vitepress",),
    tools=("vitepress build",),
    scripts=("build", "docs:build"),
    build="vitepress build docs",
    output="docs/.vitepress/dist",
    output_flags=("--outDir",),
    immutable=("/assets/*",),
    refine=_vitepress,
)

_VUEPRESS_TOOLS = ("vuepress build", "vuepress-vite build", "vuepress-webpack build")


def _vuepress(app: App) -> Plan:
    folder = _folder_of(app, ".vuepress", *_VUEPRESS_TOOLS)
    prefix = f"{folder}/" if folder else ""
    default = f"{prefix}.vuepress/dist"
    config = f"{prefix}.vuepress/config"
    output = Found(default, "VuePress's default")
    value = value_at(app, config, "dest")
    path = path_of(value)
    if isinstance(value, str) and path:
        output = Found(path, "dest in .vuepress/config")
    elif path:  # path.resolve(__dirname, …) begins at the configuration's folder
        output = Found(join(f"{prefix}.vuepress", path) or path, "dest in .vuepress/config")
    return Plan(
        build=Found(f"vuepress build {folder}".strip(), f"the pages are in {folder or 'the top'}"),
        output=output,
        immutable=() if app.has_folder(f"{prefix}.vuepress/public/assets") else None,
    )


VUEPRESS = Framework(
    slug="vuepress",
    name="VuePress",
    packages=("vuepress", "vuepress-vite", "vuepress-webpack"),
    tools=_VUEPRESS_TOOLS,
    scripts=("build", "docs:build"),
    build="vuepress build docs",
    output="docs/.vuepress/dist",
    output_flags=("--dest", "-d"),
    immutable=("/assets/*",),
    refine=_vuepress,
)

_ELEVENTY = (".eleventy", "eleventy.config")


def _eleventy(app: App) -> Plan:
    if module := app.module(*_ELEVENTY):
        call = next((c for c in module.calls if c.name.endswith(".setOutputDirectory")), None)
        if call and call.arguments and (path := path_of(call.arguments[0])):
            return Plan(output=Found(path, f"setOutputDirectory in {module.path}"))
    return Plan()


ELEVENTY = Framework(
    slug="eleventy",
    name="Eleventy",
    packages=("@11ty/eleventy",),
    configs=_ELEVENTY,
    tools=("eleventy",),
    build="eleventy",
    output="_site",
    output_flags=("--output", "-o"),
    output_key=ConfigKey(_ELEVENTY, ("dir", "output")),
    refine=_eleventy,
)


def _hexo(app: App) -> Plan:
    folder = text_of(app.yaml("_config.yml", "_config.yaml").get("public_dir"))
    return Plan(output=Found(folder, "public_dir in _config.yml") if folder else None)


HEXO = Framework(
    slug="hexo",
    name="Hexo",
    packages=("hexo",),
    tools=("hexo generate", "hexo g"),
    build="hexo generate",
    output="public",
    refine=_hexo,
)

STORYBOOK = Framework(
    slug="storybook",
    name="Storybook",
    packages=("storybook", "@storybook/cli"),
    configs=(".storybook/main",),
    tools=("storybook build", "build-storybook"),
    scripts=("build-storybook", "storybook:build", "build"),
    own_scripts_only=True,
    build="storybook build",
    output="storybook-static",
    output_flags=("--output-dir", "-o"),
)
