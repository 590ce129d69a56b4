"""Which framework decides, what is plain, what needs a server, and what there is no spec for."""

import os
from pathlib import Path

import pytest

from shared.detection import tree as tree_module
from shared.detection.detect import detect
from shared.detection.errors import BrokenFile, NothingToDeploy
from shared.detection.tree import FilesTree, FolderTree, Source, join
from tests.unit.detection.sources import PAGE, package, spec_of, vite


@pytest.mark.parametrize(
    ("files", "output"),
    [
        ({"index.html": PAGE}, "."),
        ({"public/index.html": PAGE}, "public"),
        ({"dist/index.html": PAGE}, "dist"),
        ({"index.html": PAGE, "public/index.html": PAGE}, "."),
        ({"index.html": PAGE, "package.json": package(dev=("prettier",))}, "."),
        ({"index.htm": PAGE}, "."),
    ],
)
def test_plain_files_are_published_as_they_are(files: dict[str, str], output: str) -> None:
    spec = spec_of(files)
    assert (spec.framework, spec.kind, spec.output) == ("html", "static", output)
    assert (spec.install, spec.build, spec.package_manager) == (None, None, None)


@pytest.mark.parametrize(
    ("build", "slug"),
    [
        ("vite build", "vite"),
        ("vitepress build docs", "vitepress"),
        ("npm run inner", "vite"),
        ("run-p check inner", "vite"),
        ('run-p type-check "inner {@}" --', "vite"),
        ("cross-env NODE_ENV=production vite --mode x build", "vite"),
        ("node build.mjs", "vitepress"),
    ],
)
def test_of_several_tools_the_one_that_the_script_runs_decides(build: str, slug: str) -> None:
    scripts = {"inner": "vite build", "check": "tsc"}
    files = {"package.json": package("vite", "vitepress", build=build, scripts=scripts)}
    assert spec_of(files | {"index.html": PAGE}).framework == slug


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("lit", {}), ("react", {}), ("vue", {}), ("svelte", {}), ("solid-js", {}), ("preact", {}),
        ("@builder.io/qwik", {}),
    ],
)  # fmt: skip
def test_what_vite_bundles_makes_no_difference(name: str, files: dict[str, str]) -> None:
    sources = vite() | {"package.json": package(name, dev=("vite",), build="vite build")} | files
    assert (spec_of(sources).framework, spec_of(sources).output) == ("vite", "dist")


SERVERS = [
    ({"package.json": package("express", scripts={"start": "node src/index.js"})},
     "express", "node src/index.js"),
    ({"package.json": package("express", "vite", build="vite build",
                              scripts={"start": "node server.js"}), "index.html": PAGE},
     "express", "node server.js"),
    ({"package.json": package("fastify", main="lib/app.js"),
      "lib/app.js": "const f = require('fastify')()"}, "fastify", "node lib/app.js"),
    ({"package.json": package("hono", scripts={"start": "tsx src/index.ts"})},
     "hono", "npm run start"),
    ({"package.json": package("koa"), "server.ts": 'import Koa from "koa";'},
     "koa", "node server.ts"),
    ({"package.json": package("@nestjs/core", build="nest build", scripts={"start": "nest start"})},
     "nestjs", "node dist/main.js"),
    ({"package.json": package(scripts={"start": "node --env-file=.env server.mjs"})},
     "node", "node --env-file=.env server.mjs"),
    ({"pyproject.toml": "[project]\nname='x'\ndependencies=['fastapi>=1']\n",
      "app/main.py": "import fastapi\napp = fastapi.FastAPI(title='x')\n"},
     "fastapi", "uvicorn app.main:app --host 0.0.0.0 --port $PORT"),
    ({"requirements.txt": "Flask==3\n",
      "app.py": "from flask import Flask\nserver = Flask(__name__)\n"},
     "flask", "gunicorn app:server --bind 0.0.0.0:$PORT"),
    ({"requirements.txt": "Flask\n", "app.py": "from flask import Flask\napp = Flask(__name__)\n",
      "Procfile": "release: x\nweb: gunicorn app:app\n"}, "flask", "gunicorn app:app"),
    ({"manage.py": "import django\n", "requirements.txt": "django\n"},
     "django", "python manage.py runserver 0.0.0.0:$PORT"),
    ({"go.mod": "module x\n", "cmd/web/main.go": "package main\n"}, "go", "./app"),
    ({"Dockerfile": "FROM scratch\n"}, "dockerfile", None),
    ({"Dockerfile": "FROM scratch\n", "public/index.html": PAGE}, "dockerfile", None),
    ({"Procfile": "web: ./run\n"}, "procfile", "./run"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "slug", "start"), SERVERS)
