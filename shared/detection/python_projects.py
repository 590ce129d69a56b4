"""Python's side: which packages a project names and how they are installed."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.detection.documents import pick, text_of, toml_object
from shared.detection.tree import Source, join

_VERSION = re.compile(r"3\.\d{1,2}")
_REQUIREMENTS = ("requirements.txt", "docs/requirements.txt", "requirements/docs.txt",
                 "requirements-docs.txt", "doc/requirements.txt")  # fmt: skip
_GROUPS = ("docs", "doc", "documentation")
# For a server: what its documentation needs is left out.
_SERVER_REQUIREMENTS = ("requirements.txt", "requirements/production.txt", "requirements/prod.txt",
                        "requirements/base.txt")  # fmt: skip
# Extras that bring a server along.
_IMPLIED = {"fastapi[standard]": "uvicorn", "fastapi[all]": "uvicorn", "fastapi-cli": "uvicorn",
            "litestar[standard]": "uvicorn", "uvicorn-worker": "uvicorn"}  # fmt: skip
_SERVERS = ("gunicorn", "uvicorn", "hypercorn", "granian", "daphne", "waitress")
_INCLUDE = re.compile(r"(?:-r|--requirement)[ =]?\s*(\S+)")
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]{0,200})\])?")
_CLAUSE = re.compile(r"\s*(>=|<=|<|>|==|~=|\^|~|!=)?\s*3\.(\d{1,2})(\.\d+|\.\*)?\s*")
# What is taken where nothing is said; an older one only where the project asks for it.
_USUAL, _OLDEST = 13, 9
_MAX_COMMAND = 900


@dataclass(frozen=True, slots=True)
class PythonProject:
    """How packages get in, and which are named."""

    manager: str | None
    install: str | None
    text: str
    packages: frozenset[str]
    version: str | None = None
    version_text: str = ""
    lock: str | None = None

    def tool(self, command: str) -> str:
        """Run a tool that is installed in the project's environment."""
        return f"{self.manager} run {command}" if self.manager in {"uv", "poetry"} else command

    def and_also(self, package: str) -> str:
        """The install command with one more package."""
        more = {"uv": f"uv pip install {package}", "poetry": f"poetry run pip install {package}"}
        adding = more.get(self.manager or "", f"pip install {package}")
        return f"{self.install} && {adding}" if self.install else adding


def server_project(source: Source, root: str) -> PythonProject:
    """The same for a server: only what it needs while it runs is installed."""
    project = _pyproject(source, root)
    requirements = [name for name in _SERVER_REQUIREMENTS if _at(root, name) in source.names][:1]
    packages = set(_from_pyproject(project)) | set(_from_pipfile(source, root))
    for name in requirements:
        packages |= set(_names(_lines(source, _at(root, name))))
    manager, install, text, lock = _server_installation(source, root, project, requirements)
    packages |= {_IMPLIED[name] for name in packages & _IMPLIED.keys()}
    if lock is not None:
        packages |= set(_locked(source.text(_at(root, lock)) or ""))
    version, version_text = _version(source, root, project)
    return PythonProject(manager, install, text, frozenset(packages), version, version_text, lock)


def _locked(text: str) -> Iterator[str]:
    """Servers that come with something else: the lock file names every package."""
    for name in _SERVERS:
        if f'name = "{name}"' in text or f'"{name}": {{' in text:
            yield name


def _lines(source: Source, path: str, depth: int = 0) -> list[str]:
    """Lines of a list of requirements, those that it includes as well."""
    found: list[str] = []
    for line in (source.text(path) or "").splitlines():
        match = _INCLUDE.match(line.strip())
        if match is None:
            found.append(line)
        elif depth < 3 and (inner := join(path.rpartition("/")[0], match[1])):
            found += _lines(source, inner, depth + 1)
    return found[:5000]


