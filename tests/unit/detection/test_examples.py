"""Each example folder is detected as what it is an example of; the documents list every entry."""

from pathlib import Path

import pytest

from shared.detection.detect import detect
from shared.detection.frameworks import BY_SLUG, FRAMEWORKS
from shared.detection.tree import FolderTree
from tests.frameworks import results
from tests.frameworks.starters.catalogue import STARTERS

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "tests" / "frameworks" / "examples"

# slug: kind, install, build, output or start, fallback
NPM, RUN = "npm install", "npm run build"
PIP = "pip install -r requirements.txt"
EXPECTED: dict[str, tuple[str, str | None, str | None, str | None, str | None]] = {
    "nextjs": ("static", NPM, RUN, "out", None),
    "nuxtjs": ("static", NPM, RUN, ".output/public", "/200.html"),
    "sveltekit-1": ("static", NPM, RUN, "build", "/200.html"),
    "astro": ("static", NPM, RUN, "dist", None),
    "gatsby": ("static", NPM, RUN, "public", None),
    "react-router": ("static", NPM, RUN, "build/client", "/index.html"),
    "remix": (
        "dynamic",
        NPM,
        RUN,
        "node_modules/.bin/remix-serve ./build/server/index.js",
        None,
    ),
    "solidstart-1": ("static", NPM, RUN, ".output/public", None),
    "tanstack-start": ("dynamic", NPM, RUN, "node .output/server/index.mjs", None),
    "qwik": ("static", NPM, RUN, "dist", None),
    "docusaurus-2": ("static", NPM, RUN, "build", None),
    "vitepress": ("static", NPM, "npm run docs:build", "docs/.vitepress/dist", None),
    "vuepress": ("static", NPM, "npm run docs:build", "docs/.vuepress/dist", None),
    "eleventy": ("static", NPM, RUN, "www", None),
    "hexo": ("static", NPM, RUN, "public", None),
    "create-react-app": ("static", NPM, RUN, "build", "/index.html"),
    "angular": ("static", NPM, RUN, "dist/example/browser", "/index.html"),
    "vue": ("static", NPM, RUN, "dist", "/index.html"),
    "ember": ("static", NPM, RUN, "dist", "/index.html"),
    "preact": ("static", NPM, RUN, "build", "/index.html"),
    "nestjs": ("dynamic", NPM, RUN, "node dist/main", None),
    "fastify": ("dynamic", NPM, None, "node server.js", None),
    "koa": ("dynamic", NPM, None, "node server.js", None),
    "hono": ("dynamic", NPM, None, "node src/index.js", None),
    "express": ("dynamic", NPM, None, "node server.js", None),
    "node": ("dynamic", NPM, None, "node server.js", None),
    "rsbuild": ("static", NPM, RUN, "dist", "/index.html"),
    "vite": ("static", NPM, RUN, "dist", "/index.html"),
    "parcel": ("static", NPM, RUN, "dist", "/index.html"),
    "storybook": ("static", NPM, "npm run build-storybook", "storybook-static", None),
    "django": (
        "dynamic",
        "pip install -r requirements.txt",
        None,
        "gunicorn example.wsgi:application --bind 0.0.0.0:$PORT",
        None,
    ),
    "fastapi": (
        "dynamic",
        "pip install -r requirements.txt",
        None,
        "uvicorn main:app --host 0.0.0.0 --port $PORT",
        None,
    ),
    "flask": (
        "dynamic",
        "pip install -r requirements.txt",
        None,
        "gunicorn app:app --bind 0.0.0.0:$PORT",
        None,
    ),
    "litestar": ("dynamic", PIP, None, "uvicorn app:app --host 0.0.0.0 --port $PORT", None),
    "starlette": ("dynamic", PIP, None, "hypercorn main:app --bind 0.0.0.0:$PORT", None),
    "asgi": ("dynamic", PIP, None, "uvicorn asgi:application --host 0.0.0.0 --port $PORT", None),
    "wsgi": ("dynamic", PIP, None, "gunicorn wsgi:application --bind 0.0.0.0:$PORT", None),
    "python": ("dynamic", None, None, "python server.py", None),
    "mkdocs": ("static", "pip install -r requirements.txt", "mkdocs build", "site", None),
    "sphinx": (
        "static",
        "pip install -r docs/requirements.txt",
        "sphinx-build -b html docs docs/_build/html",
        "docs/_build/html",
        None,
    ),
    "go": ("dynamic", None, "go build -o app .", "./app", None),
    "other": ("static", NPM, RUN, "dist", "/index.html"),
    "html": ("static", None, None, ".", None),
    "dockerfile": ("dynamic", None, None, None, None),
    "procfile": ("dynamic", None, None, "python serve.py", None),
}


def test_every_framework_has_one_example() -> None:
    assert {path.name for path in EXAMPLES.iterdir()} == set(BY_SLUG) == set(EXPECTED)
    assert len(BY_SLUG) == len(FRAMEWORKS)


@pytest.mark.parametrize("slug", sorted(EXPECTED))
def test_an_example_is_detected_right(slug: str) -> None:
    spec = detect(FolderTree(EXAMPLES / slug))
    given = spec.output if spec.kind == "static" else spec.start
    assert (spec.framework, spec.kind) == (slug, EXPECTED[slug][0])
    assert (spec.kind, spec.install, spec.build, given, spec.fallback) == EXPECTED[slug]
    assert spec.warnings == ()


@pytest.mark.parametrize("slug", sorted(EXPECTED))
def test_every_value_of_an_example_has_a_reason(slug: str) -> None:
    """Also those that are nothing: why nothing is built is a question, too."""
    spec = detect(FolderTree(EXAMPLES / slug))
    asked = {"framework", "kind", "root", "install", "build"}
    asked |= {"output", "fallback", "cache"} if spec.kind == "static" else {"start"}
    asked |= {"package_manager", "node"} if spec.package_manager == "npm" else set()
    assert asked <= spec.reasons.keys()
    for key, reason in spec.reasons.items():
        assert reason.text, key
        assert reason.origin == "detected"
        if key not in {"cache", "workers"}:
            assert reason.value == getattr(spec, key)


def test_examples_name_no_registry_and_bring_no_dependencies() -> None:
    files = [path for path in EXAMPLES.rglob("*") if path.is_file()]
    assert len(files) > 80
    assert not [p for p in files if "node_modules" in p.parts or p.name.endswith("-lock.json")]
    assert not [path for path in files if "registry." in path.read_text("utf-8")]


def test_the_page_on_frameworks_lists_every_entry() -> None:
    page = (ROOT / "docs" / "frameworks.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    for entry in FRAMEWORKS:
        row = next((row for row in rows if f"`{entry.slug}`" in row), None)
        assert row is not None, f"{entry.slug} is missing in docs/frameworks.md"
        assert entry.name in row
        for text in (*entry.packages, *entry.files, *entry.immutable):
            assert f"`{text}`" in row, f"{text} is missing in the row of {entry.slug}"
        if entry.kind == "static":
            assert f"`{entry.output}`" in row
        if entry.build:
            assert f"`{entry.build}`" in row


def test_the_table_of_starters_is_the_one_that_their_tests_made() -> None:
    page = results.PAGE.read_text("utf-8")
    assert results.shown(page) == page, "run python -m tests.frameworks.results"


def test_every_starter_is_of_a_framework_that_is_known() -> None:
    assert {starter.framework for starter in STARTERS} <= set(BY_SLUG)
    assert len({starter.name for starter in STARTERS}) == len(STARTERS)