def test_what_answers_requests_itself_is_dynamic(
    files: dict[str, str], slug: str, start: str | None
) -> None:
    spec = spec_of(files)
    assert (spec.framework, spec.kind, spec.start) == (slug, "dynamic", start)
    assert spec.reasons["start"].text
    assert spec.dockerfile == ("Dockerfile" if "Dockerfile" in files else None)


@pytest.mark.parametrize(
    "files",
    [
        {"package.json": package("react-scripts", "express", build="react-scripts build",
                                 scripts={"start": "react-scripts start"})},
        {"package.json": package("express", "vite", build="vite build",
                                 scripts={"start": "vite preview"}), "index.html": PAGE},
        {"package.json": package(build="node scripts/build.js",
                                 scripts={"start": "node scripts/start.js"})},
        {"package.json": package("vite", build="vite build", dev=("express",)), "index.html": PAGE,
         "server.js": "import express from 'express'"},
        vite(Dockerfile="FROM nginx\n"),
    ],
)  # fmt: skip
def test_a_tool_of_development_makes_no_server(files: dict[str, str]) -> None:
    assert spec_of(files).kind == "static"


def test_a_dockerfile_beside_plain_output_is_said() -> None:
    assert any("A Dockerfile is there" in text for text in spec_of(vite(Dockerfile="x")).warnings)


@pytest.mark.parametrize(
    ("build", "files", "output"),
    [
        ("esbuild a.js --bundle --outdir=www", {}, "www"),
        ("esbuild a.js --outfile=dist/a.js", {}, "dist"),
        ("webpack", {"webpack.config.js":
         "module.exports = { output: { path: path.resolve(__dirname, 'www') } }"}, "www"),
        ("gulp", {".gitignore": "node_modules/\n/build/\n"}, "build"),
        ("gulp", {}, "dist"),
        ("tailwindcss -i a.css -o public/a.css", {"public/index.html": PAGE}, "public"),
    ],
)  # fmt: skip
def test_a_build_script_of_no_known_tool_is_run_and_its_output_found(
    build: str, files: dict[str, str], output: str
) -> None:
    spec = spec_of({"package.json": package(build=build)} | files)
    assert (spec.framework, spec.build, spec.output) == ("other", "npm run build", output)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no index.html, no package.json"),
        ({"README.md": "x", "src/a.js": ""}, "no index.html"),
        ({"package.json": package(dev=("eslint",))}, "has no build script"),
        ({"hugo.toml": "baseURL = 'x'", "content/_index.md": ""}, "looks like a Hugo project"),
        ({"_config.yml": "theme: minima", "index.md": ""}, "looks like a Jekyll project"),
        (
            {
                "package.json": package(dev=("vite",)),
                "vite.config.js": "",
                "artisan": "",
                "composer.json": "{}",
            },
            "looks like a PHP project",
        ),
    ],
)
def test_without_anything_to_deploy_the_next_step_is_said(
    files: dict[str, str], words: str
) -> None:
    with pytest.raises(NothingToDeploy) as caught:
        spec_of(files)
    assert words in caught.value.detail
    assert "Next: " in caught.value.detail


