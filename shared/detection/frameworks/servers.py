"""Servers: what answers requests itself. How they are run is the clusters' business."""

import re
from collections.abc import Callable

from shared.detection.app import App
from shared.detection.frameworks.entry import Found, Framework, Plan

_RUNTIMES = {"node", "tsx", "ts-node", "bun", "nodemon", "nest", "fastify", "deno", "pm2-runtime"}
_SERVER_FILE = re.compile(r"\.(?:[cm]?[jt]s)$")
_ENTRIES = tuple(
    f"{folder}{name}.{ending}"
    for folder in ("", "src/", "server/", "app/", "api/")
    for name in ("index", "server", "app", "main")
    for ending in ("js", "ts", "mjs", "mts", "cjs")
)
_PORT = "$PORT"


# `scripts/start.js` is what an ejected Create React App develops with.
_TOOLING = re.compile(r"(?:^|/)(?:scripts?|tools?|config)/|(?:^|[/.-])(?:dev|watch|build)\b")


def _starts_server(app: App) -> str | None:
    """The start script, where it runs a program and no tool for development."""
    script = app.script("start")
    if script is None or app.package is None:
        return None
    for words in app.package.commands(script):
        if words[0] in {"nest", "fastify"} and "start" in words[1:2]:
            return script
        if words[0] in _RUNTIMES and any(_is_program(word) for word in words[1:]):
            return script
    return None


def _is_program(word: str) -> bool:
    if re.match(r"(?:\./)?(?:dist|build|src|server|\.output)/[\w./-]+", word):
        return True
    return bool(_SERVER_FILE.search(word)) and not _TOOLING.search(word)


def _entry(app: App, package: str) -> str | None:
    """The file that imports the package: the one that is started."""
    main = app.package.data.get("main") if app.package else None
    names = [main.removeprefix("./"), *_ENTRIES] if isinstance(main, str) else list(_ENTRIES)
    imported = re.compile(rf"""(?:from|require\()\s*['"]{re.escape(package)}(?:/[\w-]+)?['"]""")
    return next((name for name in names if imported.search(app.text(name) or "")), None)


def _node(package: str) -> tuple[Callable[[App], str | None], Callable[[App], Plan]]:
    def matches(app: App) -> str | None:
        if app.package is None or app.package.depends_on(package) != "dependencies":
            return None
        where = f"{package} in dependencies of {app.package.path}"
        if _starts_server(app):
            return f"{where}, and the start script runs it"
        entry = _entry(app, package)
        return f"{where}, and {entry} imports it" if entry else None

    def refine(app: App) -> Plan:
        text = f"{package} answers requests itself"
        if app.script("start"):
            return Plan(kind="dynamic", kind_text=text)
        entry = _entry(app, package)
        start = Found(f"node {entry}", f"{entry} imports {package}") if entry else None
        if entry and entry.endswith("ts"):
            start = Found(app.manager.tool(f"tsx {entry}"), f"{entry} imports {package}")
        return Plan(kind="dynamic", kind_text=text, start=start)

    return matches, refine


def _node_server(slug: str, name: str, package: str) -> Framework:
    matches, refine = _node(package)
    return Framework(
        slug=slug,
        name=name,
        kind="dynamic",
        is_server=True,
        matches=matches,
        known_by=f"`{package}` in dependencies, run by the start script or imported by the entry",
        refine=refine,
    )


NODE_SERVERS = (
    _node_server("nestjs", "NestJS", "@nestjs/core"),
    _node_server("fastify", "Fastify", "fastify"),
    _node_server("koa", "Koa", "koa"),
    _node_server("hono", "Hono", "hono"),
    _node_server("express", "Express", "express"),
)


def _any_node(app: App) -> str | None:
    script = _starts_server(app)
    return f"the start script runs a program: {script[:80]}" if script else None


NODE = Framework(
    slug="node",
    name="Node",
    kind="dynamic",
    is_server=True,
    matches=_any_node,
    known_by="a start script that runs a program with Node",
    refine=lambda app: Plan(kind="dynamic", kind_text="the start script runs a program"),
)

_PYTHON_FILES = ("main.py", "app.py", "app/main.py", "src/main.py", "api/main.py", "server.py",
                 "api.py", "index.py", "app/__init__.py", "wsgi.py", "asgi.py", "src/app.py",
                 "app/app.py", "run.py", "application.py")  # fmt: skip


def _application(app: App, kind: str) -> tuple[str, str] | None:
    """The module and the variable that hold the application."""
    imported = re.compile(rf"^[ \t]*(?:from|import) {kind.lower()}\b", re.MULTILINE)
    made = re.compile(rf"^(\w{{1,60}})\s*(?::[^=\n]{{1,60}})?=\s*(?:\w+\.)?{kind}\(", re.MULTILINE)
    for name in _PYTHON_FILES:
        text = app.text(name) or ""
        if (match := made.search(text)) and imported.search(text):
            module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            return module, match[1]
    return None


