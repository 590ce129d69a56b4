"""Finds the application object of a Python web framework: which module has it, under which name.

Files are read as text, never imported. Where several may be meant none is guessed.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.detection.app import App
from shared.detection.errors import SeveralServers

_USUAL = (
    "main.py", "app.py", "app/main.py", "src/main.py", "api/main.py", "server.py", "api.py",
    "index.py", "app/__init__.py", "wsgi.py", "asgi.py", "src/app.py", "app/app.py", "run.py",
    "application.py",
)  # fmt: skip
_NO_APPS = {
    "tests", "test", "docs", "doc", "examples", "example", "migrations", "alembic", "scripts",
    "benchmarks", "site-packages", "templates", "static",
}  # fmt: skip
_MARKERS = {"requirements.txt", "pyproject.toml", "Pipfile", "setup.py", "package.json", "go.mod"}
_MAX_FILES, _MAX_DEPTH = 300, 3
_MAX_CHARS = 200_000
_CALLED = r"(?:[\w.]{1,80}\.)?"
_FACTORY_NAME = re.compile(r"^(?:create|make|build|get)_\w{1,50}$|^app(?:lication)?_factory$")
_DEFINITION = re.compile(r"^(?:async )?def (\w{1,60})\(([^)]{0,400})\)[^:\n]{0,80}:", re.MULTILINE)
_NEEDED = re.compile(r"(?:^|,)\s*\w+\s*(?::[^=,]+)?(?=,|$)")


@dataclass(frozen=True, slots=True)
class Kind:
    """A framework: its package, and what is called to make an application."""

    package: str
    makers: tuple[str, ...]
    interface: str  # "asgi" or "wsgi"


@dataclass(frozen=True, slots=True)
class Application:
    """An application object, or with ``is_factory`` a function that makes one.

    ``module`` is seen from ``folder``, which has to be where Python looks for modules.
    """

    file: str
    module: str
    name: str
    folder: str = ""
    is_factory: bool = False

    @property
    def target(self) -> str:
        """As servers are told it."""
        return f"{self.module}:{self.name}"


def find_application(app: App, kind: Kind) -> Application | None:
    """The application of that framework; raises SeveralServers where it is not clear which."""
    found = applications(app, kind)
    if not found or app.start_is_said:
        return found[0] if found else None
    return _chosen(app, found)


def applications(app: App, kind: Kind) -> list[Application]:
    """Every application of that framework, the likeliest first; factories only without others."""
    return app.source.once(("applications", app.root, kind.package), lambda: _all(app, kind))


def _all(app: App, kind: Kind) -> list[Application]:
    files = [(name, text) for name in python_files(app) if (text := _text(app, name))]
    using = [(name, text) for name, text in files if _imports(text, kind.package)]
    made = [one for name, text in using for one in _made(name, text, kind.makers)]
    factories = [one for name, text in using for one in _factories(name, text, kind.makers)]
    if not made and factories:
        names = tuple({one.name for one in factories})
        made = [one for name, text in files for one in _made(name, text, names)]
    return [_placed(app, one) for one in made or factories]


def python_files(app: App) -> tuple[str, ...]:
    """Where an application may be: usual places first, then what lies near the top."""
    return app.source.once(("python files", app.root), lambda: _python_files(app))


def _python_files(app: App) -> tuple[str, ...]:
    names = [name for name in app.names if name.endswith(".py") and name.count("/") < _MAX_DEPTH]
    # A folder with a list of packages of its own is an app of its own, for `root` to choose.
    own = tuple(f"{n.rpartition('/')[0]}/" for n in app.names if "/" in n and
                n.rpartition("/")[2] in _MARKERS)  # fmt: skip
    near = sorted(
        (
            name
            for name in names
            if not _NO_APPS.intersection(name.split("/")[:-1]) and not name.startswith(own)
        ),
        key=lambda name: (name.count("/"), name),
    )
    usual = [name for name in _USUAL if name in near]
    return tuple(dict.fromkeys([*usual, *near]))[:_MAX_FILES]


def _text(app: App, name: str) -> str:
    is_test = name.rpartition("/")[2].startswith(("test_", "conftest"))
    return "" if is_test else (app.text(name) or "")[:_MAX_CHARS]


def _imports(text: str, package: str) -> bool:
    return bool(re.search(rf"^[ \t]*(?:from|import) {package}\b", text, re.MULTILINE))


def _made(name: str, text: str, makers: Sequence[str]) -> Iterator[Application]:
    """Assignments at the top level: ``app = FastAPI(…)``."""
    called = "|".join(map(re.escape, makers))
    pattern = rf"^(\w{{1,60}})\s*(?::[^=\n]{{1,80}})?=\s*(?:await )?{_CALLED}(?:{called})\("
    names = dict.fromkeys(re.findall(pattern, text, re.MULTILINE))
    usual = [word for word in ("app", "application") if word in names]
    for word in usual[:1] or names:
        yield Application(name, "", word)


def _factories(name: str, text: str, makers: Sequence[str]) -> Iterator[Application]:
    called = re.compile(rf"\b(?:{'|'.join(map(re.escape, makers))})\(")
    for match in _DEFINITION.finditer(text):
        body = re.split(r"^\S", text[match.end() : match.end() + 20_000], flags=re.MULTILINE)[0]
        is_named = _FACTORY_NAME.match(match[1])
        if is_named and called.search(body) and not _NEEDED.search(match[2].strip()):
            yield Application(name, "", match[1], is_factory=True)


def _placed(app: App, found: Application) -> Application:
    folder, module = place_of(app, found.file)
    return Application(found.file, module, found.name, folder, found.is_factory)


def place_of(app: App, file: str) -> tuple[str, str]:
    """Where Python has to look, and the module's name from there.

    A folder that is a package is part of the name; ``src`` and folders whose files import each
    other by their bare names are not.
    """
    path = file.removesuffix(".py").removesuffix("/__init__")
    folder, _, rest = path.partition("/")
    if not rest or not _is_path_entry(app, file, folder):
        return "", path.replace("/", ".")
    return folder, rest.replace("/", ".")


def _is_path_entry(app: App, file: str, folder: str) -> bool:
    if app.has(f"{folder}/__init__.py"):
        return False
    text = app.text(file) or ""
    if re.search(rf"^[ \t]*(?:from|import) {re.escape(folder)}\b", text, re.MULTILINE):
        return False
    if folder == "src":
        return file.count("/") > 1 or not re.search(r"^[ \t]*from \.", text, re.MULTILINE)
    beside = {n.split("/")[1].removesuffix(".py") for n in app.names if n.startswith(f"{folder}/")}
    imported = re.findall(r"^[ \t]*(?:from|import) (\w+)", text, re.MULTILINE)
    return any(word in beside and not app.has(f"{word}.py") for word in imported)


def _chosen(app: App, found: Sequence[Application]) -> Application:
    """One of several: the nearest to the top, unless there is no telling."""
    depth = min(one.file.count("/") for one in found)
    near = [one for one in found if one.file.count("/") == depth]
    texts = {one.file: app.text(one.file) or "" for one in near}
    free = [one for one in near if not _is_part(one, texts)] or near
    if len(free) > 1:
        raise SeveralServers(
            "There are several applications and none is chosen",
            [f"{one.target} ({app.shown(one.file)})" for one in free],
            "start",
            "set start to the command that runs the right one, in astrocloud.toml or the"
            " project's settings",
        )
    return free[0]


def _is_part(one: Application, texts: dict[str, str]) -> bool:
    """Whether another candidate imports this one: then it is the other that is started."""
    word = re.escape(one.module.rpartition(".")[2])
    pattern = re.compile(rf"^[ \t]*(?:from [\w.]*\b{word}\b|from [\w.]+ import [^\n]*\b{word}\b"
                         rf"|import [^\n]*\b{word}\b)", re.MULTILINE)  # fmt: skip
    return any(file != one.file and pattern.search(text) for file, text in texts.items())
