"""Python's side: which packages a project names and how they are installed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.detection.documents import pick, text_of, toml_object
from shared.detection.tree import Source, join

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"3\.\d{1,2}")
_REQUIREMENTS = ("requirements.txt", "docs/requirements.txt", "requirements/docs.txt",
                 "requirements-docs.txt", "doc/requirements.txt")  # fmt: skip
_GROUPS = ("docs", "doc", "documentation")


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


def python_project(source: Source, root: str) -> PythonProject:
    """By lock file, ``requirements.txt`` or ``pyproject.toml``, in this order."""
    project = _pyproject(source, root)
    requirements = [name for name in _REQUIREMENTS if _at(root, name) in source.names]
    packages = set(_from_pyproject(project))
    for name in requirements:
        packages |= set(_names((source.text(_at(root, name)) or "").splitlines()))
    if (text := source.text(_at(root, "Pipfile"))) is not None:
        pipfile = toml_object(text, _at(root, "Pipfile"))
        packages |= {_plain(name) for name in pick(pipfile, "packages") or {}}
    manager, install, text, lock = _installation(source, root, project, requirements)
    version, version_text = _version(source, root, project)
    return PythonProject(manager, install, text, frozenset(packages), version, version_text, lock)


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


def _names(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if match := _NAME.match(line.strip()):
            yield _plain(match[0])


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _version(source: Source, root: str, project: Mapping[str, Any]) -> tuple[str | None, str]:
    for name in (".python-version", "runtime.txt"):
        if match := _VERSION.search(source.text(_at(root, name)) or ""):
            return match[0], f"{name} asks for it"
    asked = text_of(pick(project, "project", "requires-python"))
    if asked and (match := _VERSION.search(asked)):
        return None, f"pyproject.toml asks for {asked[:40]}"
    return None, ""
