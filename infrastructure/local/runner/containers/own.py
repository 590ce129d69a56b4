"""Builds a user's own Dockerfile as it is, with the app's root as its context.

It is read before the engine reads it; images that it stands on are fetched by name, and an engine
fetches no other. Variables come as secret mounts, and plain ones as values of its ``ARG``, too.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from infrastructure.local.runner.containers.context import CONTEXT
from infrastructure.local.runner.containers.engines import Step
from infrastructure.local.runner.containers.images import BaseImages
from infrastructure.local.runner.containers.registry import Registry
from infrastructure.local.runner.containers.steps import IMAGE_TAG, EngineFailed, Steps
from infrastructure.local.runner.executor import ToolsUnavailable, Work
from shared.builders.dockerfiles import DockerfileRefused, OwnDockerfile, read_dockerfile
from shared.builders.dockerfiles.own import MOST_BYTES
from shared.detection.tree import FolderTree, join

_SECRETS = "secrets"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
# What the kernel takes as one argument, with room for the name.
_LONGEST_ARGUMENT = 100_000
# Images of many projects are kept for all of them; all others go with the project's layers.
_SHARED = re.compile(r"docker\.io/library/(?:node|python|golang|debian|alpine|ubuntu):[\w.-]+")
_OF_THE_ENGINE = re.compile(r"layer not known|corrupt|overlay|storage", re.IGNORECASE)
_NOT_RESOLVED = re.compile(r"failed to resolve source metadata for (\S+?):? |pull access denied")


class BaseImageUnavailable(Exception):
    """An image that a Dockerfile stands on cannot be fetched; says which and why."""


@dataclass(frozen=True, slots=True)
class OwnBuild:
    """A Dockerfile that was read: where it and its context lie, seen from the scratch folder."""

    file: str
    context: str
    name: str
    found: OwnDockerfile


def read_own(work: Work, registry: Registry, *, may_cache: bool) -> OwnBuild:
    """Read and check the Dockerfile of a job; raises DockerfileRefused."""
    spec = work.job.spec
    name = spec.dockerfile or "Dockerfile"
    root, path = join("", spec.root), join(spec.root, name)
    if root is None or path is None or not _is_inside(work.source, path, root):
        raise DockerfileRefused(
            f"There is no file {name[:200]} in the app's folder {spec.root or '.'}."
            " Next: set dockerfile to where it is, seen from that folder."
        )
    text = FolderTree(work.source).read(path, MOST_BYTES + 1).decode("utf-8", "replace")
    found = read_dockerfile(text, name, target=spec.target, arguments={**work.job.environment})
    for image in found.images:
        if registry.is_of_another(image, work.job.image):
            raise DockerfileRefused(
                f"{name} stands on {image[:200]}, which is an image of another project."
                " Next: use an image of a public registry."
            )
    if found.has_caches and not may_cache:
        raise DockerfileRefused(
            f"{name} mounts a cache, which this builder would share between projects."
            " Next: leave --mount=type=cache out."
        )
    source = f"{CONTEXT}/source"
    return OwnBuild(f"{source}/{path}", f"{source}/{root}".rstrip("/"), name, found)


def _is_inside(source: Path, path: str, root: str) -> bool:
    """Whether it is a file, the root a folder, and neither is reached through a link."""
    top = source.resolve()
    file, folder = top / path, top / root
    no_link = file.resolve() == file and folder.resolve() == folder
    return no_link and file.is_file() and folder.is_dir()


async def fetch_images(own: OwnBuild, steps: Steps, images: BaseImages) -> None:
    """Bring what it stands on; raises BaseImageUnavailable. A daemon fetches by itself."""
    if steps.engine.has_daemon:
        return
    for image in own.found.images:
        full = full_name(image)
        try:
            if _SHARED.fullmatch(full):
                await images.ensure(full, steps.work.log)
                continue
        except ToolsUnavailable as error:
            raise BaseImageUnavailable(_unavailable(own.name, image, str(error))) from None
        steps.work.log.say(f"Fetching the base image {full}.")
        code, said = await steps.pull(full)
        if code:
            raise BaseImageUnavailable(_unavailable(own.name, image, said))


def full_name(image: str) -> str:
    """An image's name with its registry, so that no search list decides."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        named = image
    else:
        named = f"docker.io/{image}" if slash else f"docker.io/library/{image}"
    last = named.rpartition("/")[2]
    return named if ":" in last or "@" in last else f"{named}:latest"


def _unavailable(name: str, image: str, said: str) -> str:
    return (
        f"The image {image[:200]}, which {name} stands on, cannot be fetched: {said[:500]}"
        " Next: check its name and tag, and that it can be pulled without signing in."
    )


async def build_own(own: OwnBuild, steps: Steps, reference: str, *, fresh: bool) -> int:
    """Build it; the exit code of the command that failed.

    Raises DockerfileRefused, BaseImageUnavailable, EngineFailed and BoundBroken.
    """
    work = steps.work
    folder = work.scratch / _SECRETS
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        step = Step(
            store=steps.store,
            target=work.job.spec.target,
            arguments=_arguments(work, own),
            tag=IMAGE_TAG,
            memory_bytes=work.job.bounds.memory_bytes,
            processes=work.job.bounds.processes,
            file=own.file,
            context=own.context,
            secrets=_secrets(steps),
            quiet=False,
            fresh=fresh,
            is_image=True,
        )
        return await steps.run(steps.pushing(step, reference), work.log.write)
    except EngineFailed as failed:
        raise _explained(own, work, failed) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _arguments(work: Work, own: OwnBuild) -> dict[str, str]:
    return {
        name: value
        for name, value in work.job.environment.items()
        if name in own.found.arguments and len(value.encode()) < _LONGEST_ARGUMENT
    }


def _secrets(steps: Steps) -> list[tuple[str, str]]:
    job, found = steps.work.job, []
    for name, value in {**job.environment, **job.secrets}.items():
        if _NAME.fullmatch(name):
            path = f"{_SECRETS}/{name}"
            steps.write_secret(path, value.encode())
            found.append((name, path))
    return found


def _explained(own: OwnBuild, work: Work, failed: EngineFailed) -> Exception:
    """Whose fault it was: an instruction's, a base image's or the engine's own."""
    said = str(failed).replace(str(work.scratch), "").replace(f"/{own.context}", "")
    if _NOT_RESOLVED.search(said):
        image = own.found.images[0] if len(own.found.images) == 1 else "one of its images"
        return BaseImageUnavailable(_unavailable(own.name, image, said))
    is_full = "no space left" in said.lower()
    is_step = "STEP" in said or "dockerfile" in said.lower() or "instruction" in said.lower()
    if is_full or not is_step or _OF_THE_ENGINE.search(said):
        return EngineFailed(said)
    return DockerfileRefused(f"{own.name} cannot be built: {said}. Next: correct this instruction.")
