"""Servers: which file is started and how, what is added, and where there is no telling."""

import json

import pytest

from shared.detection.errors import NothingToDeploy, SeveralServers, StartMissing
from shared.detection.settings import BuildSettings
from tests.unit.detection.sources import PAGE, package, spec_of

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
UVICORN, GUNICORN = "--host 0.0.0.0 --port $PORT", "--bind 0.0.0.0:$PORT"
MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\nimport django\n'
DJANGO = {
    "manage.py": MANAGE,
    "shop/__init__.py": "",
    "shop/settings.py": 'ALLOWED_HOSTS = ["*"]\n',
    "shop/wsgi.py": "application = get_wsgi_application()\n",
    "shop/asgi.py": "application = get_asgi_application()\n",
}

NODE_STARTS = [
    ("node ./bin/www", {}, "node ./bin/www"),
    ("NODE_ENV=production node server.js", {}, "NODE_ENV=production node server.js"),
    ("node server.js && echo done", {}, "npm run start"),
    ("node server.js", {"prestart": "node migrate.js"}, "npm run start"),
    ("cross-env A=1 node server.js", {}, "npm run start"),
    ("nodemon server.js", {}, "node server.js"),
    ("node --watch server.js", {}, "node server.js"),
]


@pytest.mark.parametrize(("script", "more", "start"), NODE_STARTS)
def test_a_plain_start_script_is_run_without_the_package_manager(
    script: str, more: dict[str, str], start: str
) -> None:
    files = {
        "package.json": package("express", scripts={"start": script, **more}),
        "server.js": "require('express')().listen(process.env.PORT)",
    }
    assert spec_of(files).start == start


def test_the_file_that_listens_goes_before_the_one_that_makes_the_application() -> None:
    files = {
        "package.json": package("express"),
        "app.js": "module.exports = require('express')()",
        "server.js": "require('./app').listen(process.env.PORT)",
    }
    assert spec_of(files).start == "node server.js"


@pytest.mark.parametrize(
    ("options", "build", "dev", "start"),
    [
        ({"outDir": "out", "rootDir": "src"}, "tsc", ("typescript",), "node out/index.js"),
        ({"outDir": "./dist"}, "tsc -p .", ("typescript",), "node dist/index.js"),
        ({}, None, ("tsx",), "node_modules/.bin/tsx src/index.ts"),
        ({}, None, (), "node src/index.ts"),
    ],
)
def test_typescript_is_run_as_the_project_is_built(
    options: dict[str, str], build: str | None, dev: tuple[str, ...], start: str
) -> None:
    files = {
        "package.json": package("express", build=build, dev=dev),
        "tsconfig.json": json.dumps({"compilerOptions": options}),
        "src/index.ts": 'import express from "express";\nexpress().listen(3000);',
    }
    spec = spec_of(files)
    assert (spec.framework, spec.start) == ("express", start)
    assert spec.needs_development == ("tsx" in dev)


@pytest.mark.parametrize(
    ("procfile", "needs"),
    [
        ("release: npx prisma migrate deploy", True),
        ("mail: tsx worker.ts", True),
        ("mail: node worker.js", False),
    ],
)
def test_packages_that_another_process_needs_stay_too(procfile: str, needs: bool) -> None:
    files = {
        "package.json": package("express", dev=("prisma", "tsx")),
        "index.js": 'require("express")().listen(process.env.PORT)',
        "Procfile": f"web: node index.js\n{procfile}\n",
    }
    assert spec_of(files).needs_development is needs


def test_the_commands_of_nest_and_fastify_become_what_runs_in_production() -> None:
    scripts = {"start": "nest start", "start:prod": "node dist/main"}
    nest = {"package.json": package("@nestjs/core", build="nest build", scripts=scripts)}
    assert spec_of(nest).start == "node dist/main"
    tree = {"monorepo": True, "root": "apps/shop"}
    nest = {"package.json": package("@nestjs/core", scripts={"start": "nest start"})}
    spec = spec_of({**nest, "nest-cli.json": json.dumps(tree)})
    assert (spec.build, spec.start) == ("npx nest build", "node dist/apps/shop/main.js")
    scripts = {"start": "npm run build:ts && fastify start -l info -p 3000 dist/app.js"}
    fastify = {"package.json": package("fastify", scripts={**scripts, "build:ts": "tsc"})}
    spec = spec_of(fastify)
    assert spec.build == "npm run build:ts"
    assert spec.start == ("node_modules/.bin/fastify start -a 0.0.0.0 -p $PORT -l info dist/app.js")


