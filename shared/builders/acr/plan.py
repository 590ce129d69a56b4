"""What a run builds: a Dockerfile, what its context holds, and the steps that are gone through.

A step a phase, each builds the stage of that phase: so which phase failed is known from the step,
and not from what commands print.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.builders.acr import names
from shared.builders.dockerfiles import (
    DockerfileRefused,
    OwnDockerfile,
    manifest_files,
    package_scripts,
    read_dockerfile,
    server_dockerfile,
    static_dockerfile,
)
from shared.builders.dockerfiles.images import REGISTRY
from shared.builders.dockerfiles.languages import recipe_of
from shared.builders.dockerfiles.server import ignore_dockerfile
from shared.builders.dockerfiles.stages import BUILD, IGNORE, INSTALL, TOOLS
from shared.builders.dockerfiles.static import OUTPUT
from shared.builders.port import BuildJob
from shared.detection.build_spec import BuildSpec
from shared.detection.tree import Source, join

FINISH, PUSH, KEEP = "finish", "push", "keep"
CONTEXT = "context"
OWN_FILE = "Dockerfile.own"
_TAG = "run"
_LAYERS = "install"
_PLAIN = re.compile(r"(?:[A-Za-z0-9_.@+][A-Za-z0-9._/@+-]*)?")
IGNORED_CODE = 77
"""How the step of an ignore command fails that says that nothing is to be built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: builds a stage, or pushes an image."""

    id: str
    target: str | None = None
    tag: str | None = None
    context: str = CONTEXT
    push: str | None = None
    cache_from: str | None = None
    keeps_layers: bool = False
    is_optional: bool = False
    arguments: Mapping[str, str] = field(default_factory=dict)
    has_own_file: bool = False
    is_fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``commands`` are what the phases run, by their step; the image is what the last one leaves.

    ``own_dockerfile`` is a user's own one, beside ours.
    """

    dockerfile: str
    manifests: tuple[str, ...]
    steps: tuple[Step, ...]
    commands: Mapping[str, str]
    image: str
    is_fresh: bool
    own_dockerfile: str | None = None
    is_own: bool = False


def plan_of(job: BuildJob, source: Source, login_server: str, registry: str = REGISTRY) -> Plan:
    """The plan of a job; raises SpecNotSupported or DockerfileRefused."""
    if job.spec.dockerfile is not None:
        return _own(job, source, login_server, registry)
    spec = job.spec
    manifests = manifest_files(source, spec)
    if any(name.startswith("node_modules/") for name in source.names):
        manifests = ()  # What came along would be laid over what was installed.
    install = recipe_of(spec).install if spec.kind == "dynamic" else spec.install
    commands = {
        phase: text
        for phase, text in ((IGNORE, spec.ignore), (INSTALL, install), (BUILD, spec.build))
        if text
    }
    obeyed = _with_ignored_code(spec)
    if spec.kind == "static":
        text = static_dockerfile(obeyed, manifests=bool(manifests), registry=registry)
        image, target = f"{names.output_repository(job.key)}:{_TAG}", OUTPUT
    else:
        scripts = package_scripts(source, spec.root)
        text = server_dockerfile(
            obeyed, manifests=bool(manifests), registry=registry, scripts=scripts
        )
        image, target = f"{job.image}:{job.key}", None
    full = f"{login_server}/{image}"
    return Plan(
        dockerfile=text,
        manifests=manifests,
        steps=(*_steps(job, commands, login_server, target), *_last(full)),
        commands=commands,
        image=full,
        is_fresh=job.fresh,
    )


def _steps(
    job: BuildJob, commands: Mapping[str, str], login_server: str, last: str | None
) -> list[Step]:
    """The stages before the image; layers of an install are kept for the next run."""
    kept = f"{login_server}/{names.cache_repository(job.cache)}:{_LAYERS}" if job.cache else None
    read = None if job.fresh else kept
    steps = [Step(id=TOOLS, target=TOOLS)]
    for phase in commands:
        has_layers = phase == INSTALL and kept is not None
        steps.append(
            Step(
                id=phase,
                target=phase,
                tag=kept if has_layers else None,
                cache_from=read if has_layers else None,
                keeps_layers=has_layers,
            )
        )
        if has_layers:
            steps.append(Step(id=KEEP, push=kept, is_optional=True))
    if last is not None:
        steps.append(Step(id=last, target=last))
    return steps


