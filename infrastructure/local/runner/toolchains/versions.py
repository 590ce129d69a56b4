"""Which release of Node and of a package manager a build gets: pinned, one table each.

What a project asks for was decided by detection; here a line becomes one exact release.
"""

import platform
import re
import sys
from dataclasses import dataclass

from infrastructure.local.runner.executor import ToolsUnavailable

_EXACT = re.compile(r"\d{1,4}\.\d{1,6}\.\d{1,6}(?:-[0-9A-Za-z.-]{1,40})?")
_PARTIAL = re.compile(r"\d{1,4}(?:\.\d{1,6})?")


@dataclass(frozen=True, slots=True)
class NodeRelease:
    """One release of Node: ``wheel`` on PyPI, or Node's own program on npm and its npm.

    Where npm has no program for a platform, the wheel is taken there, too.
    """

    line: str
    wheel: str
    program: str | None = None
    npm: str | None = None

    def version(self, target: str | None) -> str:
        """What is installed where the program is called that."""
        return self.program if self.program and target else self.wheel


# The newest patch of each line. The wheels of 20 and 22 stopped early: Vite asks for 20.19, React
# Router for 22.22 and Angular for 22.22.3, and Yarn 1 ends where a package asks for more.
NODES = {
    "20": NodeRelease("20", wheel="20.18.0", program="20.20.2", npm="10.9.9"),
    "22": NodeRelease("22", wheel="22.20.0", program="22.23.3", npm="10.9.9"),
    "24": NodeRelease("24", wheel="24.19.0"),
}
# Installs everything that comes from npm: it brings its own npm.
BOOTSTRAP = NODES["24"]

# The last release of each line, for projects that name the line alone. Lock files name lines:
# pnpm 7 writes format 5, 8 format 6, 9 and above format 9; yarn 1 its own, 2 and above another.
_LINES = {
    "npm": {"8": "8.19.4", "9": "9.9.4", "10": "10.9.9", "11": "11.17.0", "12": "12.2.0"},
    "pnpm": {
        "6": "6.35.1", "7": "7.33.7", "8": "8.15.9", "9": "9.15.9", "10": "10.34.9",
        "11": "11.28.11", "12": "12.21.0",
    },
    "yarn": {"1": "1.22.22", "2": "2.4.2", "3": "3.8.7", "4": "4.18.1"},
    "bun": {"1": "1.4.5"},
}  # fmt: skip
# What nothing in the project decides: 10 is the newest pnpm that runs on every line of Node.
_DEFAULTS = {"pnpm": "10", "yarn": "1", "bun": "1"}


@dataclass(frozen=True, slots=True)
class Manager:
    """A package manager to install: one npm package, and whether it is a program by itself."""

    name: str
    version: str
    package: str
    is_native: bool = False

    @property
    def major(self) -> int:
        """Its line."""
        return int(self.version.split(".")[0])

    @property
    def is_berry(self) -> bool:
        """Yarn 2 and above, which is another program than Yarn 1."""
        return self.name == "yarn" and self.major >= 2


def node_release(line: str) -> NodeRelease:
    """The release of a line such as ``22``; raises ToolsUnavailable."""
    if release := NODES.get(line):
        return release
    raise ToolsUnavailable(
        f"Node {line} is not available: there are {_listed(NODES)}."
        f" Next: ask for one of these, in .nvmrc, engines or the setting node."
    )


def manager_release(name: str, asked: str | None) -> Manager | None:
    """The package manager to install; None where the npm that comes with Node does.

    An exact version is kept, a line becomes its pinned release; what is between them, or newer
    than the table, is left to the registry.
    """
    if name == "npm" and asked is None:
        return None
    if name not in _LINES:
        raise ToolsUnavailable(
            f"The package manager {name} is not available: there are {_listed(_LINES)}."
            " Next: set package_manager to one of these."
        )
    asked = (asked or _DEFAULTS[name]).partition("+")[0].lstrip("v")
    if not (_EXACT.fullmatch(asked) or _PARTIAL.fullmatch(asked)):
        raise ToolsUnavailable(
            f"{name} {asked[:40]} is no version."
            f" Next: name one such as {next(reversed(_LINES[name].values()))} in packageManager."
        )
    version = _LINES[name].get(asked, asked)
    package, is_native = _package(name, int(version.split(".")[0]))
    return Manager(name, version, package, is_native)


def _package(name: str, major: int) -> tuple[str, bool]:
    if name == "bun":
        return f"@oven/bun-{_target('aarch64')}", True
    if name == "pnpm" and major >= 12:
        return f"@pnpm/exe.{_target('arm64')}", True
    return ("@yarnpkg/cli-dist" if name == "yarn" and major >= 2 else name), False


def node_program() -> str | None:
    """Where Node's own program for this machine is on npm; None where it is not."""
    target = _target("arm64")
    known = {"linux-x64", "linux-arm64", "darwin-x64"}
    return f"node-{target}" if target in known else None


def _target(arm: str) -> str:
    """This machine as npm packages name it."""
    is_arm = platform.machine().lower() in {"arm64", "aarch64"}
    system = "darwin" if sys.platform == "darwin" else "linux"
    is_musl = system == "linux" and platform.libc_ver()[0] != "glibc"
    return f"{system}-{arm if is_arm else 'x64'}{'-musl' if is_musl else ''}"


def _listed(names: dict[str, NodeRelease] | dict[str, dict[str, str]]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}"