def test_a_port_that_the_start_script_fixes_gives_way_to_the_one_that_is_given() -> None:
    scripts = {"start": "next start -p 3000 --keepAliveTimeout 70000"}
    spec = spec_of({"package.json": package("next", build="next build", scripts=scripts)})
    assert spec.start == (
        "node_modules/.bin/next start -H 0.0.0.0 -p $PORT --keepAliveTimeout 70000"
    )


def test_the_standalone_server_of_next_gets_its_static_files() -> None:
    files = {
        "package.json": package("next", build="next build", scripts={"start": "next start"}),
        "next.config.js": 'module.exports = { output: "standalone" }',
        "public/a.txt": "",
    }
    spec = spec_of(files)
    assert spec.start == "HOSTNAME=0.0.0.0 node .next/standalone/server.js"
    assert spec.build == (
        "npm run build && cp -r public .next/standalone/"
        " && cp -r .next/static .next/standalone/.next/"
    )


def test_a_main_file_of_node_alone_that_listens_is_a_server() -> None:
    files = {
        "package.json": package(main="web.js"),
        "web.js": 'require("http").createServer(f).listen(process.env.PORT)',
    }
    spec = spec_of(files)
    assert (spec.framework, spec.start) == ("node", "node web.js")


PYTHON = [
    ({"requirements.txt": "fastapi[standard]\n", "main.py": FASTAPI},
     f"uvicorn main:app {UVICORN}"),
    ({"requirements.txt": "fastapi\ngranian\n", "main.py": FASTAPI},
     f"granian --interface asgi main:app {UVICORN}"),
    ({"requirements.txt": "flask\nwaitress\n", "app.py": FLASK},
     "waitress-serve --listen=0.0.0.0:$PORT app:app"),
    ({"requirements.txt": "-r base.txt\n", "base.txt": "flask\ngunicorn\n", "wsgi.py": FLASK},
     f"gunicorn wsgi:app {GUNICORN}"),
    ({"requirements.txt": "flask\ngunicorn\n",
      "shop/__init__.py": "from flask import Flask\n\ndef create_app(config=None):\n"
      "    app = Flask(__name__)\n    return app\n"}, f"gunicorn 'shop:create_app()' {GUNICORN}"),
    ({"requirements.txt": "flask\ngunicorn\n", "run.py": "from shop import create_app\n"
      "server = create_app()\n", "shop/__init__.py": "from flask import Flask\n\n"
      "def create_app() -> Flask:\n    return Flask(__name__)\n"},
     f"gunicorn run:server {GUNICORN}"),
    ({"requirements.txt": "fastapi\nuvicorn\n", "app/main.py": FASTAPI, "app/__init__.py": ""},
     f"uvicorn app.main:app {UVICORN}"),
    ({"requirements.txt": "fastapi\nuvicorn\n", "src/main.py": f"import tools\n{FASTAPI}",
      "src/tools.py": ""}, f"PYTHONPATH=src uvicorn main:app {UVICORN}"),
    ({"pyproject.toml": "[project]\nname='x'\ndependencies=['starlette']\n", "uv.lock":
      '[[package]]\nname = "uvicorn"\n', "main.py": "from starlette.applications import Starlette\n"
      "app: Starlette = Starlette(debug=False)\n"}, f"uvicorn main:app {UVICORN}"),
    ({"Pipfile": "[packages]\nlitestar = '*'\nhypercorn = '*'\n",
      "app.py": "from litestar import Litestar\napp = Litestar([])\n"},
     "hypercorn app:app --bind 0.0.0.0:$PORT"),
    ({"requirements.txt": "falcon\ngunicorn\n", "app.py": "import falcon\nsite = falcon.App()\n"},
     f"gunicorn app:site {GUNICORN}"),
    ({"requirements.txt": "quart\nhypercorn\n", "app.py": "from quart import Quart\n"
      "app = Quart(__name__)\n"}, "hypercorn app:app --bind 0.0.0.0:$PORT"),
    (DJANGO | {"requirements.txt": "Django\ngunicorn\n"},
     f"gunicorn shop.wsgi:application {GUNICORN}"),
    (DJANGO | {"requirements.txt": "django\ndaphne\n"},
     "daphne -b 0.0.0.0 -p $PORT shop.asgi:application"),
    ({"main.py": "from aiohttp import web\nweb.run_app(app)\n", "requirements.txt": "aiohttp\n"},
     "python main.py"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "start"), PYTHON)
