"""Builds in containers: an executor over ``buildah``, ``podman`` or ``docker``.

``executor`` goes through the stages of the generated Dockerfile, ``engines`` knows the programs,
``process`` runs one so that it never outlives us, ``bounds`` and ``groups`` watch what it uses,
``output`` tells its own words from those of the commands, ``images`` keeps base images and
``context`` lays out the files that a build sees.
"""

from pathlib import Path

from infrastructure.local.runner.containers.engines import Engine, find_engine
from infrastructure.local.runner.containers.executor import (
    LAYERS,
    ContainerExecutor,
    ImageToolchains,
)

__all__ = ["LAYERS", "ContainerExecutor", "Engine", "ImageToolchains", "find_engine", "make"]


def make(
    folder: Path, engine: str | None = None, marker: str = "", *, allow_chroot: bool = True
) -> ContainerExecutor:
    """The executor of this machine; ``engine`` names a program instead of the first one found."""
    found = find_engine(engine)
    return ContainerExecutor(folder, found, marker=marker, allow_chroot=allow_chroot)
