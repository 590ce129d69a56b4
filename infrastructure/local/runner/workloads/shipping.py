"""Brings the log lines of workloads from their spools to Kafka.

A position is kept beside the spool and moves only after Kafka has a record; what is sent again
after a kill carries the same number and is known as a repetition. Without brokers lines stay in
the spool, which bounds itself.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from infrastructure.local.runner.workloads.calls import listening
from infrastructure.local.runner.workloads.spool import Frame, Segment, frames, segments
from infrastructure.local.runner.workloads.state import WorkloadFolder, calls_of_spools
from shared.errors import Unavailable
from shared.logs.lines import TOPIC, Line, Record, encode, printable

if TYPE_CHECKING:
    from shared.clients.kafka import Producer

_log = logging.getLogger(__name__)
LOOK_SECONDS = 5.0
"""How often all spools are looked at; keepers call as soon as there is something new."""
_PAUSE_SECONDS = 1.0
_LAST_WORDS_SECONDS = 2.0


@dataclass(slots=True)
class Shipping:
    """One runner's; ``all_of`` tells which workloads there are below the folder."""

    producer: "Producer"
    folder: Path
    all_of: Callable[[], list[WorkloadFolder]]
    _at_work: dict[Path, asyncio.Task[None]] = field(default_factory=dict)
    _called: asyncio.Event = field(default_factory=asyncio.Event)
    _named: set[Path] = field(default_factory=set)

    async def run(self) -> None:
        """Until canceled; what is there when that happens is sent as far as it goes quickly."""
        try:
            with listening(calls_of_spools(self.folder), self._hear):
                while True:
                    self.look()
                    await self._follow_calls()
        finally:
            self.look()
            tasks = list(self._at_work.values())
            if tasks:
                await asyncio.wait(tasks, timeout=_LAST_WORDS_SECONDS)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.producer.close()

    async def _follow_calls(self) -> None:
        """Look where keepers have called, until it is time to look everywhere."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                while True:
                    await self._called.wait()
                    self._called.clear()
                    named, self._named = self._named, set()
                    for path in named:
                        self._look_at(WorkloadFolder(path))

    def _hear(self, words: bytes) -> None:
        for word in words.decode("utf-8", "replace").split():
            project, _, release = word.partition("/")
            self._call_for(self.folder / project / release)

    def _call_for(self, path: Path) -> None:
        self._named.add(path)
        self._called.set()

    def look(self) -> None:
        """See to it that what lies in any spool is on its way."""
        for folder in self.all_of():
            self._look_at(folder)

    def _look_at(self, folder: WorkloadFolder) -> None:
        task = self._at_work.get(folder.path)
        if task is not None and not task.done():
            return
        if task is not None:
            self._at_work.pop(folder.path)
            _retrieve(folder, task)
        if _Spool(folder).has_more():
            task = self._at_work[folder.path] = asyncio.create_task(self._ship(folder))
            task.add_done_callback(lambda done: self._done(folder, done))

    def _done(self, folder: WorkloadFolder, task: "asyncio.Task[None]") -> None:
        """Look once more: a call that came while it was at work was not heeded."""
        if not task.cancelled() and task.exception() is None:
            self._call_for(folder.path)

    async def settle(self, folder: WorkloadFolder) -> None:
        """Send a workload's last lines before it is deleted, as far as that goes quickly."""
        self._look_at(folder)
        task = self._at_work.get(folder.path)
        if task is not None:
            await asyncio.wait({task}, timeout=_LAST_WORDS_SECONDS)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _ship(self, folder: WorkloadFolder) -> None:
        desired = folder.desired()
        if desired is None:
            return
        account, spool = desired.workload.account, _Spool(folder)
        while (found := spool.next()) is not None:
            segment, frame = found
            record = Record(
                stream=folder.ref.release,
                account=account,
                writer=segment.writer,
                sequence=frame.number,
                lines=tuple(_line(told) for told in frame.lines),
            )
            try:
                await self.producer.send(TOPIC, str(folder.ref.release), encode(record))
            except Unavailable:
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            spool.sent(segment, frame)


class _Spool:
    """Where sending stands in the spool of one workload."""

    def __init__(self, folder: WorkloadFolder) -> None:
        self._folder = folder.spool
        self._memory = folder.spool / "sent.json"
        self._name, self._offset = "", 0
        with suppress(FileNotFoundError, ValueError):
            self._name, self._offset = json.loads(self._memory.read_text())

    def has_more(self) -> bool:
        """Whether there seem to be bytes that were not sent; cheap."""
        found = segments(self._folder)
        if not found:
            return False
        if len(found) > 1 or found[0].path.name != self._name:
            return True
        with suppress(FileNotFoundError):
            return found[0].path.stat().st_size > self._offset
        return False

    def next(self) -> tuple[Segment, Frame] | None:
        """The next frame; segments that are done with are deleted, but for the last."""
        found = segments(self._folder)
        for index, segment in enumerate(found):
            start = self._offset if segment.path.name == self._name else 0
            frame = next(frames(segment.path, start), None)
            if frame is not None:
                return segment, frame
            if index < len(found) - 1:
                segment.path.unlink(missing_ok=True)
        return None

    def sent(self, segment: Segment, frame: Frame) -> None:
        self._name, self._offset = segment.path.name, frame.end
        draft = self._memory.with_suffix(".new")
        with suppress(FileNotFoundError):  # the workload was deleted meanwhile
            draft.write_text(json.dumps([self._name, self._offset]))
            draft.replace(self._memory)


def _line(told: dict[str, str]) -> Line:
    process = told["replica"].rpartition("-")[0]
    return Line.model_validate({**told, "process": process, "text": printable(told["text"])})


def _retrieve(folder: WorkloadFolder, task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("The log of %s could not be sent", folder.key, exc_info=error)