@pytest.mark.parametrize(
    "text", ['{"name": "x",}', "[]", "null", "", '{"a": ' * 9000, "\ufffd", '"text"']
)
def test_a_broken_package_json_is_named(text: str) -> None:
    with pytest.raises(
        BrokenFile, match=r"^package\.json cannot be read: .*Next: correct the file"
    ):
        spec_of({"package.json": text, "index.html": PAGE})


@pytest.mark.parametrize(
    "text",
    [
        '{"scripts": [], "dependencies": 3, "engines": "x", "workspaces": {"packages": 5}}',
        '{"scripts": {"build": 3}, "packageManager": 7, "workspaces": "x", "main": []}',
        '{"dependencies": {"vite": {}}, "scripts": {"build": "npm run build"}, "volta": null}',
        '{"scripts": {"build": "npm run a", "a": "npm run b", "b": "npm run a && vite build"}}',
        "\ufeff{}",
    ],
)
def test_a_package_json_of_odd_types_does_no_harm(text: str) -> None:
    assert spec_of({"package.json": text, "index.html": PAGE}).kind == "static"


def test_a_package_json_above_the_bound_is_said() -> None:
    text = '{"x": "' + "a" * tree_module.MAX_BYTES + '"}'
    with pytest.raises(BrokenFile, match="larger than"):
        spec_of({"package.json": text})


class _Endless:
    """A tree that never ends."""

    def __init__(self) -> None:
        self.given = 0

    def files(self) -> "_Endless":
        return self

    def __iter__(self) -> "_Endless":
        return self

    def __next__(self) -> str:
        self.given += 1
        return "index.html" if self.given == 1 else f"a/{self.given}.txt"

    def read(self, path: str, limit: int) -> bytes:
        raise OSError(path, limit)


def test_a_huge_tree_is_looked_at_up_to_the_bound() -> None:
    endless = _Endless()
    spec = detect(endless)
    assert spec.framework == "html"
    assert any("more files than are looked at" in text for text in spec.warnings)
    assert endless.given == tree_module.MAX_FILES + 1


def test_links_are_neither_followed_nor_read(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "package.json").write_text(package("next", build="next build"))
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text(PAGE)
    (site / "package.json").symlink_to(outside / "package.json")
    (site / "app").symlink_to(outside)
    (site / "loop").symlink_to(site)
    os.mkfifo(site / "astrocloud.toml")
    assert list(FolderTree(site).files()) == ["index.html"]
    assert detect(FolderTree(site)).framework == "html"
    with pytest.raises(OSError, match="symbolic links"):
        FolderTree(site).read("package.json", 10)
    with pytest.raises(OSError, match="not a regular file"):
        FolderTree(site).read("astrocloud.toml", 10)


def test_a_folder_gives_shallow_files_first_and_no_dependencies(tmp_path: Path) -> None:
    for name in ("a/b/c.txt", "z.txt", "node_modules/x/package.json", ".git/config", "a/y.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    assert list(FolderTree(tmp_path).files()) == ["z.txt", "a/y.txt", "a/b/c.txt"]
    assert FolderTree(tmp_path).read("a/y.txt", 3) == b"a/y"


def test_every_tree_is_looked_at_alike() -> None:
    source = Source(FilesTree({"node_modules/x/package.json": "{}", "a/b.txt": "\ufeffx"}))
    assert (source.names, source.folders) == ({"a/b.txt"}, {"", "a"})
    assert (source.text("a/b.txt"), source.text("a/c.txt")) == ("x", None)


@pytest.mark.parametrize(
    ("folder", "path", "expected"),
    [
        ("", "a", "a"), ("a", "./b/", "a/b"), ("a", "..", ""), ("a/b", "../c", "a/c"),
        ("", "..", None), ("a", "../../b", None), ("a", "/etc", None), ("", ".", ""),
    ],
)  # fmt: skip
def test_paths_stay_within_the_source(folder: str, path: str, expected: str | None) -> None:
    assert join(folder, path) == expected


def test_the_spec_survives_storage() -> None:
    spec = spec_of(vite(astrocloud__toml='watch = ["a"]'))
    assert type(spec).model_validate_json(spec.model_dump_json()) == spec
