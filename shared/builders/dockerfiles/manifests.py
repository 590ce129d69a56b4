"""Which files an install command reads, where that is certain: the rest of the source may change
without installing again.

Certain is only the plain case. Workspaces, scripts that run at install, packages that lie in the
source, patches and commands of the user's own need the whole source.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from shared.detection.build_spec import BuildSpec
from shared.detection.documents import json_object, pick, toml_object
from shared.detection.errors import BrokenFile
from shared.detection.tree import Source, join

_NODE_COMMANDS = {
    "npm ci", "npm install",
    "pnpm install", "pnpm install --frozen-lockfile",
    "yarn install", "yarn install --frozen-lockfile", "yarn install --immutable",
    "yarn install --no-immutable",
    "bun install", "bun install --frozen-lockfile",
}  # fmt: skip
_NODE_FILES = (
    "package.json", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock",
    "bun.lock", "bun.lockb", ".npmrc", ".yarnrc", ".yarnrc.yml", "bunfig.toml",
)  # fmt: skip
# Code or folders that the package manager loads at install.
_NODE_OBSTACLES = ("pnpm-workspace.yaml", ".pnpmfile.cjs", ".pnpmfile.mjs", "pnpmfile.js")
_SCRIPTS = {
    "preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare", "prepublish",
    "dependencies", "pnpm:devPreinstall",
}  # fmt: skip
_PARTS = (
    "dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "overrides",
    "resolutions",
)  # fmt: skip
_OBSTACLE_KEYS = ("workspaces", "patchedDependencies", "pnpm", "bundleDependencies",
                  "bundledDependencies")  # fmt: skip
_LOCAL = re.compile(r"(?:npm:)?(?:file|link|portal|workspace|patch|exec|catalog):|[./~]")
_YARN_OBSTACLE = re.compile(r"^\s*['\"]?(?:yarnPath|plugins|yarn-path)\b", re.MULTILINE)
# A module that lies in the source, or a copy of all modules.
_GO_OBSTACLE = re.compile(r"=>\s*\.{0,2}/|-mod=vendor")
_REQUIREMENTS = "requirements.txt"
_REQUIREMENT = re.compile(
    r"\s*(?:#.*|[A-Za-z0-9][\w.-]*(?:\[[\w,. -]*\])?\s*(?:[=<>!~]=?[^@/;#]*)?(?:;[^#]*)?(?:#.*)?)?"
)


def manifest_files(source: Source, spec: BuildSpec) -> tuple[str, ...]:
    """The files that suffice; none where only the whole source does."""
    if spec.node is not None and spec.install in _NODE_COMMANDS:
        return _node(source, spec.install_directory)
    if spec.install == f"pip install -r {_REQUIREMENTS}":
        return _python(source, spec.install_directory)
    if spec.install == "go mod download":
        return _go(source, spec.install_directory)
    for command, reader in _PYTHON_LOCKS.items():
        if spec.install == command:
            return reader(source, spec.install_directory)
    return ()


def package_scripts(source: Source, folder: str) -> Mapping[str, str]:
    """The scripts of a folder's ``package.json``; none where it cannot be read."""
    path = join(folder, "package.json") or "package.json"
    text = source.text(path)
    try:
        scripts = json_object(text, path).get("scripts") if text is not None else None
    except BrokenFile:
        return {}
    if not isinstance(scripts, Mapping):
        return {}
    return {name: told for name, told in scripts.items() if isinstance(told, str)}


def _node(source: Source, folder: str) -> tuple[str, ...]:
    def at(name: str) -> str:
        return join(folder, name) or name

    text = source.text(at("package.json"))
    if text is None or any(at(name) in source.names for name in _NODE_OBSTACLES):
        return ()
    try:
        package = json_object(text, at("package.json"))
    except BrokenFile:
        return ()
    yarn = [source.text(at(name)) or "" for name in (".yarnrc", ".yarnrc.yml")]
    if not _is_plain(package) or any(_YARN_OBSTACLE.search(found) for found in yarn):
        return ()
    return tuple(at(name) for name in _NODE_FILES if at(name) in source.names)


def _is_plain(package: Mapping[str, Any]) -> bool:
    if any(package.get(key) for key in _OBSTACLE_KEYS):
        return False
    scripts = package.get("scripts")
    if isinstance(scripts, Mapping) and _SCRIPTS.intersection(scripts):
        return False
    return not any(_LOCAL.match(text) for part in _PARTS for text in _texts(package.get(part)))


def _texts(value: Any) -> Iterator[str]:
    """Every text in a tree that came from JSON, so its depth is bounded."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)


def _python(source: Source, folder: str) -> tuple[str, ...]:
    path = join(folder, _REQUIREMENTS) or _REQUIREMENTS
    text = source.text(path)
    if text is None or not all(_REQUIREMENT.fullmatch(line) for line in text.splitlines()):
        return ()
    return (path,)


def _go(source: Source, folder: str) -> tuple[str, ...]:
    names = [join(folder, name) or name for name in ("go.mod", "go.sum", "go.work")]
    text = source.text(names[0])
    if text is None or names[2] in source.names or _GO_OBSTACLE.search(text):
        return ()
    return tuple(name for name in names if name in source.names)


def _uv(source: Source, folder: str) -> tuple[str, ...]:
    """Without a build system the project itself is no package, so none of its files is read."""
    project = _toml(source, folder, "pyproject.toml")
    settings = pick(project, "tool", "uv") or {}
    if project is None or "build-system" in project or not isinstance(settings, Mapping):
        return ()
    if any(settings.get(key) for key in ("sources", "workspace", "package")):
        return ()
    return _there(source, folder, ("pyproject.toml", "uv.lock", "uv.toml", ".python-version"))


def _poetry(source: Source, folder: str) -> tuple[str, ...]:
    project = _toml(source, folder, "pyproject.toml")
    if project is None or _has_path(project):
        return ()
    return _there(source, folder, ("pyproject.toml", "poetry.lock", "poetry.toml"))


def _pipenv(source: Source, folder: str) -> tuple[str, ...]:
    pipfile = _toml(source, folder, "Pipfile")
    if pipfile is None or _has_path(pipfile):
        return ()
    return _there(source, folder, ("Pipfile", "Pipfile.lock"))


def _toml(source: Source, folder: str, name: str) -> Mapping[str, Any] | None:
    path = join(folder, name) or name
    text = source.text(path)
    try:
        return None if text is None else toml_object(text, path)
    except BrokenFile:
        return None


def _has_path(value: Any) -> bool:
    """Whether a table anywhere names a folder, or a file, as where a package is."""
    if isinstance(value, Mapping):
        has_key = any(isinstance(value.get(key), str) for key in ("path", "file"))
        return has_key or any(map(_has_path, value.values()))
    return isinstance(value, list) and any(map(_has_path, value))


def _there(source: Source, folder: str, names: Sequence[str]) -> tuple[str, ...]:
    found = [join(folder, name) or name for name in names]
    return tuple(name for name in found if name in source.names)


_PYTHON_LOCKS: Mapping[str, Callable[[Source, str], tuple[str, ...]]] = {
    "uv sync --frozen": _uv,
    "uv sync --frozen --no-dev": _uv,
    "poetry install --no-interaction --no-root": _poetry,
    "poetry install --no-interaction --no-root --only main": _poetry,
    "pipenv sync --system": _pipenv,
}