def _server_installation(
    source: Source, root: str, project: Mapping[str, Any], requirements: list[str]
) -> tuple[str | None, str | None, str, str | None]:
    def has(name: str) -> bool:
        return _at(root, name) in source.names

    if has("uv.lock"):
        return "uv", "uv sync --frozen --no-dev", "exactly what uv.lock says", "uv.lock"
    if has("poetry.lock") or (pick(project, "tool", "poetry", "dependencies") and not requirements):
        command = "poetry install --no-interaction --no-root --only main"
        lock = "poetry.lock" if has("poetry.lock") else None
        text = "exactly what poetry.lock says" if lock else "the packages in pyproject.toml"
        return "poetry", command, text, lock
    if has("Pipfile.lock"):
        return "pipenv", "pipenv sync --system", "exactly what Pipfile.lock says", "Pipfile.lock"
    if requirements:
        name = requirements[0]
        return "pip", f"pip install -r {name}", f"the packages in {name}", None
    if has("Pipfile"):
        command = "pipenv install --system --skip-lock"
        return "pipenv", command, "the packages in Pipfile, of which there is no lock file", None
    named = pick(project, "project", "dependencies")
    if isinstance(named, list) and not pick(project, "build-system"):
        # It is no package: to build one would fail where there are several folders.
        items = [shlex.quote(item) for item in named if isinstance(item, str)]
        command = f"pip install {' '.join(items)}" if items else ""
        if len(command) <= _MAX_COMMAND and "\n" not in command:
            return "pip", command or None, "the dependencies in pyproject.toml", None
    if pick(project, "project") or pick(project, "build-system") or has("setup.py"):
        name = "pyproject.toml" if project else "setup.py"
        return "pip", "pip install .", f"the packages in {name}", None
    return None, None, "", None


def python_project(source: Source, root: str) -> PythonProject:
    """By lock file, ``requirements.txt`` or ``pyproject.toml``, in this order."""
    project = _pyproject(source, root)
    requirements = [name for name in _REQUIREMENTS if _at(root, name) in source.names]
    packages = set(_from_pyproject(project))
    for name in requirements:
        packages |= set(_names((source.text(_at(root, name)) or "").splitlines()))
    packages |= set(_from_pipfile(source, root))
    manager, install, text, lock = _installation(source, root, project, requirements)
    version, version_text = _version(source, root, project)
    return PythonProject(manager, install, text, frozenset(packages), version, version_text, lock)


def _from_pipfile(source: Source, root: str) -> Iterator[str]:
    if (text := source.text(_at(root, "Pipfile"))) is not None:
        named = pick(toml_object(text, _at(root, "Pipfile")), "packages")
        yield from (_plain(name) for name in (named if isinstance(named, Mapping) else {}))


def _at(root: str, name: str) -> str:
    return join(root, name) or name


def _pyproject(source: Source, root: str) -> Mapping[str, Any]:
    path = _at(root, "pyproject.toml")
    text = source.text(path)
    return {} if text is None else toml_object(text, path)


def _installation(
    source: Source, root: str, project: Mapping[str, Any], requirements: list[str]
) -> tuple[str | None, str | None, str, str | None]:
    def has(name: str) -> bool:
        return _at(root, name) in source.names

    if has("uv.lock"):
        group = _group(pick(project, "dependency-groups"))
        extra = _group(pick(project, "project", "optional-dependencies"))
        more = f" --group {group}" if group else f" --extra {extra}" if extra else ""
        return "uv", f"uv sync --frozen{more}", "exactly what uv.lock says", "uv.lock"
    if has("poetry.lock"):
        group = _group(pick(project, "tool", "poetry", "group"))
        more = f" --with {group}" if group else ""
        command = f"poetry install --no-interaction --no-root{more}"
        return "poetry", command, "exactly what poetry.lock says", "poetry.lock"
    if has("Pipfile.lock"):
        return "pipenv", "pipenv sync --system", "exactly what Pipfile.lock says", "Pipfile.lock"
    if requirements:
        files = [name for name in requirements if name != "requirements.txt"] or requirements
        if "requirements.txt" in requirements:
            files = list(dict.fromkeys(["requirements.txt", *files]))
        options = " ".join(f"-r {name}" for name in files)
        return "pip", f"pip install {options}", f"the packages in {' and '.join(files)}", None
    if pick(project, "project") or pick(project, "build-system"):
        extra = _group(pick(project, "project", "optional-dependencies"))
        group = _group(pick(project, "dependency-groups"))
        command = f'pip install ".[{extra}]"' if extra else "pip install ."
        command += f" --group {group}" if group else ""
        return "pip", command, "the packages in pyproject.toml", None
    return None, None, "", None


