"""Brings an image into the registry, and looks at what has arrived: its size and its user."""

from infrastructure.local.runner.containers.registry import (
    VARIABLE,
    Pushed,
    Registry,
    WrongRegistry,
)
from infrastructure.local.runner.containers.steps import PushFailed, Steps
from infrastructure.local.runner.executor import Built
from shared.builders.port import BuildJob, Phase
from shared.errors import Unavailable
from shared.sites.models import MIB

NO_REGISTRY = (
    "This builder has no registry to push images to, so no server can be built."
    f" Next: set {VARIABLE} to HOST[:PORT][/prefix], such as localhost:5000, and start it again."
)


def tagged(registry: Registry, job: BuildJob) -> str:
    """Where the image of a job goes; a cluster is told the digest instead."""
    return f"{registry.reference(job.image)}:{job.key}"


async def ship(steps: Steps, registry: Registry, phase: Phase | None) -> Built:
    """Push what was built, within its bound; the reference by digest."""
    work = steps.work
    work.log.say(f"Pushing the image to {registry.reference(work.job.image)}.")
    try:
        digest = await steps.push(tagged(registry, work.job), is_plain=registry.is_plain)
        pushed = await registry.describe(work.job.image, digest)
    except (PushFailed, Unavailable) as error:
        return Built(phase=phase, reason="image_not_pushed", detail=_not_pushed(registry, error))
    if pushed.bytes > work.job.bounds.image_bytes:
        return await _too_large(steps, registry, digest, pushed, phase)
    work.log.say(f"The image has {_mib(pushed.bytes)} MiB, compressed.")
    if not _is_unprivileged(pushed.user):
        work.log.say(
            f"Warning: the image runs as {pushed.user or 'root'}. A cluster that starts nothing as"
            " root needs a number: write USER 10001 at the end of the Dockerfile."
        )
    reference = f"{registry.reference(work.job.image)}@{digest}"
    return Built(image=reference, image_bytes=pushed.bytes, phase=phase, exit_code=0)


async def _too_large(
    steps: Steps, registry: Registry, digest: str, pushed: Pushed, phase: Phase | None
) -> Built:
    job = steps.work.job
    try:
        await registry.delete(job.image, digest)
    except (Unavailable, WrongRegistry) as error:
        steps.work.log.say(f"The image that is too large could not be deleted: {error}")
    return Built(
        phase=phase,
        reason="image_too_large",
        detail=f"The image has {_mib(pushed.bytes)} MiB, at most {_mib(job.bounds.image_bytes)}"
        " MiB are allowed. Next: leave out what the server does not need (packages of development,"
        " data, caches), or take a smaller base image.",
    )


def _mib(count: int) -> str:
    return f"{count / MIB:,.1f}".removesuffix(".0")


def _is_unprivileged(user: str) -> bool:
    name = user.partition(":")[0]
    return name.isdigit() and int(name) != 0


def _not_pushed(registry: Registry, error: Exception) -> str:
    return (
        f"The image could not be pushed to {registry.host}: {error}"
        " Next: check that the registry runs and has room, and that this machine may push there"
        " (docker login or podman login)."
    )
