"""The Dockerfile of a server: built with all that its commands need, run with little of it.

The last stage has the language, a shell, the source as the build left it and the packages of
production. It runs as a user without a name in the source, and holds no variable of the build.
"""

import re
from collections.abc import Mapping, Sequence

from shared.builders.dockerfiles.errors import SpecNotSupported
from shared.builders.dockerfiles.images import REGISTRY, build_image, run_image
from shared.builders.dockerfiles.languages import Recipe, recipe_of
from shared.builders.dockerfiles.stages import (
    BUILD,
    SOURCE,
    CacheFolder,
    command,
    command_stages,
    environment_line,
    place,
    written,
)
from shared.builders.dockerfiles.start import launch, resolved
from shared.builders.dockerfiles.syntax import run, words_of
from shared.detection.build_spec import BuildSpec

PRODUCTION = "production"
USER = 10001
"""A number, so that a cluster that starts nothing as root can see that it is none."""
DEFAULT_PORT = 8080
_HOME = "/home/app"
_PLAIN = re.compile(r"[A-Za-z0-9._/@+-]+")
_MAKE_USER = (
    f"echo app:x:{USER}: >> /etc/group && echo app:x:{USER}:{USER}::{_HOME}:/bin/sh >> /etc/passwd"
    f" && mkdir -p {_HOME} {SOURCE} && chown {USER}:{USER} {_HOME} {SOURCE}"
)
_TIDY = (
    'set -e; for top in "$@"; do'
    ' rm -rf "$top/.git" "$top/node_modules/.cache" "$top/.next/cache"; done'
)
# What the server of Next.js reads lies beside it afterwards, and its file where it is looked for.
_STANDALONE = (
    'set -e; cd "$1"; all=.next/standalone; [ -d "$all" ] || exit 0;'
    ' server="$(find "$all" -name node_modules -prune -o -name server.js -print | head -n 1)";'
    ' [ -n "$server" ] || exit 0; folder="$(dirname "$server")"; mkdir -p "$folder/.next";'
    ' if [ -d .next/static ]; then cp -R .next/static "$folder/.next/"; fi;'
    ' if [ -d public ]; then cp -R public "$folder/"; fi;'
    ' if [ ! -e "$all/server.js" ]; then'
    ' printf "require(\\"./%s\\")\\n" "${server#"$all"/}" > "$all/server.js"; fi;'
    ' if [ "$2" = alone ]; then cp -R "$all" /standalone; cd /;'
    ' find "$3" -mindepth 1 -maxdepth 1 -exec rm -rf -- "{}" +;'
    ' mkdir -p "$1/.next"; mv /standalone "$1/$all"; fi'
)


def server_dockerfile(
    spec: BuildSpec,
    *,
    manifests: bool = False,
    caches: Sequence[CacheFolder] = (),
    registry: str = REGISTRY,
    scripts: Mapping[str, str] | None = None,
) -> str:
    """The whole text; the same for the same values.

    With ``manifests`` the context has that folder, and the rest of the source comes after the
    install command. ``scripts`` are those of the app's ``package.json``: what one of them starts
    is started without the package manager.
    """
    _check(spec)
    recipe = recipe_of(spec)
    stages = command_stages(
        spec,
        image=build_image(spec, registry),
        settings=recipe.settings,
        install=recipe.install,
        path=recipe.path,
        preparation=recipe.preparation,
        manifests=manifests,
        caches=caches,
    )
    return written(
        [
            *stages,
            _production(spec, recipe, caches),
            _last(spec, recipe, run_image(spec, registry), scripts or {}),
        ]
    )


def ignore_dockerfile(spec: BuildSpec, registry: str = REGISTRY) -> str:
    """Only the stages ``tools`` and ``ignore``, for an app that has a Dockerfile of its own."""
    plain = BuildSpec(
        framework=spec.framework, kind="dynamic", root=spec.root, ignore=spec.ignore, reasons={}
    )
    stages = command_stages(
        plain, image=run_image(plain, registry), settings={"CI": "true"}, install=None
    )
    return written(stages[:2])


def start_command(spec: BuildSpec, scripts: Mapping[str, str] | None = None) -> str:
    """What is started: the spec's command, or the script that it would start."""
    return resolved(spec.start or "", scripts or {})


def _check(spec: BuildSpec) -> None:
    if spec.kind != "dynamic" or not spec.start:
        raise SpecNotSupported(
            "There is no start command, so nothing would answer requests."
            " Next: set start, or name a web process in a Procfile."
        )
    for folder in (place(spec.root), place(spec.install_directory)):
        if not _PLAIN.fullmatch(folder):
            raise SpecNotSupported(
                f"The folder {folder[:80]!r} cannot be where a server is started."
                " Next: give it a name of letters, digits, hyphens, dots and underscores."
            )


def _production(spec: BuildSpec, recipe: Recipe, caches: Sequence[CacheFolder]) -> list[str]:
    is_alone = _is_standalone(spec)
    folders = list(dict.fromkeys((place(spec.root), place(spec.install_directory), SOURCE)))
    absolute = [cache for cache in caches if cache.target.startswith("/")]
    prune = None if is_alone else recipe.production
    lines = [
        f"FROM {BUILD} AS {PRODUCTION}",
        *command(prune, spec.install_directory, absolute, path=recipe.path),
        run(["/bin/sh", "-c", _TIDY, "sh", *folders]),
    ]
    if spec.framework == "nextjs":
        kind = "alone" if is_alone else "all"
        lines.append(run(["/bin/sh", "-c", _STANDALONE, "sh", place(spec.root), kind, SOURCE]))
    return lines


def _is_standalone(spec: BuildSpec) -> bool:
    """Whether what Next.js has put together is all that is ever run."""
    is_alone = not (spec.release or spec.workers or spec.schedules)
    starts_it = "node .next/standalone/" in (spec.start or "")
    return spec.framework == "nextjs" and starts_it and is_alone


def _last(spec: BuildSpec, recipe: Recipe, image: str, scripts: Mapping[str, str]) -> list[str]:
    port = spec.port or DEFAULT_PORT
    settings = {"HOME": _HOME, "PORT": str(port), **recipe.run_settings}
    return [
        f"FROM {image}",
        run(["/bin/sh", "-c", _MAKE_USER]),
        *(run(words) for words in recipe.run_preparation),
        environment_line(settings),
        *(f"COPY --from={PRODUCTION} {origin} {target}" for origin, target in recipe.copies),
        f"COPY --from={PRODUCTION} --chown={USER}:{USER} {SOURCE}/ {SOURCE}/",
        f"WORKDIR {place(spec.root)}",
        f"USER {USER}:{USER}",
        f"EXPOSE {port}",
        f"CMD {words_of(launch(start_command(spec, scripts)))}",
    ]
