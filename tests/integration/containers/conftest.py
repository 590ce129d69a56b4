"""Real engines and a registry with base images; what the machine lacks is skipped, and said."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infrastructure.local.runner.containers import (
    LAYERS,
    ContainerExecutor,
    Engine,
    find_engine,
)
from infrastructure.local.runner.executor import (
    Built,
    CacheMount,
    LogTooLarge,
    Tools,
    ToolsUnavailable,
    Work,
)
from shared.builders.port import BuildJob, Phase
from shared.detection.build_spec import BuildSpec


@dataclass(slots=True)
class Log:
    """Keeps what a run says; ``most`` bounds it as the runner's own log does."""

    most: int = 1_000_000
    data: bytearray = field(default_factory=bytearray)
    said: list[str] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)

    def write(self, data: bytes, stream: str = "stdout") -> None:
        self.data += data
        if len(self.data) > self.most:
            raise LogTooLarge

    def say(self, text: str) -> None:
        self.said.append(text)

    def begin(self, phase: Phase) -> None:
        self.phases.append(phase)

    @property
    def text(self) -> str:
        return self.data.decode()


@dataclass(slots=True)
class Bench:
    """Builds projects with one engine, each in a folder of its own."""

    executor: ContainerExecutor
    folder: Path
    runs: int = 0

    def work(self, files: dict[str, str], **values: Any) -> Work:
        """A plain project with Node, unless said otherwise."""
        self.runs += 1
        top = self.folder / f"run-{self.runs}"
        source, scratch = top / "source", top / "scratch"
        scratch.mkdir(parents=True)
        for name, content in {"index.html": "<p>hello</p>", **files}.items():
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        caches = values.pop("caches", ())
        about = {
            key: values.pop(key)
            for key in ("environment", "secrets", "bounds", "cache", "fresh", "key", "image")
            if key in values
        }
        spec = {
            "framework": "build", "kind": "static", "node": "22", "package_manager": "npm",
            "output": "dist", **values,
        }  # fmt: skip
        job = BuildJob(
            **{"key": f"t{os.getpid()}-{self.runs}", **about},
            source_format="zip",
            spec=BuildSpec(reasons={}, **spec),
        )
        log = Log(most=job.bounds.log_bytes)
        return Work(
            job=job, source=source, scratch=scratch, log=log, tools=Tools(), caches=tuple(caches)
        )

    async def build(self, work: Work) -> Built:
        return await self.executor.build(work)

    def layers(self, name: str = "project") -> CacheMount:
        """A place where layers of builds are kept for later ones."""
        folder = self.folder / "caches" / name
        folder.mkdir(parents=True, exist_ok=True)
        return CacheMount(LAYERS, folder, LAYERS)


@pytest.fixture(scope="session")
def registry() -> str:
    if not (address := os.environ.get("TEST_REGISTRY")):
        pytest.skip("TEST_REGISTRY is not set: no registry with base images to build on")
    return address


@pytest.fixture(scope="session", params=["buildah", "podman", "docker"])
def engine(request: pytest.FixtureRequest, registry: str) -> Engine:
    name: str = request.param
    try:
        found = find_engine(name)
    except ToolsUnavailable:
        pytest.skip(f"{name} is not installed")
    command = [str(found.program), "version" if found.has_daemon else "--version"]
    if subprocess.run(command, capture_output=True, timeout=20, check=False).returncode:
        pytest.skip(f"{name} is installed, but does not work here")
    return found


@pytest.fixture(scope="session")
def base_images(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store of base images for all tests of an engine."""
    return tmp_path_factory.mktemp(f"images-{engine.name}")


@pytest.fixture
def bench(engine: Engine, base_images: Path, tmp_path: Path) -> Bench:
    return Bench(ContainerExecutor(base_images, engine), tmp_path)


@pytest.fixture
def log_of() -> Callable[[Work], Log]:
    def told(work: Work) -> Log:
        assert isinstance(work.log, Log)
        return work.log

    return told
