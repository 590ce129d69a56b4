"""What a cluster under contract gives the tests: the port, images, and a hand from outside.

One entry of ``PLACES`` an adapter. A place says itself why it cannot be used here.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

from shared.clusters.port import (
    Cluster,
    ReplicaBounds,
    TaskStatus,
    Workload,
    WorkloadRef,
    WorkloadStatus,
)
from shared.detection.run_settings import HealthCheck
from shared.sites.models import MIB

SERVER = Path(__file__).with_name("server.py").read_text()
SECONDS = 90


@dataclass(frozen=True)
class App:
    """What an image (or a bundle) is made of: files in its working folder, and its own command.

    ``user`` is the image's user, empty for root; a place without images takes no notice of it.
    """

    files: dict[str, str] = field(default_factory=lambda: {"server.py": SERVER})
    command: tuple[str, ...] = ("python3", "server.py")
    user: str = "1000"


class Place(Protocol):
    """One cluster under contract; a module's tests share it, each with a project of its own."""

    name: str
    cluster: Cluster
    missing_image: str
    """A well-formed reference to what does not exist."""

    async def image(self, app: App) -> str:
        """What a Workload names to run the app; the same app is made once."""
        ...

    async def request(self, address: str, path: str = "/") -> tuple[int, str]:
        """Status and body of a GET at an address; ConnectionRefusedError where nothing accepts
        it, another OSError where the connection breaks off."""
        ...

    async def kill(self, ref: WorkloadRef, replica: str) -> None:
        """End a replica without a warning, as a fault would; ``replica`` is its name."""
        ...


Opener = Callable[[], AbstractAsyncContextManager[Place]]

PLACES: dict[str, str] = {
    "kubernetes": "tests.contract.clusters.kubernetes_place",
    "runner": "tests.contract.clusters.runner_place",
    "runner-bare": "tests.contract.clusters.runner_bare_place",
}
"""The module of each adapter: ``unavailable() -> str`` (why not; empty: it can) and ``opened()``,
an async context manager that gives a Place."""


def module_of(name: str) -> Any:
    """The module of an adapter."""
    return import_module(PLACES[name])


class Bench:
    """A place with one project; deleted when the test is over."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.cluster = place.cluster
        self.project = uuid4()
        self.projects: set[UUID] = {self.project}

    async def workload(self, app: App | None = None, **changes: Any) -> Workload:
        """One release of the app that answers requests, unless changes say otherwise."""
        if "image" not in changes:
            changes["image"] = await self.place.image(app or App())
        values: dict[str, Any] = {
            "account": uuid4(),
            "project": self.project,
            "release": uuid4(),
            "deployment": uuid4(),
            "environment_name": "production",
            "label": "shop #42",
            "readiness": HealthCheck(grace_seconds=20, period_seconds=1),
            "bounds": ReplicaBounds(cpu_millis=100, memory_bytes=96 * MIB, disk_bytes=64 * MIB),
            "stop_seconds": 5,
            **changes,
        }
        workload = Workload(**values)
        self.projects.add(workload.project)
        return workload

    async def status(self, ref: WorkloadRef) -> WorkloadStatus:
        """How it stands; it is there."""
        found = await self.cluster.status(ref)
        assert found is not None, f"{ref} is not there"
        return found

    async def until(
        self, ref: WorkloadRef, check: Callable[[WorkloadStatus], bool], seconds: float = SECONDS
    ) -> WorkloadStatus:
        """Wait until its status is so."""
        deadline = time.monotonic() + seconds
        while True:
            status = await self.status(ref)
            if check(status):
                return status
            assert time.monotonic() < deadline, f"still {status!r} after {seconds} s"
            await asyncio.sleep(0.2)

    async def ready(self, ref: WorkloadRef, replicas: int = 1) -> WorkloadStatus:
        """Wait until so many replicas of what was applied last are ready, and no others."""
        return await self.until(
            ref,
            lambda status: (
                status.current
                and status.ready == status.wanted == replicas
                and sum(one.process == "web" for one in status.replicas) == replicas
            ),
        )

    async def up(self, replicas: int = 1, **changes: Any) -> Workload:
        """Bring a workload up and wait until it is ready."""
        workload = await self.workload(**changes)
        await self.cluster.apply(workload, replicas)
        await self.ready(workload.ref, replicas)
        return workload

    async def ports(self, workload: Workload) -> set[str]:
        """What PORT may be: without images each replica has a number of its own."""
        if "images" in self.cluster.capabilities:
            return {str(workload.port)}
        status = await self.status(workload.ref)
        return {address.rpartition(":")[2] for address in status.addresses}

    async def get(self, ref: WorkloadRef, path: str = "/") -> tuple[int, str]:
        """A request to a workload; a connection refused is tried again, as a gateway does."""
        deadline = time.monotonic() + 10
        while True:
            try:
                return await self.once(ref, path)
            except OSError:
                assert time.monotonic() < deadline, f"no answer: {await self.status(ref)!r}"
                await asyncio.sleep(0.1)

    async def once(self, ref: WorkloadRef, path: str = "/") -> tuple[int, str]:
        """A request to a workload, at the first of its addresses that accepts one."""
        *others, last = (await self.status(ref)).addresses
        for address in others:
            try:
                return await self.place.request(address, path)
            except ConnectionRefusedError:
                continue
        return await self.place.request(last, path)

    async def run(
        self, command: str, seconds: int = 60, **changes: Any
    ) -> tuple[Workload, str, TaskStatus]:
        """Run a task to its end."""
        workload = await self.workload(**changes)
        key = f"task-{secrets.token_hex(6)}"
        await self.cluster.start_task(key, workload, command, seconds)
        return workload, key, await self.ended(workload.ref, key)

    async def task(self, ref: WorkloadRef, key: str) -> TaskStatus:
        """How a task stands; it is known."""
        found = await self.cluster.task_status(ref, key)
        assert found is not None, f"{key} is not known"
        return found

    async def ended(self, ref: WorkloadRef, key: str, seconds: float = SECONDS) -> TaskStatus:
        """How a task ended."""
        deadline = time.monotonic() + seconds
        while True:
            status = await self.task(ref, key)
            if status.has_ended:
                return status
            assert time.monotonic() < deadline, f"{key} is {status!r} after {seconds} s"
            await asyncio.sleep(0.2)

    async def lines(self, ref: WorkloadRef, key: str) -> list[str]:
        """Every line of a task's log so far."""
        found: list[str] = []
        after = 0
        while frames := await self.cluster.task_log(ref, key, after):
            after = frames[-1].n
            found += [line.text for frame in frames for line in frame.lines]
        return found

    async def until_said(self, ref: WorkloadRef, key: str, text: str) -> None:
        """Wait until a task's log holds a line."""
        deadline = time.monotonic() + SECONDS
        while text not in (lines := await self.lines(ref, key)):
            assert time.monotonic() < deadline, lines
            await asyncio.sleep(0.2)

    async def close(self) -> None:
        """Delete what the test made."""
        for project in self.projects:
            await self.cluster.delete_project(project)
