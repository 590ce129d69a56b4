"""``run -- CMD``: a command runs once in what is live; its output and its exit code come back.

Ctrl-C cancels the task and waits for its end; a second one leaves it to itself.
"""

import asyncio
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from frontend.cli.api import Api
from frontend.cli.console import as_json, note
from frontend.cli.errors import RefusedError, UsageError
from frontend.cli.progress import shown
from frontend.cli.projects import project_of
from frontend.cli.runtime_log import RuntimeLog
from frontend.cli.session import signed_in
from frontend.cli.where import Where

POLL_SECONDS = 0.4
LOG_SECONDS = 10.0
"""How long the rest of the output may take after the task's end; then it is said."""
PIECE_CHARACTERS = 16_384
"""A line that is longer comes in pieces: one of this length goes on in the next."""
ENDED = frozenset({"succeeded", "failed", "canceled", "lost"})
FAILED, INTERRUPTED = 1, 130
_ENDS = {"failed": "It failed", "canceled": "Canceled", "lost": "The cluster has lost it"}
_LAST_WORDS = ("Ended with exit code ", "The task has ")


class Interrupts:
    """Counts Ctrl-C: the first is a wish, the second ends the wait."""

    def __init__(self) -> None:
        self.wish = asyncio.Event()
        self._waiting = asyncio.current_task()

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Take the signal over, as far as a thread may."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()

        def hit(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._hit)

        before = signal.signal(signal.SIGINT, hit)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _hit(self) -> None:
        if self.wish.is_set() and self._waiting is not None:
            self._waiting.cancel()
        self.wish.set()


def command_of(words: Sequence[str]) -> str:
    """One argument is a line for the shell; several are its words, each as it was given."""
    text = words[0] if len(words) == 1 else shlex.join(words)
    if not text.strip():
        detail = "run needs a command. Next: astrocloud run -- CMD"
        raise UsageError("usage", "The command line is not understood", detail)
    return text


async def run(where: Where, words: Sequence[str], seconds: int | None, *, json: bool) -> int:
    """Make the task and follow it to its end."""
    command = command_of(words)
    body: dict[str, Any] = {"command": command, "environment": where.environment}
    if seconds is not None:
        body["seconds"] = seconds
    async with signed_in(where.url) as api:
        project = await project_of(api, where.project)
        interrupts = Interrupts()
        follower: _Follower | None = None
        with interrupts.caught():
            try:
                log = await _log_from_now(api, project, where)
                task = await api.post(f"/projects/{project['id']}/tasks", body)
                log.only(replica=task["replica"])
                follower = _Follower(api, log, task, interrupts, json=json)
                await follower.run()
            except asyncio.CancelledError:
                if follower is None:
                    raise KeyboardInterrupt from None
                note(_left(follower.task), style="yellow")
                _report(follower.task, json=json)
                return INTERRUPTED
    _report(follower.task, json=json)
    return _exit_code(follower.task, canceled=interrupts.wish.is_set())


class _Follower:
    """Shows a task's output as it comes; ``task`` is the last state that was seen."""

    def __init__(
        self,
        api: Api,
        log: RuntimeLog,
        task: dict[str, Any],
        interrupts: Interrupts,
        *,
        json: bool,
    ) -> None:
        self.task = task
        self._api, self._log = api, log
        self._interrupts, self._json = interrupts, json
        self._asked = self._told_all = False

    async def run(self) -> None:
        """Return with the task's last state, after its last line."""
        note(f"Running in #{self.task['number']}: {self.task['command']}")
        ended_at: float | None = None
        while True:
            if self._interrupts.wish.is_set() and not self._asked:
                await self._cancel()
            if self.task["state"] not in ENDED:
                self.task = await self._api.get(f"/tasks/{self.task['id']}")
            await self._show()
            if self.task["state"] in ENDED:
                ended_at = ended_at or time.monotonic()
                if self._told_all or time.monotonic() - ended_at > LOG_SECONDS:
                    self._say_end()
                    return
            await self._wait()

    async def _show(self) -> None:
        for line in await self._log.read():
            text = str(line["text"])
            if line["source"] == "platform":
                self._told_all |= text.startswith(_LAST_WORDS)
            else:
                self._write(line, text)

    def _write(self, line: Mapping[str, Any], text: str) -> None:
        """As the command wrote it; a terminal gets nothing that steers it."""
        to_errors = self._json or line["stream"] == "stderr"
        stream = sys.stderr if to_errors else sys.stdout
        end = "" if len(text) == PIECE_CHARACTERS else "\n"
        stream.write((shown(text) if stream.isatty() else text) + end)
        stream.flush()

    def _say_end(self) -> None:
        if not self._told_all:
            note("Some of its output may be missing: astrocloud logs shows what comes later.")
        state, code, detail = self.task["state"], self.task["exit_code"], self.task["detail"]
        if state == "succeeded":
            return
        words = f"Ended with exit code {code}" if code is not None else _ENDS[state]
        note(f"{words}: {detail}" if detail else f"{words}.", style="yellow")

    async def _cancel(self) -> None:
        self._asked = True
        note("Canceling; Ctrl-C once more leaves it to itself.", style="yellow")
        try:
            self.task = await self._api.post(f"/tasks/{self.task['id']}/cancel")
        except RefusedError as error:
            if error.code != "task_ended":
                raise

    async def _wait(self) -> None:
        """Until it is time to look again, or somebody wants the end."""
        if self._asked:
            await asyncio.sleep(POLL_SECONDS)
            return
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._interrupts.wish.wait()
        except TimeoutError:
            return


async def _log_from_now(api: Api, project: Mapping[str, Any], where: Where) -> RuntimeLog:
    """Where the log stands before the task is made: what it writes comes behind."""
    filters = {"environment": where.environment, "as_written": True}
    log = RuntimeLog(api, project["id"], filters)
    await log.begin_now()
    return log


def _exit_code(task: Mapping[str, Any], *, canceled: bool) -> int:
    if task["state"] == "succeeded":
        return 0
    if task["state"] == "canceled":
        return INTERRUPTED if canceled else FAILED
    return int(task["exit_code"] or FAILED)


def _report(task: Mapping[str, Any], *, json: bool) -> None:
    if json:
        as_json(task)


def _left(task: Mapping[str, Any]) -> str:
    return f"The task goes on without you: astrocloud tasks --cancel {task['id']} ends it."
