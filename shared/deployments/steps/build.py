"""``building``: from the source to what is published, by a run of the builder.

Starting, following and ending a run are each repeated without harm: the run is named by the
deployment and the attempt, its log by frames, and what was committed says how far we are. A source
of plain files is its own output, and a release that is used again needs no run.
"""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from shared.builders.port import Builder, BuildJob, LogFrame, RunStatus
from shared.clients.blobs import STAGING, Blobs
from shared.deployments.given_variables import GivenVariables
from shared.deployments.outcomes import Claim, Fail, Next, Outcome, Skip, Wait
from shared.deployments.steps.build_job import job_of, needs_run
from shared.deployments.steps.build_result import BuildLost, result_of
from shared.deployments.steps.fetch import UploadMissing, site_limits
from shared.detection.build_spec import BuildSpec
from shared.errors import Unavailable
from shared.logs.following import Following
from shared.logs.frames import FrameWriter
from shared.logs.service import LogService

_LOOK_AGAIN_SECONDS = 1
_MOST_RUNS = 3
_log = logging.getLogger(__name__)


class Build:
    """The step of ``building``."""

    def __init__(
        self, builder: Builder, blobs: Blobs, logs: LogService, variables: GivenVariables
    ) -> None:
        self._builder = builder
        self._blobs = blobs
        self._logs = logs
        self._variables = variables

    async def __call__(self, claim: Claim) -> Outcome:
        """Start the run or look how it stands, tell its log, and take its end."""
        source, spec = claim.row["source"], _spec(claim.row)
        if spec.kind == "dynamic" and source.get("image"):
            return Next("rolling_out")
        if source.get("release") or source["type"] == "prebuilt" or not needs_run(spec):
            return Next("publishing")
        await self._begin(claim, spec)
        status = await self._follow(claim)
        if not status.has_ended:
            return Wait(_LOOK_AGAIN_SECONDS)
        return await self._ended(claim, spec, status)

    async def _begin(self, claim: Claim, spec: BuildSpec) -> None:
        run = claim.row["run"]
        if run is None:
            # Committed before anything is started: whoever ends this row knows what to end.
            run = {"key": f"{claim.id}-1", "attempt": 1, "frames": 0}
            await claim.keep_run(run)
        if await self._builder.status(run["key"]) is None:
            await self._start(claim, spec, run["key"])
            if await self._builder.status(run["key"]) is None:
                raise Unavailable("The builder does not know a run that it was just given")

    async def _start(self, claim: Claim, spec: BuildSpec, key: str) -> None:
        job = await self._job(claim, spec, key)
        with tempfile.TemporaryDirectory(prefix="astrocloud-") as folder:
            archive = Path(folder, "source")
            await claim.keep_while(self._download(claim.row, archive))
            await claim.log.flush()  # what we said stands before what the commands say
            await claim.keep_while(self._builder.start(job, archive))

    async def _job(self, claim: Claim, spec: BuildSpec, key: str) -> BuildJob:
        variables = self._variables.open(claim.row)
        return job_of(claim.row, spec, key, variables)

    async def _download(self, row: Mapping[str, Any], path: Path) -> None:
        name, bound = row["source"]["upload_id"], site_limits(row).archive_bytes
        if await self._blobs.properties(STAGING, name) is None:
            raise UploadMissing("The source is kept no longer: deploy it again")
        with path.open("wb") as file:
            await self._blobs.download(STAGING, name, file, max_bytes=bound)

    async def _follow(self, claim: Claim) -> RunStatus:
        """Tell the log until the run has ended, or as long as one look may follow it."""
        run = claim.row["run"]
        following = Following(
            partial(self._builder.log, run["key"]),
            partial(self._known, run["key"]),
            self._writer(claim, run["key"]),
            partial(claim.renew, {}),
        )
        status, told = await following.follow(run["frames"], self._builder.follow_seconds)
        await claim.keep_run({**run, "frames": told})
        return status

    async def _known(self, key: str) -> RunStatus:
        status = await self._builder.status(key)
        return status or RunStatus(state="lost", detail="The builder has forgotten the run.")

    def _writer(self, claim: Claim, key: str) -> FrameWriter:
        async def read(after: int) -> Sequence[LogFrame]:
            return await self._builder.log(key, after)

        return self._logs.frame_writer(
            claim.row["account_id"], claim.id, f"run-{claim.row['run']['attempt']}", read
        )

    async def _ended(self, claim: Claim, spec: BuildSpec, status: RunStatus) -> Outcome:
        if status.state == "lost":
            return await self._again(claim, status)
        if status.state == "canceled":
            # Nobody asked us: an operator ended it at the builder.
            return Fail(
                "build_canceled",
                "The build was ended",
                f"The build of {claim.name} was ended at the builder: deploy again",
            )
        built = {"seconds": status.seconds, "cache_hit": status.cache_hit}
        await claim.keep_run({**claim.row["run"], "built": built, "image": status.image})
        if status.state == "succeeded":
            _tell_times(claim, status)
            return _built(spec, status)
        if status.reason == "ignored":
            return Skip(f"Skipped: the ignore command ({spec.ignore}) ended with 0")
        secrets = self._variables.secret_values(claim.row)
        return await result_of(claim, spec, status, self._builder.log, secrets)

    async def _again(self, claim: Claim, status: RunStatus) -> Outcome:
        """A run that nobody can tell the end of is done once more, under another name."""
        attempt = claim.row["run"]["attempt"] + 1
        if attempt > _MOST_RUNS:
            return Fail(
                BuildLost.code,
                BuildLost.title,
                f"{claim.name} was begun {_MOST_RUNS} times and each time the builder lost it:"
                " deploy again; if it stays, ask the operators of this platform",
            )
        _log.warning("%s: run %s was lost: %s", claim.name, attempt - 1, status.detail)
        claim.log.write("The builder was interrupted: the build begins again", stream="stderr")
        await claim.log.flush()
        await self._builder.delete(claim.row["run"]["key"])
        await claim.keep_run({"key": f"{claim.id}-{attempt}", "attempt": attempt, "frames": 0})
        return Wait(0)


def _built(spec: BuildSpec, status: RunStatus) -> Next:
    if spec.kind == "static":
        return Next("publishing")
    image = {"image": status.image, "image_bytes": status.image_bytes or 0, "image_is_ours": True}
    return Next("rolling_out", source=image)


def _spec(row: Mapping[str, Any]) -> BuildSpec:
    return BuildSpec.model_validate(row["build_spec"])


def _tell_times(claim: Claim, status: RunStatus) -> None:
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in status.seconds.items())
    cache = " with the cache of an earlier build" if status.cache_hit else ""
    claim.log.write(f"Built{cache}: {times}" if times else f"Built{cache}")