def _fastapi(app: App) -> Plan:
    module, variable = _application(app, "FastAPI") or ("main", "app")
    command = f"uvicorn {module}:{variable} --host 0.0.0.0 --port {_PORT}"
    start = Found(app.python.tool(command), f"{module} makes the application")
    return Plan(kind="dynamic", kind_text="FastAPI answers requests itself", start=start)


def _flask(app: App) -> Plan:
    module, variable = _application(app, "Flask") or ("app", "app")
    command = f"flask --app {module} run --host 0.0.0.0 --port {_PORT}"
    text = f"{module} makes the application"
    if "gunicorn" in app.python.packages:
        command = f"gunicorn {module}:{variable} --bind 0.0.0.0:{_PORT}"
    return Plan(
        kind="dynamic",
        kind_text="Flask answers requests itself",
        start=Found(app.python.tool(command), text),
    )


def _django(app: App) -> Plan:
    project = next((n.split("/")[0] for n in app.names if re.fullmatch(r"\w+/wsgi\.py", n)), None)
    command, text = f"python manage.py runserver 0.0.0.0:{_PORT}", "manage.py is there"
    if project and "gunicorn" in app.python.packages:
        command = f"gunicorn {project}.wsgi --bind 0.0.0.0:{_PORT}"
        text = f"{project}/wsgi.py makes the application"
    start = Found(app.python.tool(command), text)
    return Plan(kind="dynamic", kind_text="Django answers requests itself", start=start)


def _python_server(
    slug: str,
    name: str,
    known_by: str,
    evidence: Callable[[App], str | None],
    refine: Callable[[App], Plan],
) -> Framework:
    return Framework(
        slug=slug,
        name=name,
        kind="dynamic",
        runtime="python",
        matches=evidence,
        known_by=known_by,
        refine=refine,
    )


def _named(package: str, kind: str) -> Callable[[App], str | None]:
    def evidence(app: App) -> str | None:
        # A library that only supports the framework names it too, but makes no application.
        if found := _application(app, kind):
            return f"{found[0]} makes an application of {package}"
        return None

    return evidence


def _has_django(app: App) -> str | None:
    if not app.has("manage.py"):
        return None
    is_named = "django" in app.python.packages or "django" in (app.text("manage.py") or "")
    return f"{app.shown('manage.py')} is Django's" if is_named else None


_MADE = "a module such as `main.py` or `app.py` that makes an application of {}"
PYTHON_SERVERS = (
    _python_server("django", "Django", "Django's `manage.py`", _has_django, _django),
    _python_server(
        "fastapi", "FastAPI", _MADE.format("FastAPI"), _named("fastapi", "FastAPI"), _fastapi
    ),
    _python_server("flask", "Flask", _MADE.format("Flask"), _named("flask", "Flask"), _flask),
)


def _go(app: App) -> str | None:
    return f"{app.shown('go.mod')} is there" if app.has("go.mod") and _go_main(app) else None


def _go_main(app: App) -> str | None:
    """The folder of the program: the top, or the only one below ``cmd``."""
    if app.has("main.go"):
        return "."
    commands = sorted(
        {n.rpartition("/")[0] for n in app.names if re.fullmatch(r"cmd/[^/]+/main\.go", n)}
    )
    return f"./{commands[0]}" if commands else None


GO = Framework(
    slug="go",
    name="Go",
    kind="dynamic",
    runtime="go",
    matches=_go,
    known_by="`go.mod` and `main.go`, at the top or below `cmd/`",
    build="go build -o app .",
    start="./app",
    refine=lambda app: Plan(
        kind="dynamic",
        kind_text="a Go program answers requests itself",
        build=Found(f"go build -o app {_go_main(app) or '.'}", "the program's folder"),
    ),
)

DOCKERFILE = Framework(
    slug="dockerfile",
    name="Dockerfile",
    kind="dynamic",
    runtime="none",
    files=("Dockerfile",),
    refine=lambda app: Plan(
        kind="dynamic",
        kind_text="a Dockerfile says how it is built and run",
        install=Found(None, "the Dockerfile says what is installed"),
        build=Found(None, "the Dockerfile says how it is built"),
    ),
)

PROCFILE = Framework(
    slug="procfile",
    name="Procfile",
    kind="dynamic",
    runtime="none",
    matches=lambda app: "Procfile names a web process" if procfile_web(app) else None,
    known_by="`Procfile` with a `web` process",
    refine=lambda app: Plan(kind="dynamic", kind_text="a Procfile names a web process"),
)


def procfile_web(app: App) -> str | None:
    """The command of the web process."""
    for line in (app.text("Procfile") or "").splitlines():
        name, colon, command = line.partition(":")
        if colon and name.strip() == "web" and command.strip():
            return command.strip()[:1000]
    return None
