"""Generators of documentation on Python."""

import re

from shared.detection.app import App
from shared.detection.documents import pick, text_of
from shared.detection.frameworks.entry import Found, Framework, Plan
from shared.detection.tree import join

# Packages of themes and plugins that are called otherwise than in the configuration.
_MKDOCS_PACKAGES = {
    "material": "mkdocs-material", "readthedocs": "", "mkdocs": "", "search": "", "blog": "",
    "social": "", "tags": "", "privacy": "", "offline": "", "meta": "", "group": "", "info": "",
    "mkdocstrings": "mkdocstrings[python]", "awesome-pages": "mkdocs-awesome-pages-plugin",
    "git-revision-date-localized": "mkdocs-git-revision-date-localized-plugin",
    "minify": "mkdocs-minify-plugin", "redirects": "mkdocs-redirects",
    "macros": "mkdocs-macros-plugin",
    "gen-files": "mkdocs-gen-files", "literate-nav": "mkdocs-literate-nav",
    "section-index": "mkdocs-section-index", "glightbox": "mkdocs-glightbox",
    "include-markdown": "mkdocs-include-markdown-plugin", "bootswatch": "mkdocs-bootswatch",
}  # fmt: skip
_MKDOCS_FILES = ("mkdocs.yml", "mkdocs.yaml")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")


def _installed(app: App, tool: str, packages: list[str]) -> Found | None:
    """Nothing names the tool: install it, and what its configuration asks for."""
    if tool in app.python.packages or app.python.manager in {"uv", "poetry", "pipenv"}:
        return None
    names = " ".join(f'"{p}"' if "[" in p else p for p in dict.fromkeys(packages))
    if app.python.install and app.python.packages:
        return Found(f"{app.python.install} {names}", f"{app.python.text}, and {tool}")
    return Found(f"pip install {names}", f"no file names packages; {tool}'s configuration does")


def _mkdocs(app: App) -> Plan:
    config = app.yaml(*_MKDOCS_FILES)
    theme = config.get("theme")
    names = [theme if isinstance(theme, str) else pick(theme, "name")]
    plugins = config.get("plugins")
    for plugin in plugins if isinstance(plugins, list | dict) else []:
        names.append(next(iter(plugin), None) if isinstance(plugin, dict) else plugin)
    known = [_MKDOCS_PACKAGES.get(name, "") for name in names if isinstance(name, str)]
    folder = text_of(config.get("site_dir"))
    return Plan(
        install=_installed(app, "mkdocs", ["mkdocs", *filter(None, known)]),
        build=Found(app.python.tool("mkdocs build"), "MkDocs's own command"),
        output=Found(folder, "site_dir in mkdocs.yml") if folder else None,
    )


MKDOCS = Framework(
    slug="mkdocs",
    name="MkDocs",
    runtime="python",
    files=_MKDOCS_FILES,
    tools=("mkdocs build",),
    build="mkdocs build",
    output="site",
    output_flags=("--site-dir", "-d"),
    refine=_mkdocs,
)

_CONF_FOLDERS = ("docs", "docs/source", "doc", "doc/source", "source", "documentation", "")
_IS_SPHINX = re.compile(
    r"^[ \t]*(?:extensions|html_theme|master_doc|root_doc|project)\s*=", re.MULTILINE
)
_LIST = re.compile(r"^extensions\s*(?:\+?=)\s*\[([^\]]{0,4000})\]", re.MULTILINE)
_THEME = re.compile(r"^html_theme\s*=\s*['\"]([\w.-]{1,60})['\"]", re.MULTILINE)
_SPHINX_PACKAGES = {
    "myst_parser": "myst-parser", "sphinx_rtd_theme": "sphinx-rtd-theme", "furo": "furo",
    "pydata_sphinx_theme": "pydata-sphinx-theme", "sphinx_book_theme": "sphinx-book-theme",
    "sphinx_copybutton": "sphinx-copybutton", "sphinx_design": "sphinx-design",
    "nbsphinx": "nbsphinx", "myst_nb": "myst-nb", "sphinx_tabs.tabs": "sphinx-tabs",
    "sphinxcontrib.mermaid": "sphinxcontrib-mermaid",
    "sphinx_autodoc_typehints": "sphinx-autodoc-typehints", "autoapi.extension": "sphinx-autoapi",
    "sphinx_inline_tabs": "sphinx-inline-tabs", "sphinxext.opengraph": "sphinxext-opengraph",
    "sphinx_material": "sphinx-material", "shibuya": "shibuya", "press": "sphinx-press-theme",
}  # fmt: skip


def _conf_folder(app: App) -> str | None:
    for folder in _CONF_FOLDERS:
        text = app.text(f"{folder}/conf.py" if folder else "conf.py")
        if text is None or not _IS_SPHINX.search(text):
            continue
        if any(app.has(join(folder, f"index{end}") or "") for end in (".rst", ".md", ".txt")):
            return folder
    return None


def _matches_sphinx(app: App) -> str | None:
    folder = _conf_folder(app)
    return None if folder is None else f"{app.shown(join(folder, 'conf.py') or '')} is there"


def _sphinx(app: App) -> Plan:
    folder = _conf_folder(app) or ""
    base = folder.removesuffix("source").strip("/")
    output = f"{base}/_build/html".lstrip("/") if base or folder != "source" else "build/html"
    conf = app.text(join(folder, "conf.py") or "") or ""
    named = re.findall(r"['\"]([\w.]+)['\"]", (_LIST.search(conf) or ["", ""])[1])
    theme = _THEME.search(conf)
    names = [*named, theme[1] if theme else ""]
    packages = [_SPHINX_PACKAGES[name] for name in names if name in _SPHINX_PACKAGES]
    command = f"sphinx-build -b html {folder or '.'} {output}"
    return Plan(
        install=_installed(app, "sphinx", ["sphinx", *packages]),
        build=Found(app.python.tool(command), f"conf.py is in {folder or 'the top folder'}"),
        output=Found(output, "where the build command writes"),
    )


SPHINX = Framework(
    slug="sphinx",
    name="Sphinx",
    runtime="python",
    matches=_matches_sphinx,
    known_by="`conf.py` with Sphinx's names and an index page",
    tools=("sphinx-build",),
    build="sphinx-build -b html docs docs/_build/html",
    output="docs/_build/html",
    immutable=(),
    refine=_sphinx,
)
