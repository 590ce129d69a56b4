"""Base images: fetched once a day at most, kept in a store of their own that builds only read.

Nothing here is ever deleted by itself: layers of earlier builds stand on these images.
"""

import asyncio
import fcntl
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from infrastructure.local.runner.containers.engines import Engine
from infrastructure.local.runner.containers.output import last_words
from infrastructure.local.runner.containers.process import run
from infrastructure.local.runner.executor import RunLog, ToolsUnavailable

_FRESH_SECONDS = 24 * 3600
_LOCK_SECONDS = 0.2


class BaseImages:
    """The store of base images below one folder; any number of processes may share it."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self._folder = folder
        self._engine = engine
        self.store = engine.store(folder / "images")

    async def ensure(self, image: str, log: RunLog) -> None:
        """Fetch an image that is missing or old; raises ToolsUnavailable."""
        stamp = self._folder / f"fetched-{hashlib.sha256(image.encode()).hexdigest()[:16]}"
        if _age(stamp) < _FRESH_SECONDS:
            return
        async with self._alone():
            if _age(stamp) < _FRESH_SECONDS:
                return
            log.say(f"Fetching the base image {image}.")
            code, said = await self._run(self._engine.pull(self.store, image))
            if code == 0:
                stamp.touch()
                return
            if not stamp.exists():
                raise ToolsUnavailable(_unreachable(image, said))
            log.say(f"{image} could not be fetched anew ({said}): the one from before is used.")

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "fetching").open("a") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(_LOCK_SECONDS)
            yield

    async def _run(self, command: list[str]) -> tuple[int, str]:
        said = bytearray()
        code = await run(
            command,
            environment=self._engine.environment,
            directory=self._folder,
            take=said.extend,
        )
        return code, last_words(said.decode("utf-8", "replace").splitlines())


def _age(stamp: Path) -> float:
    try:
        return time.time() - stamp.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _unreachable(image: str, said: str) -> str:
    return (
        f"The base image {image} cannot be fetched: {said}"
        " Next: check that this machine reaches the image registry and that the version exists;"
        " a mirror is set in registries.conf."
    )
