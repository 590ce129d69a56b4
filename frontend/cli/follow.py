"""Following a deployment to its end: its state and its log, live where push is reachable."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from frontend.cli.api import Api
from frontend.cli.logs import LogFollower
from frontend.cli.progress import Reporter
from frontend.cli.push import PushListener

TERMINAL = frozenset({"ready", "failed", "canceled", "superseded"})
POLL_SECONDS = 1.0
"""How often the API is asked while push is not reachable."""
GLANCE_SECONDS = 10.0
"""And while it is: only in case a message was lost."""
LOG_SECONDS = 35.0
"""How long the rest of a log may take after the deployment's end; then it is said."""
PUSH_SECONDS = 10.0
"""After this long without push it is said that lines come later."""

WORDS = {
    "queued": "Queued",
    "fetching": "Fetching the source",
    "building": "Building",
    "publishing": "Publishing",
    "rolling_out": "Rolling out",
}


class Follower:
    """Watches one deployment; ``state`` is the last that was seen."""

    def __init__(self, api: Api, deployment: Mapping[str, Any], reporter: Reporter) -> None:
        self._api, self._reporter = api, reporter
        self.deployment: Mapping[str, Any] = deployment
        self._id = str(deployment["id"])
        self._log = LogFollower(api, self._id, reporter.line)
        self._push = PushListener(api, self._id, self._receive)
        self._said = ""
        self._log_behind = self._state_behind = True
        self._begin = time.monotonic()
        self._told_polling = False

    async def run(self) -> Mapping[str, Any]:
        """The deployment in its last state, after its last line."""
        listener = asyncio.create_task(self._push.run())
        try:
            await self._until(self._is_over)
            self._state_behind = False
            end = time.monotonic()
            await self._until(lambda: self._log.ended or time.monotonic() - end > LOG_SECONDS)
            if not self._log.ended:
                self._reporter.note(
                    f"The log did not end within {LOG_SECONDS:.0f} s; more lines may follow in it."
                )
            return self.deployment
        finally:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener

    async def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            self._push.changed.clear()
            await self._look()
            if not done():
                await self._wait()

    async def _look(self) -> None:
        over = self._is_over()
        if not over and (self._state_behind or not self._push.live):
            self._state_behind = False
            self.deployment = await self._api.deployment(self._id)
            self._say_state()
        if self._log_behind or not self._push.live or over:
            self._log_behind = False
            await self._log.catch_up()

    async def _wait(self) -> None:
        """Until a message wants a look, or it is time for one anyway."""
        live = self._push.live
        if not live and not self._told_polling and self._waited(PUSH_SECONDS):
            self._told_polling = True
            self._reporter.note("Live messages are not reachable: asking each second instead.")
        try:
            async with asyncio.timeout(GLANCE_SECONDS if live else POLL_SECONDS):
                await self._push.changed.wait()
        except TimeoutError:
            self._log_behind = self._state_behind = True
        if self._push.live is not live:
            self._log_behind = self._state_behind = True  # what came in between was not pushed

    def _receive(self, message: Mapping[str, Any]) -> None:
        if message.get("deployment") != self._id:
            return
        if message.get("type") == "lines" and not self._log.offer(message):
            self._log_behind = True
            self._push.changed.set()
        elif message.get("type") == "deployment":
            self._state_behind = True
            self._push.changed.set()

    def _is_over(self) -> bool:
        return self.deployment["state"] in TERMINAL

    def _waited(self, seconds: float) -> bool:
        return time.monotonic() - self._begin > seconds

    def _say_state(self) -> None:
        state = self.deployment["state"]
        if state != self._said and state in WORDS:
            self._said = state
            self._reporter.step(f"{WORDS[state]}…")