def test_an_application_in_python_is_found_and_served_by_what_the_project_names(
    files: dict[str, str], start: str
) -> None:
    spec = spec_of(files)
    assert (spec.kind, spec.start, spec.warnings) == ("dynamic", start, ())


INSTALLS = [
    ({"uv.lock": 'name = "uvicorn"', "pyproject.toml": "[project]\nname='x'\n"},
     "uv", "uv sync --frozen --no-dev"),
    ({"poetry.lock": 'name = "uvicorn"', "pyproject.toml": "[tool.poetry]\n"},
     "poetry", "poetry install --no-interaction --no-root --only main"),
    ({"Pipfile.lock": '{"default": {"uvicorn": {}}}', "Pipfile": "[packages]\nfastapi='*'\n"},
     "pipenv", "pipenv sync --system"),
    ({"pyproject.toml": "[project]\nname='x'\ndependencies=['fastapi[all]>=0.1', 'a==1']\n"},
     "pip", "pip install 'fastapi[all]>=0.1' a==1"),
    ({"pyproject.toml": "[project]\nname='x'\ndependencies=['fastapi', 'uvicorn']\n"
      "[build-system]\nrequires=[]\n"}, "pip", "pip install ."),
    ({"requirements.txt": "fastapi\nuvicorn\n", "docs/requirements.txt": "sphinx\n"},
     "pip", "pip install -r requirements.txt"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "manager", "install"), INSTALLS)
def test_only_what_a_server_needs_is_installed(
    files: dict[str, str], manager: str, install: str
) -> None:
    more = {} if "fastapi" in str(files) else {"requirements.txt": "fastapi\nuvicorn\n"}
    spec = spec_of({"main.py": FASTAPI, **more, **files})
    named = [word for word in ("uv pip", "poetry run") if word in (spec.install or "")]
    assert (spec.package_manager, (spec.install or "").split(" && ")[0]) == (manager, install)
    assert not named or "fastapi" not in str(files)


def test_a_server_that_no_file_names_is_added_and_said() -> None:
    spec = spec_of({"requirements.txt": "Flask\n", "app.py": FLASK})
    assert spec.install == "pip install -r requirements.txt && pip install gunicorn"
    assert spec.start == f"gunicorn app:app {GUNICORN}"
    assert "gunicorn is not among the packages" in spec.warnings[0]
    assert "Next: add gunicorn to requirements.txt" in spec.warnings[0]
    lock = {"uv.lock": "", "pyproject.toml": "[project]\nname='x'\ndependencies=['fastapi']\n"}
    spec = spec_of({**lock, "main.py": FASTAPI})
    assert spec.install == "uv sync --frozen --no-dev && uv pip install uvicorn"
    assert "Next: add uvicorn to pyproject.toml" in spec.warnings[0]
    assert spec_of({"main.py": FASTAPI}).install == "pip install fastapi uvicorn"


