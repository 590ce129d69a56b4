"""The Dockerfile of a static project: one stage a phase, the last one holds nothing but the output.

Whoever builds it chooses a stage (``--target``), so which phase failed is known without reading
what commands print. Its context is a folder with ``source/`` and, where the install command needs
no more, ``manifests/``: the text names no file of the source, and a ``.dockerignore`` or
``Dockerfile`` of the project lies where no engine looks for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.builders.dockerfiles.errors import SpecNotSupported
from shared.builders.dockerfiles.images import REGISTRY, base_image, is_python, manager_install
from shared.builders.dockerfiles.syntax import run
from shared.detection.build_spec import BuildSpec
from shared.detection.tree import join

# Stages, in this order; the last one has no name.
TOOLS, IGNORE, INSTALL, BUILD, OUTPUT = "tools", "ignore", "install", "build", "output"
SOURCE = "/app"
# The secret with ``variables.variables_file``.
VARIABLES = "variables"
# Arguments: with another value nothing is taken from the engine's cache from there on.
INPUTS_ARGUMENT, RUN_ARGUMENT = "ASTROCLOUD_INPUTS", "ASTROCLOUD_STEP"
# How the stage ``output`` ends where there is nothing to publish.
OUTPUT_MISSING, OUTPUT_NO_FOLDER, OUTPUT_LINK = 41, 42, 43

# Standard output joins standard error: quiet engines show the second alone.
_COMMAND = f'set -e; . /run/secrets/{VARIABLES}; cd "$1"; /bin/sh -c "$2" 1>&2 || exit $?'
_COLLECT = (
    f'set -e; [ -e "$1" ] || [ -L "$1" ] || exit {OUTPUT_MISSING};'
    f' [ -d "$1" ] || exit {OUTPUT_NO_FOLDER};'
    f' [ "$(cd -P "$1" && pwd -P)" = "$1" ] || exit {OUTPUT_LINK};'
    ' cd /; mv "$1" /output'
)
_NODE_SETTINGS = {
    "NPM_CONFIG_AUDIT": "false",
    "NPM_CONFIG_FUND": "false",
    "NPM_CONFIG_UPDATE_NOTIFIER": "false",
}
_PYTHON_SETTINGS = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "POETRY_VIRTUALENVS_IN_PROJECT": "true",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True, slots=True)
class CacheFolder:
    """A cache that the engine keeps: ``id`` has to hold project and trust scope.

    ``target`` is absolute, or seen from the top of the source: then the build command alone has it.
    """

    id: str
    target: str


def static_dockerfile(
    spec: BuildSpec,
    *,
    manifests: bool = False,
    caches: Sequence[CacheFolder] = (),
    registry: str = REGISTRY,
) -> str:
    """The whole text; the same for the same values.

    With ``manifests`` the context has that folder, and the rest of the source comes after the
    install command.
    """
    if spec.kind != "static" or spec.output is None:
        raise SpecNotSupported(
            "Only a static project with an output folder is built like this."
            ' Next: set output, and kind = "static".'
        )
    has_manifests = manifests and spec.install is not None
    copy = f"COPY source/ {SOURCE}/"
    stages = [
        _tools(spec, registry),
        [f"FROM {TOOLS} AS {IGNORE}", copy, *_command(spec.ignore, spec.root, caches)],
        [
            f"FROM {TOOLS} AS {INSTALL}",
            f"ARG {INPUTS_ARGUMENT}",
            f"COPY manifests/ {SOURCE}/" if has_manifests else copy,
            *_command(spec.install, spec.install_directory, _absolute(caches), fresh=False),
        ],
        [
            f"FROM {INSTALL} AS {BUILD}",
            *([copy] if has_manifests else []),
            *_command(spec.build, spec.root, caches),
        ],
        [f"FROM {BUILD} AS {OUTPUT}", run(["/bin/sh", "-c", _COLLECT, "sh", _output(spec)])],
        ["FROM scratch", f"COPY --from={OUTPUT} /output/ /"],
    ]
    if spec.ignore is None:
        del stages[1]
    head = "# Made from the build spec; built without any file of the project being obeyed.\n"
    return head + "\n\n".join("\n".join(lines) for lines in stages) + "\n"


def _tools(spec: BuildSpec, registry: str) -> list[str]:
    settings = {"CI": "true"}
    if spec.node is not None:
        settings |= _NODE_SETTINGS
    elif is_python(spec):
        settings |= _PYTHON_SETTINGS
    install = manager_install(spec)
    return [
        f"FROM {base_image(spec, registry)} AS {TOOLS}",
        "ENV " + " ".join(f'{name}="{value}"' for name, value in settings.items()),
        *([run(install)] if install else []),
    ]


def _command(
    command: str | None, folder: str, caches: Sequence[CacheFolder], *, fresh: bool = True
) -> list[str]:
    """A command of the project; a ``fresh`` one is run each time, whatever was run before."""
    if command is None:
        return []
    words = ["/bin/sh", "-c", _COMMAND, "sh", _place(folder), command]
    mounts = [f"type=secret,id={VARIABLES},required=true", *map(_mount, caches)]
    return [*([f"ARG {RUN_ARGUMENT}"] if fresh else []), run(words, mounts)]


def _absolute(caches: Sequence[CacheFolder]) -> list[CacheFolder]:
    """``npm ci`` removes ``node_modules``, and could not while something is mounted in it."""
    return [cache for cache in caches if cache.target.startswith("/")]


def _mount(cache: CacheFolder) -> str:
    target = cache.target if cache.target.startswith("/") else f"{SOURCE}/{cache.target}"
    if not all(_is_plain(text) for text in (cache.id, target)):
        raise SpecNotSupported(f"The cache {target[:80]!r} has a name that cannot be mounted.")
    return f"type=cache,id={cache.id},target={target},sharing=locked"


def _is_plain(text: str) -> bool:
    return text.isascii() and text.replace("/", "").translate(_MARKS).isalnum()


_MARKS = str.maketrans("", "", "._@-")


def _output(spec: BuildSpec) -> str:
    path = join(spec.root, spec.output or "")
    if path is None:
        raise SpecNotSupported("The output folder leads out of the source. Next: correct output.")
    return _place(path)


def _place(folder: str) -> str:
    inner = join("", folder)
    if inner is None:
        raise SpecNotSupported(f"The folder {folder[:80]!r} leads out of the source.")
    return f"{SOURCE}/{inner}".rstrip("/")
