"""Servers in Node: what is started, and how it is told where to listen."""

import re
from collections.abc import Callable

from shared.detection.app import App
from shared.detection.documents import pick, text_of
from shared.detection.frameworks.entry import Found, Framework, Plan
from shared.detection.frameworks.start_script import (
    direct,
    is_development,
    options_of,
    production_of,
)
from shared.detection.package_json import runs

_RUNTIMES = {"node", "tsx", "ts-node", "bun", "nodemon", "nest", "fastify", "deno", "pm2-runtime"}
_SERVER_FILE = re.compile(r"\.(?:[cm]?[jt]s)$")
_ENTRIES = tuple(
    f"{folder}{name}.{ending}"
    for folder in ("", "src/", "server/", "app/", "api/", "bin/")
    for name in ("index", "server", "app", "main")
    for ending in ("js", "ts", "mjs", "mts", "cjs")
)
_LISTENS = re.compile(
    r"\.listen\(|\bserve\(\s*[\w{]|\bBun\.serve\(|\bcreateServer\(|@hono/node-server"
)
_HTTP = re.compile(
    r"""(?:from|require\()\s*['"](?:node:)?(?:https?|http2|net)['"]|\bBun\.serve\("""
)
# `scripts/start.js` is what an ejected Create React App develops with.
_TOOLING = re.compile(r"(?:^|/)(?:scripts?|tools?|config)/|(?:^|[/.-])(?:dev|watch|build)\b")
_BUILT = re.compile(r"(?:\./)?(?:dist|build|src|server|bin|lib|out|\.output)/[\w./-]+")
# From here on Node runs plain TypeScript by itself.
_STRIPS_TYPES = 22


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
    if _BUILT.match(word):
        return True
    return bool(_SERVER_FILE.search(word)) and not _TOOLING.search(word)


def _main(app: App) -> list[str]:
    """Files that may be the program: what package.json says, then the usual names."""
    main = app.package.data.get("main") if app.package else None
    named = [main.removeprefix("./")] if isinstance(main, str) else []
    return list(dict.fromkeys([*named, *(f"{name}.js" for name in named), *_ENTRIES]))


def _entry(app: App, package: str) -> str | None:
    """The file that imports the package: the one that is started.

    One that also listens goes before one that only makes the application.
    """
    imported = re.compile(rf"""(?:from|require\()\s*['"]{re.escape(package)}(?:/[\w-]+)?['"]""")
    texts = {name: text for name in _main(app) if (text := app.text(name))}
    found = [name for name, text in texts.items() if imported.search(text)]
    listening = [name for name in found if _LISTENS.search(texts[name])]
    if not listening:
        # `server.js` listens for what `app.js` makes.
        listening = [name for name, text in texts.items() if found and ".listen(" in text]
    return next(iter([*listening, *found]), None)


def program(app: App, file: str) -> Found:
    """The command that runs a file, and how where it is TypeScript."""
    if not re.search(r"\.[cm]?ts$", file):
        return Found(f"node {file}", file)
    if built := _compiled(app, file):
        return Found(f"node {built}", f"{file}, which the build script compiles")
    if app.dependency("tsx"):
        return Found(direct(app, ["tsx", file]), f"{file}, run by tsx")
    return Found(f"node {file}", f"{file}: Node {_STRIPS_TYPES} and above leaves types out itself")


def _compiled(app: App, file: str) -> str | None:
    """Where ``tsc`` of the build script writes a file."""
    if not any(words[0] in {"tsc", "tsup", "tsdown"} for words in app.commands()):
        return None
    options = pick(app.json("tsconfig.json"), "compilerOptions")
    folder = (text_of(pick(options, "outDir")) or "dist").removeprefix("./").strip("/")
    root = (text_of(pick(options, "rootDir")) or "").removeprefix("./").strip("/")
    inner = file.removeprefix(f"{root}/") if root else file
    if not root and file.startswith("src/"):
        # Without rootDir it is the folder that all sources have in common.
        sources = [n for n in app.names if re.search(r"(?<!\.d)\.[cm]?ts$", n)]
        others = [n for n in sources if not n.startswith("src/") and not _TOOLING.search(n)]
        inner = file if [n for n in others if "config" not in n] else file.removeprefix("src/")
    return f"{folder}/{re.sub(r'ts$', 'js', inner)}"


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
        entry = _entry(app, package)
        found = program(app, entry) if entry else None
        start = Found(found.value, f"{found.text} imports {package}") if found else None
        return Plan(kind="dynamic", kind_text=text, start=start)

    return matches, refine


