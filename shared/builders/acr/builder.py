"""The port of builders over ACR Tasks.

A key is claimed in the registry before anything begins; the first claim holds for ever, so a start
is one run whoever repeats it, and a key that was canceled first never begins. What this process
remembers is only what it can read again.
"""

import asyncio
import tempfile
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from shared.builders.acr import names, outcome
from shared.builders.acr.context import read_tree, write_context
from shared.builders.acr.cutting import Cutter
from shared.builders.acr.ledger import Ledger
from shared.builders.acr.log import RunLog
from shared.builders.acr.management import Management, Run, Where
from shared.builders.acr.plan import Plan, plan_of
from shared.builders.acr.records import CANCELED, Claim, claim_of
from shared.builders.acr.registry import Registry
from shared.builders.acr.results import Results
from shared.builders.acr.task import Task, task_of
from shared.builders.dockerfiles import DockerfileRefused, SpecNotSupported, variables_file
from shared.builders.dockerfiles.environment import in_container
from shared.builders.dockerfiles.images import REGISTRY
from shared.builders.dockerfiles.stages import SOURCE
from shared.builders.port import BuildJob, LogFrame, Reason, RunStatus
from shared.errors import AstroCloudError, NotFound, Unavailable
from shared.sites.models import ArchiveFormat

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

_REMEMBERED = 16
_ANSWER_CHARACTERS = 512 * 1024
_LOOK_SECONDS = 1.0
_CANCEL_SECONDS = 60.0
_FORGOTTEN = timedelta(hours=1)
"""A claim of that age without a run: Azure had one, and keeps it no longer."""
# One try: whoever asks comes again by itself, and waits as long as Azure wants.
_OPTIONS = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 60}