def _group(groups: Any) -> str | None:
    names = groups if isinstance(groups, Mapping) else {}
    return next((name for name in _GROUPS if name in names), None)


def _from_pyproject(project: Mapping[str, Any]) -> Iterator[str]:
    lists = [pick(project, "project", "dependencies")]
    for key in (("project", "optional-dependencies"), ("dependency-groups",)):
        groups = pick(project, *key)
        lists += list(groups.values()) if isinstance(groups, Mapping) else []
    for items in lists:
        if isinstance(items, list):
            yield from _names([item for item in items if isinstance(item, str)])
    poetry = pick(project, "tool", "poetry")
    tables = [pick(poetry, "dependencies"), pick(poetry, "dev-dependencies")]
    groups = pick(poetry, "group")
    if isinstance(groups, Mapping):
        tables += [pick(group, "dependencies") for group in groups.values()]
    for table in tables:
        if isinstance(table, Mapping):
            yield from (_plain(name) for name in table if name != "python")


def _names(lines: Sequence[str]) -> Iterator[str]:
    """Names, and each with an extra as ``name[extra]``, too."""
    for line in lines:
        if match := _REQUIREMENT.match(line.strip()):
            name = _plain(match[1])
            yield name
            yield from (
                f"{name}[{extra.strip()}]" for extra in (match[2] or "").split(",") if extra
            )


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _version(source: Source, root: str, project: Mapping[str, Any]) -> tuple[str | None, str]:
    for name in (".python-version", "runtime.txt"):
        if match := _VERSION.search(source.text(_at(root, name)) or ""):
            return match[0], f"{name} asks for it"
    if (text := source.text(_at(root, "Pipfile"))) is not None:
        pipfile = toml_object(text, _at(root, "Pipfile"))
        asked = text_of(pick(pipfile, "requires", "python_version"))
        if asked and (match := _VERSION.match(asked)):
            return match[0], "Pipfile asks for it"
    asked = text_of(pick(project, "project", "requires-python"))
    asked = asked or text_of(pick(project, "tool", "poetry", "dependencies", "python"))
    if asked and _VERSION.search(asked):
        return _newest(asked), f"pyproject.toml asks for {asked[:40]}"
    return None, ""


def _newest(asked: str) -> str | None:
    """The newest line that fits a range; None where the usual one does."""
    if _fits(_USUAL, asked):
        return None
    lines = [*range(_USUAL - 1, _OLDEST - 1, -1), *range(_USUAL + 1, _USUAL + 3)]
    return next((f"3.{line}" for line in lines if _fits(line, asked)), None)


def _fits(line: int, asked: str) -> bool:
    for clause in asked.split(","):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            continue
        minor, rest = int(match[2]), match[3]
        good = {
            ">=": line >= minor, ">": line >= minor if rest else line > minor,
            "<": line <= minor if rest and rest != ".0" else line < minor, "<=": line <= minor,
            "==": line == minor, "~=": line == minor if rest else line >= minor,
            "^": line >= minor, "~": line == minor, "!=": True, None: line == minor,
        }[match[1]]  # fmt: skip
        if not good:
            return False
    return True
