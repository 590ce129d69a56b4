"""Which files an install command reads, where that is certain: the rest of the source may change
without installing again.

Certain is only the plain case. Workspaces, scripts that run at install, packages that lie in the
source, patches and commands of the user's own need the whole source.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from shared.detection.build_spec import BuildSpec
from shared.detection.documents import json_object
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
    return ()


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