@pytest.mark.parametrize(
    ("asked", "version"),
    [
        (">=3.10", None), (">=3.10,<3.12", "3.11"), ("~=3.11.2", "3.11"), ("~=3.11", None),
        ("==3.10.*", "3.10"), (">=3.14", "3.14"), ("<3.13", "3.12"), (">=3.9,!=3.9.1", None),
    ],
)  # fmt: skip
def test_python_is_the_newest_line_that_the_project_allows(asked: str, version: str | None) -> None:
    text = f"[project]\nname='x'\nrequires-python='{asked}'\ndependencies=['fastapi','uvicorn']\n"
    assert spec_of({"main.py": FASTAPI, "pyproject.toml": text}).python == version


def test_an_empty_list_of_hosts_is_said_before_django_refuses_every_request() -> None:
    files = DJANGO | {"requirements.txt": "django\ngunicorn\n"}
    spec = spec_of(files | {"shop/settings.py": "ALLOWED_HOSTS = []\n"})
    assert [text for text in spec.warnings if text.startswith("ALLOWED_HOSTS in shop/settings.py")]
    settings = "ALLOWED_HOSTS = []\nif HOST:\n    ALLOWED_HOSTS += [HOST]\n"
    assert spec_of(files | {"shop/settings.py": settings}).warnings == ()


def test_static_files_of_django_are_collected_where_something_serves_them() -> None:
    files = DJANGO | {"shop/settings.py": "ALLOWED_HOSTS = ['*']\nSTATIC_ROOT = 'static'\n"}
    packages = "django\ngunicorn\n"
    assert spec_of(files | {"requirements.txt": packages}).build is None
    spec = spec_of(files | {"requirements.txt": f"{packages}whitenoise\n"})
    assert spec.build == "python manage.py collectstatic --noinput"


MAIN = "package main\n"


@pytest.mark.parametrize(
    ("files", "build", "version"),
    [
        ({"go.mod": "module x\n\ngo 1.24.3\n", "main.go": MAIN}, "go build -o app .", "1.24"),
        ({"go.mod": "module x\ngo 1.21\ntoolchain go1.25.1\n", "web.go": MAIN},
         "go build -o app .", "1.25"),
        ({"go.mod": "module x\n", "cmd/shop/main.go": MAIN, "shop.go": "package shop\n"},
         "go build -o app ./cmd/shop", None),
        ({"go.mod": "module x\n", "cmd/tool/main.go": MAIN, "cmd/server/main.go": MAIN},
         "go build -o app ./cmd/server", None),
    ],
)  # fmt: skip
def test_a_program_in_go_is_found_with_the_version_it_asks_for(
    files: dict[str, str], build: str, version: str | None
) -> None:
    spec = spec_of(files)
    assert (spec.framework, spec.build, spec.start, spec.go) == ("go", build, "./app", version)


@pytest.mark.parametrize(
    ("files", "install"),
    [
        ({}, None),
        ({"go.sum": ""}, "go mod download"),
        ({"go.sum": "", "vendor/modules.txt": ""}, None),
    ],
)
def test_modules_of_go_are_installed_by_what_go_sum_names(
    files: dict[str, str], install: str | None
) -> None:
    spec = spec_of({"go.mod": "module x\n\ngo 1.25\n", "main.go": MAIN, **files})
    assert spec.install == install


SEVERAL = [
    ({**DJANGO, "requirements.txt": "django\n",
      "package.json": package("express", scripts={"start": "node server.js"})},
     "framework", ("Express", "Django", "set framework to express or django")),
    ({"go.mod": "module x\n", "cmd/a/main.go": MAIN, "cmd/b/main.go": MAIN},
     "build", ("cmd/a, cmd/b", "set build")),
    ({"requirements.txt": "flask\n", "main.py": FLASK, "app.py": FLASK},
     "start", ("main:app (main.py), app:app (app.py)", "set start")),
    ({"requirements.txt": "flask\n", "app.py": "from flask import Flask\n"
      "shop = Flask('shop')\nadmin = Flask('admin')\n"},
     "start", ("app:shop (app.py), app:admin (app.py)",)),
    ({"manage.py": "import django\n", "requirements.txt": "django\n", "a/wsgi.py": "",
      "b/wsgi.py": ""}, "start", ("a/wsgi.py, b/wsgi.py",)),
]  # fmt: skip


