"""What is built: a Dockerfile, what it stands on, and the stages that are gone through.

One function a way to come to a Dockerfile; the executor does the same with any plan.
"""

import hashlib
from dataclasses import dataclass

from infrastructure.local.runner.containers.context import manifests_of
from infrastructure.local.runner.containers.engines import Engine
from infrastructure.local.runner.executor import Work
from shared.builders.dockerfiles import (
    CacheFolder,
    base_image,
    build_image,
    package_scripts,
    run_image,
    server_dockerfile,
    static_dockerfile,
)
from shared.builders.dockerfiles.images import REGISTRY, manager_install
from shared.builders.dockerfiles.languages import recipe_of
from shared.builders.dockerfiles.server import PRODUCTION, ignore_dockerfile
from shared.builders.dockerfiles.stages import BUILD, IGNORE, INSTALL, TOOLS
from shared.builders.port import Phase
from shared.detection.tree import FolderTree, Source

LAYERS = "layers"


@dataclass(frozen=True, slots=True)
class Planned:
    """A command of the project, and the stage that runs it."""

    phase: Phase
    stage: str
    command: str


@dataclass(frozen=True, slots=True)
class Plan:
    """``preparation`` is the stage before any command of the project; phases come after it.

    ``finish`` is a stage of ours after them, where there is one. ``is_own``: then comes the
    Dockerfile of the user, and what stands here is at most about the ignore command.
    """

    dockerfile: str
    base_images: tuple[str, ...]
    manifests: tuple[str, ...]
    preparation: str | None
    phases: tuple[Planned, ...]
    tools: str
    finish: str | None = None
    is_own: bool = False


def plan_of(work: Work, engine: Engine, registry: str = REGISTRY) -> Plan:
    """The plan of a job; raises SpecNotSupported."""
    if work.job.spec.kind == "static":
        return _static(work, engine, registry)
    if work.job.spec.dockerfile is not None:
        return _own(work, registry)
    return _server(work, engine, registry)


def _static(work: Work, engine: Engine, registry: str) -> Plan:
    spec = work.job.spec
    manifests = manifests_of(work.source, spec)
    image = base_image(spec, registry)
    return Plan(
        dockerfile=static_dockerfile(
            spec, manifests=bool(manifests), caches=_caches(work, engine), registry=registry
        ),
        base_images=(image,),
        manifests=manifests,
        preparation=TOOLS,
        phases=_phases(work, spec.install),
        tools=_tools(work, image),
    )


def _server(work: Work, engine: Engine, registry: str) -> Plan:
    spec = work.job.spec
    manifests = manifests_of(work.source, spec)
    images = dict.fromkeys((build_image(spec, registry), run_image(spec, registry)))
    return Plan(
        dockerfile=server_dockerfile(
            spec,
            manifests=bool(manifests),
            caches=_caches(work, engine),
            registry=registry,
            scripts=package_scripts(Source(FolderTree(work.source)), spec.root),
        ),
        base_images=tuple(images),
        manifests=manifests,
        preparation=TOOLS,
        phases=_phases(work, recipe_of(spec).install),
        tools=_tools(work, next(iter(images))),
        finish=PRODUCTION,
    )


def _own(work: Work, registry: str) -> Plan:
    """The ignore command decides before anything else, here too, and has nothing but a shell."""
    spec = work.job.spec
    has_ignore = spec.ignore is not None
    image = run_image(spec.model_copy(update={"go": "", "node": None}), registry)
    return Plan(
        dockerfile=ignore_dockerfile(spec, registry) if has_ignore else "",
        base_images=(image,) if has_ignore else (),
        manifests=(),
        preparation=TOOLS if has_ignore else None,
        phases=(Planned("ignore", IGNORE, spec.ignore),) if spec.ignore is not None else (),
        tools=image,
        is_own=True,
    )


def _phases(work: Work, install: str | None) -> tuple[Planned, ...]:
    spec = work.job.spec
    commands: tuple[tuple[Phase, str, str | None], ...] = (
        ("ignore", IGNORE, spec.ignore),
        ("install", INSTALL, install),
        ("build", BUILD, spec.build),
    )
    return tuple(Planned(phase, stage, command) for phase, stage, command in commands if command)


def _tools(work: Work, image: str) -> str:
    manager = manager_install(work.job.spec)
    return f"{image} and {manager[-1]}" if manager else image


def _caches(work: Work, engine: Engine) -> tuple[CacheFolder, ...]:
    """Caches that a daemon keeps: named by project and trust scope, which nobody can guess at.

    Only the keeper's own folders are unknown to it, so it keeps its own.
    """
    if not engine.has_daemon:
        return ()
    scope = hashlib.sha256(work.job.cache.encode()).hexdigest()[:32]
    return tuple(
        CacheFolder(f"{scope}-{cache.name}", cache.target)
        for cache in work.caches
        if cache.name != LAYERS
    )
