"""Builds in containers: an executor over ``buildah``, ``podman`` or ``docker``.

``executor`` goes through the stages of the generated Dockerfile, ``own`` builds that of a user,
``shipping`` brings a server's image into the ``registry``. ``engines`` knows the programs,
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
from infrastructure.local.runner.containers.registry import Registry, WrongRegistry

__all__ = [
    "LAYERS",
    "ContainerExecutor",
    "Engine",
    "ImageToolchains",
    "Registry",
    "WrongRegistry",
    "find_engine",
    "make",
]


def make(
    folder: Path,
    engine: str | None = None,
    marker: str = "",
    *,
    allow_chroot: bool = True,
    registry: str | None = None,
) -> ContainerExecutor:
    """The executor of this machine; ``engine`` names a program instead of the first one found.

    ``registry`` is the address of the one that images of servers go to.
    """
    found = find_engine(engine)
    return ContainerExecutor(
        folder,
        found,
        marker=marker,
        allow_chroot=allow_chroot,
        push_to=Registry.parse(registry) if registry else None,
    )
