"""Monorepos: which folders are packages of one workspace, and what one needs built first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache, partial

from shared.detection.documents import pick, yaml_object
from shared.detection.package_json import PackageJson
from shared.detection.tree import Source, join

_MAX_PACKAGES = 500
_MAX_PATTERNS = 50
# No package of a workspace lies deeper.
_MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder whose packages are installed together."""

    root: str
    package: PackageJson | None
    packages: Mapping[str, PackageJson]
    declared_in: str

    def siblings_needed(self, folder: str) -> list[str]:
        """Folders of packages that this one needs and that have a build, in the order to build."""
        by_name = {package.name: at for at, package in self.packages.items() if package.name}
        order: list[str] = []
        self._visit(folder, by_name, order, set())
        return [at for at in order if at != folder and self.packages[at].script("build")]

    def _visit(
        self, folder: str, by_name: Mapping[str, str], order: list[str], seen: set[str]
    ) -> None:
        waiting = [(folder, False)]
        while waiting:
            at, is_done = waiting.pop()
            if is_done:
                order.append(at)
            elif at not in seen and at in self.packages:
                seen.add(at)
                waiting.append((at, True))
                needed = sorted(self.packages[at].dependencies() & by_name.keys())
                waiting.extend((by_name[name], False) for name in needed)


def workspace_of(source: Source, folder: str) -> Workspace | None:
    """The workspace that a folder is the root or a package of."""
    at = folder
    while True:
        found = source.once(("workspace", at), partial(_declared, source, at))
        if found and (at == folder or folder in found.packages):
            return found
        if not at:
            return None
        at = at.rpartition("/")[0]


def _declared(source: Source, folder: str) -> Workspace | None:
    package = read_package(source, folder)
    path = join(folder, "pnpm-workspace.yaml") or ""
    patterns: Sequence[object] = ()
    declared_in = path
    if (text := source.text(path)) is not None:
        patterns = pick(yaml_object(text, path), "packages") or ()
    elif package is not None:
        value = package.data.get("workspaces")
        patterns = pick(value, "packages") if isinstance(value, Mapping) else value or ()
        declared_in = package.path
    texts = [p for p in patterns if isinstance(p, str)] if isinstance(patterns, list) else []
    if not texts:
        return None
    packages = _packages(source, folder, texts[:_MAX_PATTERNS])
    return Workspace(folder, package, packages, declared_in)


def _packages(source: Source, root: str, patterns: list[str]) -> dict[str, PackageJson]:
    found: dict[str, PackageJson] = {}
    wanted = [p.removeprefix("./").strip("/") for p in patterns if not p.startswith("!")]
    unwanted = [p[1:].removeprefix("./").strip("/") for p in patterns if p.startswith("!")]
    for name in source.below(root):
        inner, _, file = name.rpartition("/")
        if file != "package.json" or not inner or len(found) >= _MAX_PACKAGES:
            continue
        if _any(inner, wanted) and not _any(inner, unwanted):
            folder = join(root, inner) or inner
            package = read_package(source, folder)
            if package is not None:
                found[folder] = package
    return found


def read_package(source: Source, folder: str) -> PackageJson | None:
    """The ``package.json`` of a folder."""
    path = join(folder, "package.json") or "package.json"
    text = source.text(path)
    return None if text is None else source.once(path, lambda: PackageJson.parse(path, text))


def _any(path: str, patterns: list[str]) -> bool:
    if path.count("/") >= _MAX_DEPTH:
        return False
    patterns = [pattern for pattern in patterns if pattern.count("/") < _MAX_DEPTH]
    return any(matches(tuple(path.split("/")), tuple(p.split("/"))) for p in patterns)


@lru_cache(maxsize=4096)
def matches(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether a path fits a glob, part by part; ``**`` stands for any number of parts."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        return matches(path, pattern[1:]) or (bool(path) and matches(path[1:], pattern))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and matches(path[1:], pattern[1:])
