"""Package managers by lock file and ``packageManager``, workspaces, versions of Node and Python."""

import pytest

from shared.detection.errors import BrokenFile, SeveralApps
from shared.detection.node_version import choose
from tests.unit.detection.sources import PAGE, package, spec_of, vite

BERRY = "__metadata:\n  version: 8\n"
CLASSIC = "# yarn lockfile v1\n"
LOCKS = [
    ({}, {}, "npm", None, "npm install"),
    ({"package-lock.json": "{}"}, {}, "npm", None, "npm ci"),
    ({"npm-shrinkwrap.json": "{}"}, {}, "npm", None, "npm ci"),
    ({"pnpm-lock.yaml": "lockfileVersion: '9.0'\n"}, {}, "pnpm", "10",
     "pnpm install --frozen-lockfile"),
    ({"pnpm-lock.yaml": "lockfileVersion: 5.4\n"}, {}, "pnpm", "7",
     "pnpm install --frozen-lockfile"),
    ({"yarn.lock": CLASSIC}, {}, "yarn", "1", "yarn install --frozen-lockfile"),
    ({"yarn.lock": BERRY}, {}, "yarn", "4", "yarn install --immutable"),
    ({"yarn.lock": ""}, {"packageManager": "yarn@4.6.0"}, "yarn", "4.6.0",
     "yarn install --immutable"),
    ({}, {"packageManager": "yarn@4.6.0"}, "yarn", "4.6.0", "yarn install --no-immutable"),
    ({"bun.lock": "{}"}, {}, "bun", None, "bun install --frozen-lockfile"),
    ({"bun.lockb": ""}, {}, "bun", None, "bun install --frozen-lockfile"),
    ({}, {"packageManager": "pnpm@10.1.0+sha512.abc"}, "pnpm", "10.1.0", "pnpm install"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "more", "name", "version", "install"), LOCKS)
def test_the_lock_file_or_the_field_names_the_manager(
    files: dict[str, str], more: dict[str, str], name: str, version: str | None, install: str
) -> None:
    source = vite() | files | {"package.json": package("vite", build="vite build", **more)}
    spec = spec_of(source)
    assert (spec.package_manager, spec.package_manager_version) == (name, version)
    assert (spec.install, spec.build) == (install, f"{name} run build")
    assert spec.lock_file == next(iter(files), None)
    assert spec.warnings == ()


def test_of_several_lock_files_one_is_chosen_and_said() -> None:
    spec = spec_of(vite() | {"package-lock.json": "{}", "yarn.lock": CLASSIC})
    assert spec.package_manager == "yarn"
    assert "yarn.lock; package-lock.json left aside" in spec.reasons["package_manager"].text
    assert any("Several lock files: yarn.lock is used" in text for text in spec.warnings)


def test_the_field_goes_before_lock_files() -> None:
    more = {"packageManager": "npm@11.0.0"}
    files = {"package.json": package("vite", build="vite build", **more)}
    spec = spec_of(vite() | files | {"package-lock.json": "{}", "pnpm-lock.yaml": ""})
    assert (spec.package_manager, spec.lock_file) == ("npm", "package-lock.json")


def test_a_field_without_its_lock_file_is_warned_of() -> None:
    files = {"package.json": package("vite", packageManager="pnpm@9.0.0")}
    spec = spec_of(vite() | files | {"package-lock.json": "{}"})
    assert (spec.package_manager, spec.install) == ("pnpm", "pnpm install")
    assert any("only package-lock.json is there" in text for text in spec.warnings)


@pytest.mark.parametrize(
    ("files", "build"),
    [
        ({}, "npx vite build"),
        ({"pnpm-lock.yaml": ""}, "pnpm exec vite build"),
        ({"yarn.lock": ""}, "yarn vite build"),
        ({"bun.lock": ""}, "bunx vite build"),
    ],
)
def test_without_a_script_the_tool_is_run(files: dict[str, str], build: str) -> None:
    source = {"package.json": package("vite"), "index.html": PAGE}
    assert spec_of(source | files).build == build


