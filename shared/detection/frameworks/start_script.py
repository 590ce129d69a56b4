"""From a script of ``package.json`` to the command that a server is started with.

A package manager between the platform and the server costs memory in each replica and half a
second at each start, and signals have to pass through it. What a script says plainly is therefore
run without it.
"""

import re
from collections.abc import Sequence

from shared.detection.app import App
from shared.detection.frameworks.entry import Found
from shared.detection.package_json import runs

DEVELOPMENT = (
    "next dev", "nuxt dev", "vite", "ng serve", "astro dev", "react-router dev", "remix dev",
    "react-scripts start", "gatsby develop", "nodemon", "vinxi dev", "svelte-kit dev",
    "ts-node-dev", "vue-cli-service serve", "node --watch",
)  # fmt: skip
# Servers that frameworks bring along: how they are started is known better than a script says.
_OWN = (
    "next start", "nuxt start", "nuxt preview", "nuxi preview", "nest start", "fastify start",
    "react-router-serve", "remix-serve", "astro preview", "vite preview", "vinxi start",
)  # fmt: skip
# Commands of packages that are called otherwise.
_PACKAGES = {
    "nest": "@nestjs/cli", "fastify": "fastify-cli", "react-router-serve": "@react-router/serve",
    "remix-serve": "@remix-run/serve", "tsc": "typescript", "react-router": "@react-router/dev",
}  # fmt: skip
# Assignments, then one command without anything that only a shell understands.
_PLAIN = re.compile(r"(?:[A-Z_][A-Z0-9_]*=[\w./:@-]* )*[\w./@-]+(?: [\w./:=@,+\"'-]+)*")
_WORD = re.compile(r"[\w./:=@,+-]+")
_ASSIGNMENTS = re.compile(r"(?:[A-Z_][A-Z0-9_]*=\S* )*")


def is_development(app: App, script: str) -> bool:
    """Whether a script starts a server for development."""
    for words in app.commands(app.script(script) or ""):
        for tool in DEVELOPMENT:
            if runs(words, tool) and not {"preview", "build"}.intersection(words):
                return True
    return False


def is_own_server(app: App, script: str) -> bool:
    """Whether a script starts the server that its framework brings along."""
    commands = app.commands(app.script(script) or "")
    return any(runs(words, tool) for words in commands for tool in _OWN)


def options_of(app: App, script: str, tool: str, without: Sequence[str]) -> list[str]:
    """What a script gives to a tool, but for these options: the platform decides them."""
    found = (list(words) for words in app.commands(app.script(script) or "") if runs(words, tool))
    words = next(found, [])
    at = next((n for n, word in enumerate(words) if word == tool.split()[-1]), len(words))
    kept: list[str] = []
    is_value = False
    for word in words[at + 1 :]:
        if is_value:
            is_value = False
        elif word in without:
            is_value = True
        elif not word.startswith(tuple(f"{option}=" for option in without)):
            kept.append(word)
    return kept if all(_WORD.fullmatch(word) for word in kept) else []


def direct(app: App, words: Sequence[str]) -> str:
    """A tool of the project, run without the package manager where it is known to lie there."""
    command = " ".join(words)
    is_own = app.workspace is None and not app.manager.is_berry and app.manager.name != "bun"
    return f"node_modules/.bin/{command}" if is_own else app.manager.tool(command)


def production_of(app: App, script: str) -> Found:
    """A script as the start command."""
    text = " ".join((app.script(script) or "").split())
    told = f"script {script} in package.json"
    plain = Found(app.manager.run(script), told)
    is_surrounded = app.script(f"pre{script}") or app.script(f"post{script}")
    if is_surrounded or not _PLAIN.fullmatch(text):
        return plain
    match = _ASSIGNMENTS.match(text)
    before = match[0] if match else ""
    words = text[len(before) :].split(" ")
    if words[0] == "node" and len(words) > 1:
        return Found(text, f"{told}, run directly")
    return plain


def needs_development(app: App, start: str | None) -> bool:
    """Whether a start command runs a tool that only the development dependencies name."""
    if start is None or app.package is None:
        return False
    for words in app.commands(start):
        names = [word.removeprefix("node_modules/.bin/") for word in words[:3]]
        for name in names:
            if app.package.depends_on(_PACKAGES.get(name, name)) == "devDependencies":
                return True
    return False
