"""What the Dockerfiles of static projects and of servers have in common: the stages in which the
commands of a project run.

Whoever builds it chooses a stage (``--target``), so which phase failed is known without reading
what commands print. Its context is a folder with ``source/`` and, where the install command needs
no more, ``manifests/``: the text names no file of the source, and a ``.dockerignore`` or
``Dockerfile`` of the project lies where no engine looks for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.builders.dockerfiles.errors import SpecNotSupported
from shared.builders.dockerfiles.images import manager_install
from shared.builders.dockerfiles.syntax import run
from shared.detection.build_spec import BuildSpec
from shared.detection.tree import join

# Stages, in this order; the last one of a Dockerfile has no name.
TOOLS, IGNORE, INSTALL, BUILD = "tools", "ignore", "install", "build"
SOURCE = "/app"
# The secret with ``variables.variables_file``.
VARIABLES = "variables"
# Arguments: with another value nothing is taken from the engine's cache from there on.
INPUTS_ARGUMENT, RUN_ARGUMENT = "ASTROCLOUD_INPUTS", "ASTROCLOUD_STEP"
HEAD = "# Made from the build spec; built without any file of the project being obeyed.\n"

# Standard output joins standard error: quiet engines show the second alone.
_COMMAND = f'set -e; . /run/secrets/{VARIABLES}; cd "$1"; /bin/sh -c "$2" 1>&2 || exit $?'
_COPY = f"COPY source/ {SOURCE}/"
_MARKS = str.maketrans("", "", "._@-")


@dataclass(frozen=True, slots=True)
class CacheFolder:
    """A cache that the engine keeps: ``id`` has to hold project and trust scope.

    ``target`` is absolute, or seen from the top of the source: then the build command alone has it.
    """

    id: str
    target: str


def command_stages(
    spec: BuildSpec,
    *,
    image: str,
    settings: Mapping[str, str],
    install: str | None,
    path: Sequence[str] = (),
    preparation: Sequence[Sequence[str]] = (),
    manifests: bool = False,
    caches: Sequence[CacheFolder] = (),
) -> list[list[str]]:
    """The stages ``tools`` to ``build``, as lines; ``preparation`` are commands of ours.

    ``path`` holds folders of programs that the commands find before all others.
    With ``manifests`` the context has that folder, and the rest of the source comes after the
    install command.
    """
    has_manifests = manifests and install is not None
    manager = manager_install(spec)
    tools = [
        f"FROM {image} AS {TOOLS}",
        environment_line(settings),
        *([run(manager)] if manager else []),
        *(run(words) for words in preparation),
    ]
    stages = [
        tools,
        [
            f"FROM {TOOLS} AS {INSTALL}",
            f"ARG {INPUTS_ARGUMENT}",
            f"COPY manifests/ {SOURCE}/" if has_manifests else _COPY,
            *command(install, spec.install_directory, _absolute(caches), path=path, fresh=False),
        ],
        [
            f"FROM {INSTALL} AS {BUILD}",
            *([_COPY] if has_manifests else []),
            *command(spec.build, spec.root, caches, path=path),
        ],
    ]
    if spec.ignore is not None:
        ignore = command(spec.ignore, spec.root, caches, path=path)
        stages.insert(1, [f"FROM {TOOLS} AS {IGNORE}", _COPY, *ignore])
    return stages


def written(stages: Sequence[Sequence[str]]) -> str:
    """The text of all stages."""
    return HEAD + "\n\n".join("\n".join(lines) for lines in stages) + "\n"


def environment_line(settings: Mapping[str, str]) -> str:
    """``ENV`` with values of ours."""
    return "ENV " + " ".join(f'{name}="{value}"' for name, value in settings.items())


def command(
    text: str | None,
    folder: str,
    caches: Sequence[CacheFolder],
    *,
    path: Sequence[str] = (),
    fresh: bool = True,
) -> list[str]:
    """A command of the project; a ``fresh`` one is run each time, whatever was run before."""
    if text is None:
        return []
    words = ["/bin/sh", "-c", _COMMAND, "sh", place(folder), text]
    if path:
        words[2] = _COMMAND.replace("cd ", f'PATH="{":".join(path)}:$PATH"; cd ', 1)
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


def place(folder: str) -> str:
    """Where a folder of the source lies; raises SpecNotSupported for one that is outside."""
    inner = join("", folder)
    if inner is None:
        raise SpecNotSupported(f"The folder {folder[:80]!r} leads out of the source.")
    return f"{SOURCE}/{inner}".rstrip("/")