def _node_server(
    slug: str, name: str, package: str, own: Callable[[App], Plan | None] | None = None
) -> Framework:
    matches, refine = _node(package)
    return Framework(
        slug=slug,
        name=name,
        kind="dynamic",
        is_server=True,
        matches=matches,
        known_by=f"`{package}` in dependencies, run by the start script or imported by the entry",
        refine=lambda app: (own(app) if own else None) or refine(app),
    )


def _nest(app: App) -> Plan | None:
    """``nest start`` compiles again at each start, with packages of development alone."""
    script = app.script("start") or ""
    if not any(runs(words, "nest start") for words in app.commands(script)):
        return None
    config = app.json("nest-cli.json") or {}
    name = text_of(config.get("root")) if config.get("monorepo") is True else None
    tsconfig = pick(app.json("tsconfig.json"), "compilerOptions", "outDir")
    folder = (text_of(tsconfig) or "dist").removeprefix("./").strip("/")
    entry = text_of(config.get("entryFile")) or "main"
    file = f"{folder}/{name}/{entry}.js" if name else f"{folder}/{entry}.js"
    text = "what nest build leaves; nest start would compile once more at each start"
    start = Found(f"node {file}", text)
    if app.script("start:prod"):
        start = production_of(app, "start:prod")
    build = Found(app.manager.tool("nest build"), "what nest start would compile")
    return Plan(kind="dynamic", kind_text="@nestjs/core answers requests itself",
                build=None if app.build_script_name else build, start=start)  # fmt: skip


def _fastify(app: App) -> Plan | None:
    """``fastify start`` listens at localhost alone unless it is told otherwise."""
    script = app.script("start") or ""
    if not any(runs(words, "fastify start") for words in app.commands(script)):
        return None
    options = options_of(app, "start", "fastify start", ("-p", "--port", "-a", "--address"))
    command = direct(app, ["fastify", "start", "-a", "0.0.0.0", "-p", "$PORT", *options])  # noqa: S104
    before = re.match(r"\s*((?:npm|pnpm|yarn|bun) run (?:-s )?([\w:.-]+))\s*&&", script)
    build = None
    if before and app.build_script_name is None:
        build = Found(app.manager.run(before[2]), "the start script runs it first")
    return Plan(
        kind="dynamic",
        kind_text="fastify answers requests itself",
        build=build,
        start=Found(command, "the start script's fastify start, at the port that is given"),
    )


NODE_SERVERS = (
    _node_server("nestjs", "NestJS", "@nestjs/core", _nest),
    _node_server("fastify", "Fastify", "fastify", _fastify),
    _node_server("koa", "Koa", "koa"),
    _node_server("hono", "Hono", "hono"),
    _node_server("express", "Express", "express"),
)


def _any_node(app: App) -> str | None:
    if script := _starts_server(app):
        return f"the start script runs a program: {script[:80]}"
    if app.package is None or (app.script("start") and not is_development(app, "start")):
        return None
    file = _http_file(app)
    return f"{app.shown(file)} listens for requests" if file else None


def _http_file(app: App) -> str | None:
    """A main file that makes a server with Node alone."""
    for name in _main(app):
        text = app.text(name) or ""
        if _HTTP.search(text) and _LISTENS.search(text):
            return name
    return None


def _plain_node(app: App) -> Plan:
    file = _http_file(app)
    found = program(app, file) if file else None
    start = Found(found.value, f"{found.text} listens for requests") if found else None
    return Plan(kind="dynamic", kind_text="a program of Node answers requests itself", start=start)


NODE = Framework(
    slug="node",
    name="Node",
    kind="dynamic",
    is_server=True,
    matches=_any_node,
    known_by="a start script that runs a program with Node, or a main file that listens",
    refine=_plain_node,
)
