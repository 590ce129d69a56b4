"""The Dockerfile of a static project: a stage a phase, the last holds nothing but the output."""

from collections.abc import Sequence

from shared.builders.dockerfiles.errors import SpecNotSupported
from shared.builders.dockerfiles.images import REGISTRY, base_image, is_python
from shared.builders.dockerfiles.stages import (
    BUILD,
    CacheFolder,
    command_stages,
    place,
    written,
)
from shared.builders.dockerfiles.syntax import run
from shared.detection.build_spec import BuildSpec
from shared.detection.tree import join

OUTPUT = "output"
# How the stage ``output`` ends where there is nothing to publish.
OUTPUT_MISSING, OUTPUT_NO_FOLDER, OUTPUT_LINK = 41, 42, 43

_COLLECT = (
    f'set -e; [ -e "$1" ] || [ -L "$1" ] || exit {OUTPUT_MISSING};'
    f' [ -d "$1" ] || exit {OUTPUT_NO_FOLDER};'
    f' [ "$(cd -P "$1" && pwd -P)" = "$1" ] || exit {OUTPUT_LINK};'
    ' cd /; mv "$1" /output'
)
NODE_SETTINGS = {
    "NPM_CONFIG_AUDIT": "false",
    "NPM_CONFIG_FUND": "false",
    "NPM_CONFIG_UPDATE_NOTIFIER": "false",
}
PYTHON_SETTINGS = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "POETRY_VIRTUALENVS_IN_PROJECT": "true",
    "PYTHONUNBUFFERED": "1",
}


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
    stages = command_stages(
        spec,
        image=base_image(spec, registry),
        settings={"CI": "true", **_language_settings(spec)},
        install=spec.install,
        manifests=manifests,
        caches=caches,
    )
    collect = run(["/bin/sh", "-c", _COLLECT, "sh", _output(spec)])
    return written(
        [
            *stages,
            [f"FROM {BUILD} AS {OUTPUT}", collect],
            ["FROM scratch", f"COPY --from={OUTPUT} /output/ /"],
        ]
    )


def _language_settings(spec: BuildSpec) -> dict[str, str]:
    if spec.node is not None:
        return NODE_SETTINGS
    return PYTHON_SETTINGS if is_python(spec) else {}


def _output(spec: BuildSpec) -> str:
    path = join(spec.root, spec.output or "")
    if path is None:
        raise SpecNotSupported("The output folder leads out of the source. Next: correct output.")
    return place(path)
