"""What a runner is set up with: where its state lies, and how it builds. Told to each keeper."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from infrastructure.local.runner.executor import CacheMount, Executor, Toolchains
from infrastructure.local.runner.toolchains import caches
from shared.builders.port import BuildJob

VARIABLE = "ASTROCLOUD_RUNNER_SETUP"
CACHE_BYTES = 4 * 1024**3
"""Most that the caches of one project may hold."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The daemon's command line, as the keepers need it."""

    state: str
    toolchains: str
    executor: str = "sandbox"
    engine: str | None = None
    is_local: bool = False
    registry: str | None = None

    @classmethod
    def from_environment(cls) -> "Setup":
        """The set-up that the daemon gave."""
        return cls(**json.loads(os.environ[VARIABLE]))

    def environment(self) -> dict[str, str]:
        """For a keeper: ours, and this."""
        return {**os.environ, VARIABLE: json.dumps(asdict(self))}

    @property
    def runs(self) -> Path:
        return Path(self.state, "runs")

    @property
    def caches(self) -> Path:
        return Path(self.state, "caches")

    @property
    def bundles(self) -> Path:
        return Path(self.state, "bundles")

    @property
    def parts_module(self) -> str:
        """What ``parts`` imports."""
        name = "containers" if self.executor == "containers" else "sandbox"
        return f"infrastructure.local.runner.{name}"

    def parts(self, marker: str) -> tuple[Toolchains, Executor]:
        """What prepares tools, and what runs the commands."""
        if self.executor == "containers":
            from infrastructure.local.runner import containers

            made = containers.make(
                Path(self.state, "containers"),
                self.engine,
                marker,
                allow_chroot=self.is_local,
                registry=self.registry,
            )
            return containers.ImageToolchains(), made
        from infrastructure.local.runner.sandbox import Sandbox
        from infrastructure.local.runner.toolchains import Installed

        sandbox = Sandbox(marker, allow_bare=self.is_local, bundles=self.bundles)
        return Installed(Path(self.toolchains)), sandbox

    def mounts(self, job: BuildJob) -> tuple[CacheMount, ...]:
        """The caches that a job may use."""
        own: tuple[str, ...] = ()
        if self.executor == "containers":
            from infrastructure.local.runner.containers import LAYERS

            own = (LAYERS,)
        return caches.mounts(job, self.caches, own=own)

    def trim(self, job_cache: str) -> None:
        """Hold the caches of a job's project within their bound."""
        project = job_cache.partition("/")[0]
        if project:
            caches.trim(self.caches / project, CACHE_BYTES)
