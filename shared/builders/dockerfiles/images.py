"""What a build stands on: a base image by language, and its package manager.

Only lines that are known by their form get into a name: an image's tag is no place for free text.
"""

import re
from collections.abc import Sequence

from shared.builders.dockerfiles.errors import SpecNotSupported
from shared.detection.build_spec import BuildSpec

REGISTRY = "docker.io/library"
DEFAULT_PYTHON = "3.13"
PYTHON_MANAGERS = ("pip", "uv", "poetry", "pipenv")
_NODE = re.compile(r"\d{1,3}")
_PYTHON = re.compile(r"3\.\d{1,2}")
_GO = re.compile(r"1(?:\.\d{1,3}){1,2}")
DEFAULT_GO = "1.25"
_DEBIAN = "bookworm"
_VERSION = re.compile(r"\d{1,4}(?:\.\d{1,6}){0,2}(?:-[0-9A-Za-z.-]{1,40})?")
# What nothing in the project decides: 10 is the newest pnpm that runs on every line of Node.
_NODE_MANAGERS = {"npm": None, "pnpm": "10", "yarn": "1", "bun": "1"}
_NPM = ("npm", "install", "--global", "--force", "--no-audit", "--no-fund")
_PIP = ("pip", "install", "--no-cache-dir")


def base_image(spec: BuildSpec, registry: str = REGISTRY) -> str:
    """The image of the spec's language and version, fully named: no search list decides."""
    if spec.node is not None:
        return f"{registry}/node:{_checked('Node', spec.node, _NODE)}-slim"
    if is_python(spec):
        version = _checked("Python", spec.python or DEFAULT_PYTHON, _PYTHON)
        return f"{registry}/python:{version}-slim"
    return _plain(registry)


def build_image(spec: BuildSpec, registry: str = REGISTRY) -> str:
    """The image that a server is built in: with compilers, for packages that have no binaries."""
    if spec.go is not None:
        return f"{registry}/golang:{_checked('Go', spec.go or DEFAULT_GO, _GO)}-{_DEBIAN}"
    image = base_image(spec, registry)
    return image if image.endswith(f"{_DEBIAN}-slim") else image.removesuffix("-slim")


def run_image(spec: BuildSpec, registry: str = REGISTRY) -> str:
    """The image that a server runs in: the language, a shell and little else."""
    return _plain(registry) if spec.go is not None else base_image(spec, registry)


def _plain(registry: str) -> str:
    return f"{registry}/debian:{_DEBIAN}-slim"


def is_python(spec: BuildSpec) -> bool:
    """Whether its commands are Python's."""
    return spec.node is None and (
        spec.python is not None or spec.package_manager in PYTHON_MANAGERS
    )


def manager_install(spec: BuildSpec) -> Sequence[str] | None:
    """The command that installs the package manager; None where the image has it."""
    manager, version = spec.package_manager, spec.package_manager_version
    if manager is None or (manager == "pip" and is_python(spec)):
        return None
    if is_python(spec) and manager in PYTHON_MANAGERS:
        exact = f"=={_checked(manager, version, _VERSION)}" if version else ""
        return (*_PIP, f"{manager}{exact}")
    if spec.node is None or manager not in _NODE_MANAGERS:
        raise SpecNotSupported(
            f"The package manager {manager[:40]} does not go with this project's language."
            " Next: set package_manager to one that does."
        )
    wanted = (version or _NODE_MANAGERS[manager] or "").partition("+")[0].lstrip("v")
    if not wanted:
        return None
    wanted = _checked(manager, wanted, _VERSION)
    is_berry = manager == "yarn" and wanted.split(".")[0] != "1"
    # `--force`: the image has a Yarn 1 already, whose files would be in the way.
    return (*_NPM, f"{'@yarnpkg/cli-dist' if is_berry else manager}@{wanted}")


def _checked(name: str, value: str, form: re.Pattern[str]) -> str:
    if not form.fullmatch(value):
        raise SpecNotSupported(
            f"{name} {value[:40]!r} is no version that an image can be chosen by."
            " Next: ask for one such as 22 (Node), 3.13 (Python) or 10.2.1 (a package manager)."
        )
    return value
