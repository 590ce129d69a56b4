"""What differs between servers of Node, Python, Go and none of them: a recipe each.

How packages are installed and which of them stay is decided here; the instructions are written
by ``server``.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.builders.dockerfiles.images import is_python, manager_install
from shared.builders.dockerfiles.stages import SOURCE
from shared.builders.dockerfiles.static import NODE_SETTINGS, PYTHON_SETTINGS
from shared.detection.build_spec import BuildSpec

VENV = "/venv"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ZONES = "/usr/local/go/lib/time/zoneinfo.zip"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# Where a server listens is for the one who runs it to say: on every address of its container.
_HOSTS = {
    "nextjs": {"HOSTNAME": "0.0.0.0"},  # noqa: S104 - the container's
    "fastify": {"FASTIFY_ADDRESS": "0.0.0.0"},  # noqa: S104
}
_PYTHON_HOSTS = {"UVICORN_HOST": "0.0.0.0", "FLASK_RUN_HOST": "0.0.0.0"}  # noqa: S104
_WITH_VALUE = (
    "-p|--python|--with|--with-editable|--with-requirements|--env-file|--extra|--no-extra|--group"
    "|--no-group|--only-group|--package|--project|--directory|-C|--index|--default-index|--color"
)
# Stands in for a package manager that only starts something: the environment is active already.
# What comes before the program are options, some with a value; a script and a module are Python's.
_SHIM = (
    "#!/bin/sh\n"
    'if [ "$1" != run ]; then echo "$0: only \\"run\\" is here" >&2; exit 127; fi\n'
    "shift\n"
    'while :; do case "$1" in\n'
    '-m|--module) shift; exec python -m "$@";;\n'
    "--) shift; break;;\n"
    f"{_WITH_VALUE}) shift 2;;\n"
    "-*) shift;;\n"
    "*) break;; esac; done\n"
    'case "$1" in *.py) exec python "$@";; esac\n'
    'exec "$@"\n'
)
_UV_GROUPS = re.compile(r"--(?:no-dev|dev|only-dev|all-groups|no-default-groups)\b")
_POETRY_GROUPS = re.compile(r"--(?:only|without|with|no-dev|only-root)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """``settings`` are variables of the build, ``run_settings`` of the image.

    ``path`` holds folders of programs that the build's commands find first. ``install`` is the
    command that is run, ``production`` the one that takes away what only the build needed.
    ``copies`` come into the image beside the source, ``run_preparation`` are commands of ours.
    """

    settings: Mapping[str, str]
    run_settings: Mapping[str, str]
    install: str | None
    path: Sequence[str] = ()
    preparation: Sequence[Sequence[str]] = ()
    production: str | None = None
    copies: Sequence[tuple[str, str]] = ()
    run_preparation: Sequence[Sequence[str]] = field(default_factory=tuple)


def recipe_of(spec: BuildSpec) -> Recipe:
    """The recipe of a spec's language."""
    if spec.node is not None:
        return _node(spec)
    if is_python(spec):
        return _python(spec)
    if spec.go is not None:
        return _go(spec)
    return Recipe(settings={"CI": "true"}, run_settings={}, install=spec.install)


def commands_of(spec: BuildSpec) -> list[str]:
    """Every command that is run in the image."""
    workers = [worker.command for worker in spec.workers.values()]
    schedules = [schedule.command for schedule in spec.schedules.values()]
    found = [spec.start, spec.release, *workers, *schedules]
    return [command for command in found if command]


def _mentions(spec: BuildSpec, program: str) -> bool:
    word = re.compile(rf"(?<![\w./-]){re.escape(program)}x?(?![\w./-])")
    return any(word.search(command) for command in commands_of(spec))