def _last(image: str) -> tuple[Step, Step]:
    return Step(id=FINISH, tag=image), Step(id=PUSH, push=image)


def _with_ignored_code(spec: BuildSpec) -> BuildSpec:
    """An ignore command that ends with 0 has to end the task, which only a failure does."""
    if spec.ignore is None:
        return spec
    words = f"if /bin/sh -c {shlex.quote(spec.ignore)}; then exit {IGNORED_CODE}; fi"
    return spec.model_copy(update={"ignore": words})


def _own(job: BuildJob, source: Source, login_server: str, registry: str) -> Plan:
    """A Dockerfile of the user's own, as it is; an ignore command is asked before, in another."""
    spec = job.spec
    text, own = _read_own(job, source, login_server)
    image = f"{login_server}/{job.image}:{job.key}"
    steps = [
        Step(
            id=BUILD,
            target=spec.target,
            tag=image,
            context=f"{CONTEXT}/source/{join('', spec.root) or ''}".rstrip("/"),
            arguments=_arguments(job, own),
            has_own_file=True,
            is_fresh=job.fresh,
        ),
        Step(id=PUSH, push=image),
    ]
    commands = {BUILD: f"docker build --file {spec.dockerfile}"}
    first = ""
    if spec.ignore is not None:
        first = ignore_dockerfile(_with_ignored_code(spec), registry)
        steps.insert(0, Step(id=IGNORE, target=IGNORE))
        commands = {IGNORE: spec.ignore, **commands}
    return Plan(
        dockerfile=first,
        own_dockerfile=text,
        manifests=(),
        steps=tuple(steps),
        commands=commands,
        image=image,
        is_fresh=job.fresh,
        is_own=True,
    )


def _read_own(job: BuildJob, source: Source, login_server: str) -> tuple[str, OwnDockerfile]:
    """Its text, checked: what takes a step apart sees names and folders as words of a shell."""
    spec = job.spec
    name = spec.dockerfile or "Dockerfile"
    path = join(spec.root, name)
    text = source.text(path) if path else None
    if text is None:
        raise DockerfileRefused(
            f"There is no file {name[:200]} in the app's folder {spec.root or '.'}."
            " Next: set dockerfile to where it is, seen from that folder."
        )
    own = read_dockerfile(text, name, target=spec.target, arguments={**job.environment})
    for image in own.images:
        if _is_ours(image, login_server):
            # Whoever builds is signed in to this registry.
            raise DockerfileRefused(
                f"{name} stands on {image[:200]}, which is an image of the platform's own registry."
                " Next: use an image of a public registry."
            )
    if not _PLAIN.fullmatch(spec.root) or not _PLAIN.fullmatch(spec.target or ""):
        raise DockerfileRefused(
            f"The folder {spec.root[:80]!r} or the target {(spec.target or '')[:80]!r} cannot be"
            " built. Next: give it a name of letters, digits, hyphens, dots and underscores."
        )
    return text, own


def _is_ours(image: str, login_server: str) -> bool:
    """Whether an image lies in the registry, by whichever of its names."""
    host = image.partition("/")[0].lower()
    own = login_server.lower()
    return host == own or host.startswith(f"{own.partition('.')[0]}.")


def _arguments(job: BuildJob, own: OwnDockerfile) -> dict[str, str]:
    """Plain variables that the Dockerfile asks for by ``ARG``: they stand in the image's history.

    One with white space could be read as another word by what takes the step apart: it is left to
    the file of variables.
    """
    return {
        name: value
        for name, value in sorted(job.environment.items())
        if name in own.arguments and value.isprintable() and not re.search(r"\s", value)
    }