@pytest.mark.parametrize(("files", "setting", "words"), SEVERAL)
def test_of_two_servers_none_is_chosen_and_the_setting_is_named(
    files: dict[str, str], setting: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(SeveralServers) as caught:
        spec_of(files)
    assert [problem.field for problem in caught.value.fields] == [setting]
    for word in words:
        assert word in caught.value.detail
    assert "Next: set " in caught.value.detail


def test_of_two_servers_a_setting_chooses() -> None:
    spec = spec_of(SEVERAL[0][0], user=BuildSettings(framework="express"))
    assert (spec.framework, spec.start) == ("express", "node server.js")
    spec = spec_of(SEVERAL[1][0], user=BuildSettings(build="go build -o app ./cmd/b"))
    assert (spec.build, spec.start) == ("go build -o app ./cmd/b", "./app")
    spec = spec_of(SEVERAL[2][0], user=BuildSettings(start="gunicorn app:app"))
    assert spec.start == "gunicorn app:app"


def test_an_application_that_another_one_imports_is_a_part_of_it() -> None:
    files = {
        "requirements.txt": "fastapi\nuvicorn\n",
        "main.py": f"from api import app as api\n{FASTAPI}app.mount('/api', api)\n",
        "api.py": FASTAPI,
    }
    assert spec_of(files).start == f"uvicorn main:app {UVICORN}"


def test_assets_beside_a_server_make_no_site() -> None:
    assets = {"package.json": package("vite", build="vite build"), "vite.config.js": ""}
    django = {**DJANGO, "requirements.txt": "django\ngunicorn\n"}
    assert spec_of({**assets, **django}).framework == "django"
    flask = {"requirements.txt": "flask\ngunicorn\n", "app.py": FLASK}
    assert spec_of({**assets, **flask}).framework == "flask"
    assert spec_of({**assets, **flask, "index.html": PAGE}).framework == "vite"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"package.json": package("express", scripts={"start": "nodemon --exec make"}),
          "package-lock.json": "{}", "index.js": ""}, ""),
        ({"package.json": package("astro", build="astro build"),
          "astro.config.mjs": "export default { output: 'server' }"}, "use @astrojs/node"),
        ({"package.json": package("@react-router/dev", build="react-router build")},
         "add @react-router/serve"),
    ],
)  # fmt: skip
def test_a_server_that_nobody_says_how_to_start_is_refused_with_what_to_do(
    files: dict[str, str], words: str
) -> None:
    user = BuildSettings(framework="express") if not words else None
    with pytest.raises(StartMissing) as caught:
        spec_of(files, user=user)
    assert [problem.field for problem in caught.value.fields] == ["start"]
    assert "Next: " in caught.value.detail
    assert (words or "set start in astrocloud.toml") in caught.value.detail
    assert spec_of(files, user=BuildSettings(start="node x.js")).start == "node x.js"


@pytest.mark.parametrize(
    ("files", "slug", "install"),
    [
        ({"package.json": package("restify")}, "node", "npm install"),
        ({"requirements.txt": "aiohttp\n"}, "python", "pip install -r requirements.txt"),
        ({"go.mod": "module x\n"}, "go", None),
        ({"run.sh": ""}, "other", None),
    ],
)
def test_a_start_command_that_is_set_needs_nothing_that_is_known(
    files: dict[str, str], slug: str, install: str | None
) -> None:
    spec = spec_of(files, user=BuildSettings(start="./run"))
    assert (spec.framework, spec.kind, spec.start) == (slug, "dynamic", "./run")
    assert spec.install == install


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"requirements.txt": "fastapi\n", "tools.py": ""}, "such as gunicorn app:app"),
        ({"go.mod": "module x\n", "x.go": "package x\n"}, "no package main"),
        ({"Gemfile": ""}, "or add a Dockerfile"),
    ],
)
def test_a_project_without_a_server_is_refused_in_the_words_of_its_language(
    files: dict[str, str], words: str
) -> None:
    with pytest.raises(NothingToDeploy, match=words):
        spec_of(files)