def _node(spec: BuildSpec) -> Recipe:
    manager = spec.package_manager or "npm"
    folders = dict.fromkeys((spec.root, spec.install_directory))
    programs = [f"{SOURCE}/{folder}/node_modules/.bin".replace("//", "/") for folder in folders]
    settings = {"CI": "true", **NODE_SETTINGS}
    if _is_berry(spec):
        # Packages as files: Plug'n'Play would need Yarn, and its cache, to start a server.
        settings["YARN_NODE_LINKER"] = "node-modules"
    install = manager_install(spec) if _mentions(spec, manager) else None
    return Recipe(
        settings=settings,
        run_settings={
            "NODE_ENV": "production",
            "HOST": "0.0.0.0",  # noqa: S104
            **_HOSTS.get(spec.framework, {}),
            "NPM_CONFIG_UPDATE_NOTIFIER": "false",
            "PATH": ":".join([*programs, _SYSTEM_PATH]),
        },
        install=spec.install,
        production=prune.command if (prune := prune_of(spec)) else None,
        run_preparation=[install] if install else [],
    )


def _is_berry(spec: BuildSpec) -> bool:
    version = (spec.package_manager_version or "1").lstrip("v")
    return spec.package_manager == "yarn" and version.partition(".")[0] != "1"


@dataclass(frozen=True, slots=True)
class Prune:
    """How development packages go: ``words`` take them away; where that fails, ``command``
    installs everything again."""

    words: str
    command: str


def prune_of(spec: BuildSpec) -> Prune | None:
    """How a Node server gets rid of them; None where that cannot be done, or it needs them.

    Only after an install command of the package manager's own: what another one did is unknown.
    """
    manager = spec.package_manager or "npm"
    words = (spec.install or "").split()
    if spec.node is None or spec.needs_development or words[:1] != [manager]:
        return None
    frozen = " --frozen-lockfile" if "--frozen-lockfile" in words else ""
    prune = {
        "npm": "npm prune --omit=dev --ignore-scripts",
        "pnpm": f"pnpm install --prod --prefer-offline --ignore-scripts{frozen}",
        "yarn": f"yarn install --production --prefer-offline --ignore-scripts{frozen}",
        "bun": f"rm -rf node_modules && bun install --production{frozen}",
    }.get(manager)
    if _is_berry(spec):
        prune = "yarn workspaces focus --all --production"
    if prune is None:
        return None
    told = "Development packages cannot be taken away: all are installed again and stay."
    return Prune(prune, f"{{ {prune}; }} || {{ echo {shlex.quote(told)}; {spec.install}\n}}")


def _python(spec: BuildSpec) -> Recipe:
    manager = spec.package_manager or "pip"
    shims = [manager] if manager in {"uv", "poetry", "pipenv"} and _mentions(spec, manager) else []
    return Recipe(
        settings={
            "CI": "true",
            **PYTHON_SETTINGS,
            "VIRTUAL_ENV": VENV,
            "UV_PROJECT_ENVIRONMENT": VENV,
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_LINK_MODE": "copy",
            "UV_COMPILE_BYTECODE": "1",
        },
        run_settings={
            "VIRTUAL_ENV": VENV,
            "PYTHONUNBUFFERED": "1",
            "HOST": "0.0.0.0",  # noqa: S104
            **_PYTHON_HOSTS,
            "PATH": f"{VENV}/bin:{_SYSTEM_PATH}",
        },
        install=without_development(spec),
        path=[f"{VENV}/bin"],
        preparation=[["python", "-m", "venv", VENV]],
        copies=[(VENV, VENV)],
        run_preparation=[_shim(name) for name in shims],
    )


def without_development(spec: BuildSpec) -> str | None:
    """A Python server's install command, so that it brings no development packages."""
    install = spec.install
    if install and install.startswith("uv sync") and not _UV_GROUPS.search(install):
        return f"{install} --no-dev"
    if install and install.startswith("poetry install") and not _POETRY_GROUPS.search(install):
        return f"{install} --only main"
    return install


def _shim(name: str) -> list[str]:
    script = 'printf "%s" "$1" > "$2" && chmod 755 "$2"'
    return ["/bin/sh", "-c", script, "sh", _SHIM, f"/usr/local/bin/{name}"]


def _go(spec: BuildSpec) -> Recipe:
    return Recipe(
        # One file that needs no library: what it is built with stays behind.
        settings={"CI": "true", "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"},
        run_settings={"HOST": "0.0.0.0", "ZONEINFO": "/zoneinfo.zip"},  # noqa: S104
        install=spec.install,
        path=["/usr/local/go/bin", "/go/bin"],
        copies=[(_CERTIFICATES, _CERTIFICATES), (_ZONES, "/zoneinfo.zip")],
    )
