"""Which package manager a project uses and what it is told: install, run a script, run a tool."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shared.detection.documents import text_of
from shared.detection.package_json import PackageJson
from shared.detection.tree import Source, join
from shared.detection.workspaces import Workspace

NAMES = ("npm", "pnpm", "yarn", "bun")
# Several lock files: npm's is the one that a stray `npm install` leaves, so it has the last word.
_LOCKS = {
    "pnpm": ("pnpm-lock.yaml",),
    "yarn": ("yarn.lock",),
    "bun": ("bun.lock", "bun.lockb"),
    "npm": ("package-lock.json", "npm-shrinkwrap.json"),
}
_FIELD = re.compile(r"(npm|pnpm|yarn|bun)@\^?v?(\d{1,4}(?:\.\d{1,6}){0,2})")
_PNPM_LOCK = re.compile(r"^lockfileVersion:\s*['\"]?(\d+)", re.MULTILINE)
# What wrote the lock file: its format's version → the oldest line of pnpm that keeps it as it is.
_PNPM_LINES = {"5": "7", "6": "8", "9": "10"}
_HEAD = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """A package manager as one project uses it."""

    name: str
    text: str
    version: str | None = None
    lock: str | None = None
    directory: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def is_berry(self) -> bool:
        """Yarn 2 and above, which has other options than Yarn 1."""
        return self.name == "yarn" and (self.version or "1").split(".")[0] != "1"

    def install(self) -> tuple[str, str]:
        """The command, and why: with a lock file exactly what it says is installed."""
        if self.lock is None:
            command = "yarn install --no-immutable" if self.is_berry else f"{self.name} install"
            return command, "there is no lock file, so versions are chosen anew at each build"
        frozen = {
            "npm": "npm ci",
            "pnpm": "pnpm install --frozen-lockfile",
            "yarn": f"yarn install {'--immutable' if self.is_berry else '--frozen-lockfile'}",
            "bun": "bun install --frozen-lockfile",
        }
        return frozen[self.name], f"exactly what {self.lock} says"

    def run(self, script: str) -> str:
        """Run one of the project's scripts."""
        return f"{self.name} run {script}"

    def tool(self, command: str) -> str:
        """Run a tool that is installed in the project."""
        prefix = {"npm": "npx", "pnpm": "pnpm exec", "yarn": "yarn", "bun": "bunx"}[self.name]
        return f"{prefix} {command}"

    def build_in_order(self, workspace: Workspace, folders: Sequence[str], package: str) -> str:
        """Build packages of a workspace one after the other; ``package`` is the last one's name."""
        up = _up(folders[-1], workspace.root)
        if self.name == "pnpm":
            return f'pnpm --filter "{package}..." run build'
        if self.is_berry:
            return f"yarn workspaces foreach -Rt --from '{package}' run build"
        steps = [
            f"(cd {_quoted(_between(workspace.root, f))} && {self.run('build')})" for f in folders
        ]
        return " && ".join([f"cd {up}", *steps])


def _up(folder: str, root: str) -> str:
    depth = len(_between(root, folder).split("/"))
    return "/".join([".."] * depth)


def _between(root: str, folder: str) -> str:
    return folder.removeprefix(root).lstrip("/")


def _quoted(path: str) -> str:
    return path if re.fullmatch(r"[\w@./-]+", path) else "'" + path.replace("'", "'\\''") + "'"


def manager_of(
    source: Source, root: str, workspace: Workspace | None, chosen: str | None = None
) -> Manager:
    """By ``packageManager``, then by the lock file; ``chosen`` is what a person said."""
    folders = [root] if workspace is None or workspace.root == root else [root, workspace.root]
    packages = [_package(source, folder) for folder in folders]
    named = next(filter(None, (_named(package) for package in packages if package)), None)
    locks = _locks(source, folders)
    directory = workspace.root if workspace else root
    if chosen:
        name, text = chosen, ""
        version = named[1] if named and named[0] == chosen else None
    elif named:
        name, version, where = named
        text = f"packageManager in {where} says {name}@{version}"
    elif locks:
        name, version = next(iter(locks)), None
        text = _several(locks) if len(locks) > 1 else locks[name]
    else:
        name, version = "npm", None
        text = "no lock file and no packageManager: npm comes with Node"
    lock = locks.get(name)
    if lock and (root == lock.rpartition("/")[0] or workspace is None):
        directory = lock.rpartition("/")[0]
    return Manager(
        name=name,
        text=text,
        version=version or _version(source, name, lock, directory),
        lock=lock,
        directory=directory,
        warnings=tuple(_warnings(name, lock, locks)),
    )


def _package(source: Source, folder: str) -> PackageJson | None:
    path = join(folder, "package.json") or ""
    text = source.text(path)
    return None if text is None else PackageJson.parse(path, text)


def _named(package: PackageJson) -> tuple[str, str, str] | None:
    match = _FIELD.match(text_of(package.data.get("packageManager")) or "")
    return (match[1], match[2], package.path) if match else None


def _locks(source: Source, folders: Sequence[str]) -> dict[str, str]:
    """The lock file of each manager, in the nearest folder that has any."""
    for folder in folders:
        found = {
            name: path
            for name, files in _LOCKS.items()
            for file in reversed(files)
            if (path := join(folder, file) or "") in source.names
        }
        if found:
            return found
    return {}


def _several(locks: dict[str, str]) -> str:
    first, *others = locks.values()
    return f"{first}; {' and '.join(others)} left aside, packageManager in package.json decides"


def _warnings(name: str, lock: str | None, locks: dict[str, str]) -> list[str]:
    others = [path for other, path in locks.items() if other != name]
    if not others:
        return []
    if lock is None:
        return [
            f"{name} is used, but only {others[0]} is there: it is ignored, and versions are"
            f" chosen anew. Next: run {name} install and commit its lock file."
        ]
    return [
        f"Several lock files: {lock} is used, {' and '.join(others)} ignored."
        " Next: remove the ones that are not kept up to date."
    ]


def _version(source: Source, name: str, lock: str | None, directory: str) -> str | None:
    """The major line, as far as the files tell."""
    head = (source.text(lock) or "")[:_HEAD] if lock else ""
    if name == "pnpm" and (match := _PNPM_LOCK.search(head)):
        return _PNPM_LINES.get(match[1])
    if name == "yarn":
        is_berry = "__metadata:" in head or (
            not head and (join(directory, ".yarnrc.yml") or "") in source.names
        )
        return "4" if is_berry else "1"
    return None
