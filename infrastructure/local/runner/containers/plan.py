"""What is built: a Dockerfile, what it stands on, and the stages that are gone through.

One function a way to come to a Dockerfile; the executor does the same with any plan.
"""

import hashlib
from dataclasses import dataclass

from infrastructure.local.runner.containers.context import manifests_of
from infrastructure.local.runner.containers.engines import Engine
from infrastructure.local.runner.executor import Work
from shared.builders.dockerfiles import CacheFolder, base_image, static_dockerfile
from shared.builders.dockerfiles.images import REGISTRY, manager_install
from shared.builders.dockerfiles.static import BUILD, IGNORE, INSTALL, TOOLS
from shared.builders.port import Phase

LAYERS = "layers"


@dataclass(frozen=True, slots=True)
class Plan:
    """``preparation`` is the stage before any command of the project; phases come after it."""

    dockerfile: str
    base_images: tuple[str, ...]
    manifests: tuple[str, ...]
    preparation: str
    phases: tuple[tuple[Phase, str], ...]
    tools: str


def plan_of(work: Work, engine: Engine, registry: str = REGISTRY) -> Plan:
    """The plan of a static project; raises SpecNotSupported."""
    spec = work.job.spec
    manifests = manifests_of(work.source, spec)
    caches = _caches(work) if engine.has_daemon else ()
    commands: tuple[tuple[Phase, str, str | None], ...] = (
        ("ignore", IGNORE, spec.ignore),
        ("install", INSTALL, spec.install),
        ("build", BUILD, spec.build),
    )
    image, manager = base_image(spec, registry), manager_install(spec)
    return Plan(
        dockerfile=static_dockerfile(
            spec, manifests=bool(manifests), caches=caches, registry=registry
        ),
        base_images=(image,),
        manifests=manifests,
        preparation=TOOLS,
        phases=tuple((phase, stage) for phase, stage, command in commands if command),
        tools=f"{image} and {manager[-1]}" if manager else image,
    )


def _caches(work: Work) -> tuple[CacheFolder, ...]:
    """Caches that a daemon keeps: named by project and trust scope, which nobody can guess at.

    Only the keeper's own folders are unknown to it, so it keeps its own.
    """
    scope = hashlib.sha256(work.job.cache.encode()).hexdigest()[:32]
    return tuple(
        CacheFolder(f"{scope}-{cache.name}", cache.target)
        for cache in work.caches
        if cache.name != LAYERS
    )