@dataclass(slots=True)
class _Known:
    """What this process remembers of a run."""

    claim: Claim
    log: RunLog | None = None


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is made on first use, since it imports the SDKs."""

    management: Management
    registry: Registry
    ledger: Ledger
    results: Results


class AcrBuilder:
    """Builds in one registry's tasks."""

    follow_seconds = 0.0

    def __init__(
        self,
        where: Where,
        login_server: str,
        credential: "AsyncTokenCredential | None" = None,
        *,
        options: Mapping[str, Any] | None = None,
        base_registry: str = REGISTRY,
    ) -> None:
        self._where = where
        self._login_server = login_server
        self._given = credential
        self._options = {**_OPTIONS, **(options or {})}
        self._base_registry = base_registry
        self._parts: _Parts | None = None
        self._own_credential: Any = None
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._starting: dict[str, asyncio.Lock] = {}

    @property
    def _management(self) -> Management:
        return self._made().management

    @property
    def _registry(self) -> Registry:
        return self._made().registry

    @property
    def _ledger(self) -> Ledger:
        return self._made().ledger

    @property
    def _results(self) -> Results:
        return self._made().results

    def _made(self) -> _Parts:
        if self._parts is None:
            credential = self._given
            if credential is None:
                from azure.identity.aio import DefaultAzureCredential

                credential = self._own_credential = DefaultAzureCredential()
            management = Management(self._where, credential, self._options)
            registry = Registry(self._login_server, credential, self._options)
            self._parts = _Parts(management, registry, Ledger(registry), Results(registry))
        return self._parts

    async def close(self) -> None:
        """Close the connections."""
        if self._parts is not None:
            await self._parts.management.close()
            await self._parts.registry.close()
            self._parts = None
        if self._own_credential is not None:
            await self._own_credential.close()
            self._own_credential = None

    async def start(self, job: BuildJob, archive: Path) -> None:
        """Start a run, unless its key has one, has had one, or was canceled."""
        lock = self._starting.setdefault(job.key, asyncio.Lock())
        try:
            async with lock:
                await self._start(job, archive)
        finally:
            if not lock.locked():
                self._starting.pop(job.key, None)

    async def _start(self, job: BuildJob, archive: Path) -> None:
        found = await self._ledger.claim(job.key)
        if found is not None and await self._has_begun(job.key):
            return
        try:
            plan, task = await asyncio.to_thread(self._planned, job, archive)
            wanted = found or await self._claim(job, plan, archive)
        except AstroCloudError as error:
            if error.retryable or (reason := _refusal(error)) is None:
                raise
            await self._refuse(job, reason, error.detail)
            return
        claim = await self._ledger.claim_first(job.key, wanted)
        if not claim.is_canceled:
            await self._begin(job.key, claim, task)

    async def _has_begun(self, key: str) -> bool:
        """Whether a claimed key has its run, or must not have one any more."""
        if await self._management.find(names.task_run(key)) is not None:
            return True
        return await self._ledger.end(key) is not None

    def _planned(self, job: BuildJob, archive: Path) -> tuple[Plan, Task]:
        source = read_tree(job, archive)
        plan = plan_of(job, source, self._login_server, self._base_registry)
        variables = variables_file(in_container(job.spec, job.environment, job.secrets, SOURCE))
        return plan, task_of(plan, job, variables)

    async def _claim(self, job: BuildJob, plan: Plan, archive: Path) -> Claim:
        with tempfile.TemporaryFile() as context:
            await asyncio.to_thread(write_context, job, archive, plan, cast(BinaryIO, context))
            context.seek(0)
            source = await self._management.upload(cast(BinaryIO, context))
        return claim_of(job, plan, source)

    async def _begin(self, key: str, claim: Claim, task: Task) -> None:
        name = names.task_run(key)
        if await self._management.find(name) is not None:
            return
        await self._management.begin(name, claim.source, task)
        # Whoever canceled in between has found no run, and relies on us.
        if await self._ledger.end(key) is not None:
            await self._stop(name)

    async def _refuse(self, job: BuildJob, reason: Reason, detail: str) -> None:
        """A source that cannot be built ends like a run that failed."""
        claim = Claim(kind=job.spec.kind, bounds=job.bounds)
        await self._ledger.claim_first(job.key, claim)
        await self._ledger.keep_end(
            job.key, RunStatus(state="failed", reason=reason, detail=detail)
        )

    async def status(self, key: str) -> RunStatus | None:
        """How a run stands; None where the key is unknown."""
        known = await self._find(key)
        if known is None:
            return None
        if known.claim.is_canceled:
            return CANCELED
        run = await self._management.find(names.task_run(key))
        if run is not None and not run.has_ended:
            return await self._running(key, known, run)
        if end := await self._ledger.end(key):
            return end.status
        if run is None:
            return _without_run(known.claim)
        return await self._ended(key, known, run)

    async def _running(self, key: str, known: _Known, run: Run) -> RunStatus:
        log = await self._read(known, run)
        if log.cutter.facts.is_too_large:
            stopped = await self._stop(names.task_run(key))
            return await self._ended(key, known, stopped or run)
        return outcome.running(log.cutter)

    async def _ended(self, key: str, known: _Known, run: Run) -> RunStatus:
        log = await self._read(known, run)
        is_told = log.is_whole or log.cutter.facts.is_too_large
        # What was never scheduled has no log to wait for.
        if not is_told and run.id is not None:
            return outcome.running(log.cutter)
        status = outcome.ended(run, known.claim, log.cutter)
        if status.state == "succeeded":
            status = await self._results.check(key, known.claim, status)
        return await self._ledger.keep_end(key, status)

    async def log(self, key: str, after: int, wait: float = 0) -> Sequence[LogFrame]:
        """Frames after the frame of that number, some at a time."""
        deadline = time.monotonic() + wait
        while True:
            frames, is_over = await self._frames(key, after)
            left = deadline - time.monotonic()
            if frames or is_over or left <= 0:
                return frames
            await asyncio.sleep(min(left, _LOOK_SECONDS))

    async def _frames(self, key: str, after: int) -> tuple[Sequence[LogFrame], bool]:
        known = await self._find(key)
        run = await self._management.find(names.task_run(key)) if known else None
        if known is None or run is None:
            return [], True
        log = await self._read(known, run)
        return _some(log.cutter.frames[max(after, 0) :]), log.is_whole

    async def cancel(self, key: str) -> None:
        """End a run; returns when nothing of it is alive, and no later start can begin it."""
        known = await self._find(key)
        if known is None:
            kept = await self._ledger.claim_first(key, Claim(is_canceled=True))
            known = self._remember(key, kept)
        if known.claim.is_canceled or await self._ledger.end(key) is not None:
            return
        stopped = await self._stop(names.task_run(key))
        if stopped is None:
            await self._ledger.keep_end(key, CANCELED)
            # Begun while we looked: whoever did it may have looked before we wrote.
            await self._stop(names.task_run(key))
            return
        log = await self._read(known, stopped)
        state = CANCELED.model_copy(update={"frames": len(log.cutter.frames)})
        await self._ledger.keep_end(key, state)

    async def _stop(self, name: str) -> Run | None:
        """End the run of that name, if there is one, and wait until it has ended."""
        deadline = time.monotonic() + _CANCEL_SECONDS
        is_asked = False
        while True:
            run = await self._management.find(name)
            if run is None or run.has_ended:
                return run
            if run.id is not None and not is_asked:
                await self._management.cancel(run.id)
                is_asked = True
                continue
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"ACR Tasks has not ended the run {name} within {_CANCEL_SECONDS:.0f} seconds:"
                    " it is asked again"
                )
            await asyncio.sleep(_LOOK_SECONDS)

    async def output(self, key: str, target: BinaryIO) -> ArchiveFormat:
        """Write the archive of what a succeeded static run left; raises NotFound."""
        status = await self.status(key)
        known = await self._find(key)
        if status is None or known is None or status.state != "succeeded":
            raise NotFound(f"There is no output of the run {key}")
        await self._results.write_output(key, known.claim, target)
        return "zip"

    async def delete_image(self, image: str) -> None:
        """Delete an image that a run left; silent where it is gone."""
        await self._results.delete_image(image)

    async def delete(self, key: str) -> None:
        """Forget a run that has ended, with its files; a running one is canceled first."""
        await self.cancel(key)
        self._known.pop(key, None)
        await self._results.delete_output(key)
        await self._management.delete(names.task_run(key))
        await self._ledger.delete(key)

    async def clear_cache(self, name: str) -> int:
        """Delete the caches whose name is this, or begins with it and a ``/``; bytes freed."""
        freed = 0
        for repository in await self._registry.repositories(names.cache_repository(name)):
            freed += await self._registry.size(repository)
            await self._registry.delete_repository(repository)
        return freed

    async def tidy(self, before: datetime) -> int:
        """Delete what is left of runs that nobody deleted, and images without a name; how many.

        No key that was last used before that time may be started any more.
        """
        count = 0
        for tag in await self._ledger.tags_before(before):
            key = tag.removesuffix(".end")
            await self._results.delete_output(key)
            await self._management.delete(names.task_run(key))
            await self._ledger.forget(tag)
            self._known.pop(key, None)
            count += 1
        for repository in await self._registry.repositories("projects"):
            count += await self._registry.delete_untagged(repository, before)
        for repository in await self._registry.repositories(names.CACHES):
            count += await self._registry.delete_untagged(repository, before)
        return count + await self._registry.delete_untagged(names.RUNS, before)

    async def _find(self, key: str) -> _Known | None:
        if known := self._known.get(key):
            self._known.move_to_end(key)
            return known
        found = await self._ledger.claim(key)
        return None if found is None else self._remember(key, found)

    def _remember(self, key: str, claim: Claim) -> _Known:
        known = self._known[key] = _Known(claim)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return known

    async def _read(self, known: _Known, run: Run) -> RunLog:
        if known.log is None:
            claim = known.claim
            cutter = Cutter(claim.commands, claim.bounds.log_bytes, tells_all=claim.is_own)
            known.log = RunLog(self._management, run.id or "", cutter, self._options)
        if run.id is not None:
            known.log.run_id = run.id
            await known.log.read_on(run)
        return known.log


def _without_run(claim: Claim) -> RunStatus | None:
    """A claim whose run is not there: not begun yet, or forgotten."""
    if datetime.now(UTC) - claim.time < _FORGOTTEN:
        return None
    return RunStatus(state="lost", detail="Azure keeps this run no longer.")


def _refusal(error: AstroCloudError) -> Reason | None:
    if isinstance(error, DockerfileRefused):
        return "dockerfile_refused"
    if isinstance(error, SpecNotSupported):
        return "tools_unavailable"
    return "source_refused" if error.status in (413, 422) else None


def _some(frames: Sequence[LogFrame]) -> Sequence[LogFrame]:
    """As many as one answer may hold; at least one if there is one."""
    size = 0
    for count, frame in enumerate(frames):
        size += sum(len(line.text) for line in frame.lines) + 100
        if size > _ANSWER_CHARACTERS and count:
            return frames[:count]
    return frames