def monorepo(**files: str) -> dict[str, str]:
    """A workspace with one site, which needs a library that is built."""
    needs = {"@acme/ui": "workspace:*", "vue": "*"}
    site = package("vite", build="vite build", name="web", dependencies=needs | {"vite": "*"})
    return {
        "package.json": package(workspaces=["packages/*", "apps/*"], build="turbo run build"),
        "apps/web/package.json": site,
        "apps/web/index.html": PAGE,
        "packages/ui/package.json": package(build="tsc", name="@acme/ui"),
        "packages/config/package.json": package(name="@acme/config"),
    } | files


def test_the_only_app_of_a_workspace_is_found_and_installed_from_the_top() -> None:
    spec = spec_of(monorepo(**{"package-lock.json": "{}"}))
    assert (spec.root, spec.framework) == ("apps/web", "vite")
    assert (spec.install, spec.install_directory, spec.lock_file) == (
        "npm ci",
        "",
        "package-lock.json",
    )
    assert spec.build == "cd ../.. && (cd packages/ui && npm run build) && " + (
        "(cd apps/web && npm run build)"
    )
    assert "after @acme/ui, which it needs" in spec.reasons["build"].text
    assert spec.reasons["root"].text == "the only app of the source (Vite)"


@pytest.mark.parametrize(
    ("files", "build"),
    [
        (
            {
                "pnpm-lock.yaml": "",
                "pnpm-workspace.yaml": "packages:\n  - 'apps/*'\n  - packages/**",
            },
            'pnpm --filter "web..." run build',
        ),
        ({"yarn.lock": BERRY}, "yarn workspaces foreach -Rt --from 'web' run build"),
    ],
)
def test_managers_that_know_the_order_build_in_it(files: dict[str, str], build: str) -> None:
    assert spec_of(monorepo(**files)).build == build


def test_a_package_that_needs_no_built_sibling_builds_alone() -> None:
    files = {"packages/ui/package.json": package(name="@acme/ui")}
    assert spec_of(monorepo(**files)).build == "npm run build"


def test_of_several_apps_none_is_chosen() -> None:
    files = {"apps/docs/package.json": package("@docusaurus/core", build="docusaurus build")}
    with pytest.raises(SeveralApps) as caught:
        spec_of(monorepo(**files))
    found = [(c.root, c.framework, c.kind) for c in caught.value.candidates]
    assert found == [("apps/docs", "docusaurus-2", "static"), ("apps/web", "vite", "static")]
    assert "apps/docs (Docusaurus)" in caught.value.detail
    assert "Next: set root" in caught.value.detail


def test_folders_without_a_workspace_are_looked_at_as_well() -> None:
    """A front end beside a server: which of the two is meant is for a person to say."""
    files = {
        "README.md": "",
        "frontend/package.json": package("react-scripts", build="react-scripts build"),
        "backend/requirements.txt": "fastapi\n",
        "backend/main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n",
    }
    with pytest.raises(SeveralApps) as caught:
        spec_of(files)
    assert [c.root for c in caught.value.candidates] == ["backend", "frontend"]
    del files["backend/main.py"], files["backend/requirements.txt"]
    spec = spec_of(files)
    assert (spec.root, spec.install_directory, spec.framework) == (
        "frontend",
        "frontend",
        "create-react-app",
    )


def test_the_top_of_a_workspace_can_be_an_app_itself() -> None:
    files = {
        "package.json": package("astro", build="astro build", workspaces=["packages/*"]),
        "packages/ui/package.json": package(build="tsc", name="@acme/ui"),
    }
    assert (spec_of(files).root, spec_of(files).framework) == ("", "astro")


def test_a_broken_workspace_file_is_named() -> None:
    files = monorepo(**{"pnpm-workspace.yaml": "packages: [", "pnpm-lock.yaml": ""})
    with pytest.raises(BrokenFile, match=r"pnpm-workspace\.yaml cannot be read: line"):
        spec_of(files)


