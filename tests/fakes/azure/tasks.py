"""A run of a task as ``acr-builder`` does it: templates, volumes of secrets, steps, its words.

What a step does is an engine's business: ``Script`` says and ends as a test tells it, ``Buildah``
(in ``builds``) really builds.
"""

import asyncio
import base64
import io
import json
import re
import shlex
import shutil
import tarfile
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from tests.fakes.azure.storage import LogBlob

_STEP_FIELDS = {"id", "build", "push", "env", "timeout", "volumeMounts", "ignoreErrors"}
_TEMPLATE = re.compile(r"\{\{(?:\.Values\.(\w+)|`([^`]*)`)\}\}")


@dataclass(slots=True)
class StepCall:
    """A step as an engine is given it; ``volumes`` are folders by where they are mounted."""

    step: dict[str, Any]
    work: Path
    volumes: dict[str, Path]
    say: Callable[[str], None]


class StepFailed(Exception):
    """A step ended with an error; the text is what acr-builder tells of it."""


class Engine(Protocol):
    """Carries a step out; raises StepFailed."""

    async def step(self, call: StepCall) -> None:
        """One ``build`` or ``push``."""
        ...


@dataclass(slots=True)
class Script:
    """What steps do in a test of the protocol: each id a function, all others do nothing."""

    steps: dict[str, Callable[[StepCall], Awaitable[None]]] = field(default_factory=dict)

    async def step(self, call: StepCall) -> None:
        """Do what the test says."""
        if act := self.steps.get(call.step["id"]):
            await act(call)


class TaskRunner:
    """One run."""

    def __init__(
        self, number: str, request: dict[str, Any], source: bytes, log: LogBlob, engine: Engine
    ) -> None:
        self.number = number
        self.status = "Queued"
        self.created = datetime.now(UTC)
        self.finished: datetime | None = None
        self.log = log
        self.complete_by_itself = True
        self.final: str | None = None
        self._request, self._source, self._engine = request, source, engine
        self._task: asyncio.Task[None] | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it is alive."""
        return self.finished is not None

    def begin(self) -> None:
        """Run in the background."""
        self._task = asyncio.create_task(self._run())

    async def cancel(self) -> None:
        """End it; it has ended when this returns."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def say(self, text: str) -> None:
        """A line as it is."""
        self.log.data += f"{text}\n".encode("utf-8", "surrogateescape")

    def note(self, text: str) -> None:
        """A line of acr-builder's own."""
        self.say(f"{datetime.now(UTC):%Y/%m/%d %H:%M:%S} {text}")

    async def _run(self) -> None:
        status = "Canceled"
        try:
            self.log.has_begun, self.status = True, "Running"
            async with asyncio.timeout(self._request["timeout"]):
                status = await self._work()
        except TimeoutError:
            status = "Timeout"
        finally:
            self.status = self.final or status
            self.finished = datetime.now(UTC)
            self.log.is_complete = self.complete_by_itself

    async def _work(self) -> str:
        self.note("Downloading source code...")
        folder = Path(tempfile.mkdtemp(prefix="acr-"))
        try:
            with tarfile.open(fileobj=io.BytesIO(self._source), mode="r:gz") as tar:
                tar.extractall(folder, filter="tar")
            task = self._rendered()
            volumes = {one["name"]: await _volume(folder, one) for one in task.get("volumes", ())}
            self.note("Setting up Docker configuration...")
            for step in task["steps"]:
                if not await self._step(step, folder, volumes):
                    return "Failed"
            return "Succeeded"
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _rendered(self) -> dict[str, Any]:
        text = base64.b64decode(self._request["encodedTaskContent"]).decode()
        values = {one["name"]: one["value"] for one in self._request.get("values", ())}

        def filled(match: re.Match[str]) -> str:
            return values[match[1]] if match[1] else match[2]

        return json.loads(_TEMPLATE.sub(filled, text))  # type: ignore[no-any-return]

    async def _step(self, step: dict[str, Any], folder: Path, volumes: dict[str, Path]) -> bool:
        assert set(step) <= _STEP_FIELDS, f"a step holds {set(step) - _STEP_FIELDS}"
        assert ("build" in step) != ("push" in step)
        name, seconds = step["id"], step.get("timeout", 600)
        self.note(
            f"Executing step ID: {name}. Timeout(sec): {seconds}, Working directory: '',"
            " Network: ''"
        )
        mounts = {one["mountPath"]: volumes[one["name"]] for one in step.get("volumeMounts", ())}
        begun = datetime.now(UTC)
        try:
            async with asyncio.timeout(seconds):
                await self._engine.step(StepCall(step, folder, mounts, self.say))
        except (StepFailed, TimeoutError) as error:
            cause = "context deadline exceeded" if isinstance(error, TimeoutError) else str(error)
            if not step.get("ignoreErrors"):
                self.note(f"Container failed during run: {name}. No retries remaining.")
                self.say(f"failed to run step ID: {name}: {cause}")
                return False
            self.note(f"Step ID: {name} encountered an error: {cause}. Continuing...")
        self.note(f"Successfully executed container: {name}")
        took = (datetime.now(UTC) - begun).total_seconds()
        self.note(f"Step ID: {name} marked as successful (elapsed time in seconds: {took:f})")
        return True


async def _volume(folder: Path, volume: dict[str, Any]) -> Path:
    """Write the files as acr-builder does: by a shell's heredoc, which is not quoted."""
    place: Path = folder / volume["name"]
    place.mkdir()
    for name, encoded in volume["secret"].items():
        value = base64.b64decode(encoded, validate=True).decode()
        script = f"cat >> {shlex.quote(str(place / name))} <<EOL\n{value}\nEOL"
        process = await asyncio.create_subprocess_exec("/bin/sh", "-c", script)
        assert await process.wait() == 0
    return place
