"""A builder in memory, for the control plane's side: a test decides how its runs end.

That real builders keep the port's promises is the contract suite's business.
"""

import asyncio
import io
import random
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from shared.builders.port import BuildJob, LogFrame, LogLine, RunStatus
from shared.errors import NotFound, Unavailable
from shared.sites.models import ArchiveFormat

DONE = RunStatus(state="succeeded", seconds={"build": 0.1})


@dataclass
class Run:
    """One run and what is told of it."""

    job: BuildJob | None
    frames: list[LogFrame] = field(default_factory=list)
    end: RunStatus | None = None
    output: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_alive(self) -> bool:
        return self.end is None


class ScriptedBuilder:
    """Runs nothing; ``finish`` ends a run, ``then`` says how later ones end by themselves."""

    def __init__(self) -> None:
        self.follow_seconds = 0.3
        self.runs: dict[str, Run] = {}
        self.begun: list[str] = []
        self.deleted: list[str] = []
        self.deleted_images: list[str] = []
        self.cleared: list[str] = []
        self.failing: random.Random | None = None
        self.away = False
        self.log_text: Sequence[str] = ()
        self.then: RunStatus | None = DONE
        self.output_files: Mapping[str, str] = {"index.html": "<h1>built</h1>"}

    def alive(self) -> list[str]:
        """Keys of the runs that have not ended."""
        return [key for key, run in self.runs.items() if run.is_alive]

    def finish(self, key: str, status: RunStatus = DONE) -> None:
        """End a run."""
        run = self.runs[key]
        run.end = status.model_copy(update={"frames": len(run.frames)})

    def say(self, key: str, *texts: str) -> None:
        """One more frame of a run's log."""
        lines = tuple(
            LogLine(time="2026-01-01T00:00:00.000Z", source="build", stream="stdout", text=text)
            for text in texts
        )
        self.runs[key].frames.append(LogFrame(n=len(self.runs[key].frames) + 1, lines=lines))

    async def start(self, job: BuildJob, archive: Path) -> None:
        """Begin a run, once."""
        await self._answer()
        if job.key in self.runs:
            return
        self.begun.append(job.key)
        self.runs[job.key] = Run(job, output=self.output_files)
        for text in self.log_text:
            self.say(job.key, text)
        if self.then is not None:
            image = f"registry/{job.image}@{job.key}" if job.image else None
            self.finish(job.key, self.then.model_copy(update={"image": image, "image_bytes": 7}))
        await self._answer()

    async def status(self, key: str) -> RunStatus | None:
        """How it stands."""
        await self._answer()
        run = self.runs.get(key)
        if run is None:
            return None
        return run.end or RunStatus(state="running", phase="build", frames=len(run.frames))

    async def log(self, key: str, after: int, wait: float = 0) -> Sequence[LogFrame]:
        """Some frames."""
        await self._answer()
        run = self.runs.get(key)
        found = run.frames[after : after + 4] if run else []
        if not found and wait and run and run.is_alive:
            await asyncio.sleep(min(wait, 0.02))
        return found

    async def cancel(self, key: str) -> None:
        """End it; an unknown one never begins."""
        await self._answer()
        run = self.runs.setdefault(key, Run(None))
        if run.is_alive:
            self.finish(key, RunStatus(state="canceled"))

    async def output(self, key: str, target: BinaryIO) -> ArchiveFormat:
        """A ZIP of what the test said."""
        await self._answer()
        if key not in self.runs:
            raise NotFound(f"There is no run {key}")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in self.runs[key].output.items():
                archive.writestr(name, content)
        target.write(buffer.getvalue())
        return "zip"

    async def delete_image(self, image: str) -> None:
        """Note it."""
        await self._answer()
        self.deleted_images.append(image)

    async def delete(self, key: str) -> None:
        """Forget it; a tombstone stays, as long as this test lives."""
        await self.cancel(key)
        self.deleted.append(key)

    async def tidy(self, before: datetime) -> int:
        """Nothing is left."""
        return 0

    async def clear_cache(self, name: str) -> int:
        """Note it."""
        self.cleared.append(name)
        return 0

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.away or (self.failing and self.failing.random() < 0.2):
            raise Unavailable("The builder does not answer: try again")


def install(services: Any, builder: ScriptedBuilder) -> ScriptedBuilder:
    """Make it the builder of a platform's services."""
    services.__dict__["builder"] = builder
    return builder