@pytest.mark.parametrize(
    ("files", "more", "node"),
    [
        ({}, {}, "24"),
        ({".nvmrc": "v22.11.0\n"}, {}, "22"),
        ({".nvmrc": "lts/jod"}, {}, "22"),
        ({".node-version": "20\n"}, {}, "20"),
        ({".tool-versions": "python 3.12\nnodejs 20.11.1\n"}, {}, "20"),
        ({}, {"engines": {"node": ">=18"}}, "24"),
        ({}, {"engines": {"node": "^20.19.0 || ^22.12.0"}}, "22"),
        ({}, {"engines": {"node": "20.x"}}, "20"),
        ({}, {"engines": {"node": ">=18 <23"}}, "22"),
        ({}, {"volta": {"node": "20.1.0"}}, "20"),
        ({".nvmrc": "20"}, {"engines": {"node": ">=22"}}, "20"),
    ],
)
def test_the_version_of_node_is_what_the_project_asks_for(
    files: dict[str, str], more: dict[str, dict[str, str]], node: str
) -> None:
    source = vite() | files | {"package.json": package("vite", build="vite build", **more)}
    spec = spec_of(source)
    assert spec.node == node
    assert spec.warnings == ()


@pytest.mark.parametrize(
    ("asked", "line"),
    [("16", 20), ("18.17.0", 20), ("26", 24), ("^18", 20), ("23", 24), ("what?", 24), ("<20", 20)],
)
def test_a_version_that_is_not_there_is_said(asked: str, line: int) -> None:
    found = choose(asked, ".nvmrc")
    assert found.line == line
    assert found.warning is not None
    assert ".nvmrc asks for Node" in found.warning


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ("*", 24), ("lts/*", 24), ("node", 24), ("20 - 22", 22), ("~20.5", 20), (">20 <=22", 22),
        ("<24", 22), ("<=24.1", 24), ("^20.0.0 || >=22.0.0", 24), ("v22", 22), ("=22.1.0", 22),
        (">= 20.0.0", 24), ("22.x || 20.x", 22),
    ],
)  # fmt: skip
def test_ranges_are_understood(asked: str, line: int) -> None:
    found = choose(asked, "engines.node")
    assert (found.line, found.warning) == (line, None)


MKDOCS = {"mkdocs.yml": "site_name: x\nsite_dir: www\nx: !!python/name:y.z\n"}
PYTHON = [
    ({"requirements.txt": "mkdocs==1.6\n"}, "pip", "pip install -r requirements.txt",
     "mkdocs build"),
    ({"docs/requirements.txt": "MkDocs\n"}, "pip", "pip install -r docs/requirements.txt",
     "mkdocs build"),
    ({"uv.lock": "", "pyproject.toml": "[dependency-groups]\ndocs = ['mkdocs']\n"}, "uv",
     "uv sync --frozen --group docs", "uv run mkdocs build"),
    ({"poetry.lock": "", "pyproject.toml": "[tool.poetry.group.docs.dependencies]\nmkdocs = '*'\n"},
     "poetry", "poetry install --no-interaction --no-root --with docs", "poetry run mkdocs build"),
    ({"pyproject.toml": "[project]\nname = 'x'\noptional-dependencies.docs = ['mkdocs']\n"}, "pip",
     'pip install ".[docs]"', "mkdocs build"),
    ({}, "pip", "pip install mkdocs", "mkdocs build"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "manager", "install", "build"), PYTHON)
def test_python_packages_are_installed_as_the_project_says(
    files: dict[str, str], manager: str, install: str, build: str
) -> None:
    spec = spec_of(MKDOCS | files)
    assert (spec.package_manager, spec.install, spec.build) == (manager, install, build)
    assert (spec.framework, spec.output) == ("mkdocs", "www")


def test_themes_and_plugins_that_no_file_names_are_installed() -> None:
    text = "theme:\n  name: material\nplugins:\n  - search\n  - redirects:\n      a: b\n"
    spec = spec_of({"mkdocs.yml": text})
    assert spec.install == "pip install mkdocs mkdocs-material mkdocs-redirects"
    conf = "extensions = ['myst_parser', 'sphinx.ext.autodoc']\nhtml_theme = 'furo'\n"
    spec = spec_of({"docs/source/conf.py": conf, "docs/source/index.md": "# x"})
    assert spec.install == "pip install sphinx myst-parser furo"
    assert spec.output == "docs/_build/html"
