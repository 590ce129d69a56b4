"""``rolling_out``: the release's replicas stand ready before anyone is sent there.

The workload is named by the release, so bringing it up twice is one workload; its release command
is a task that is named by the deployment. What is live serves on whatever happens here.
"""

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from itertools import islice
from typing import Any

from shared.clusters.port import Cluster, TaskStatus, Workload, WorkloadStatus
from shared.crypto import Crypto
from shared.database import Database
from shared.deployments.given_variables import GivenVariables
from shared.deployments.outcomes import (
    Claim,
    Fail,
    Outcome,
    Ready,
    Release,
    Wait,
    release_id_of,
)
from shared.detection.build_spec import BuildSpec
from shared.errors import Unavailable
from shared.failures import explain
from shared.logs.following import Following
from shared.logs.service import LogService
from shared.projects.registry import pull_secret_of
from shared.workloads import store
from shared.workloads.documents import compose, seal, unseal
from shared.workloads.readiness import GivenUp, given_up, is_ready

_POLL_SECONDS = 0.1
_RENEW_SECONDS = 2.0
_LOOK_AGAIN_SECONDS = 1
_RELEASE_SECONDS = 600
_MOST_LINES = 12

_IMAGE_GONE = Fail(
    "image_gone",
    "The image of an earlier release is not kept any more",
    "What was to be run again was deleted meanwhile: deploy without cache",
)


class Rollout:
    """The step of ``rolling_out``."""

    def __init__(
        self,
        cluster: Cluster,
        database: Database,
        crypto: Crypto,
        logs: LogService,
        variables: GivenVariables,
    ) -> None:
        self._cluster = cluster
        self._database = database
        self._crypto = crypto
        self._logs = logs
        self._variables = variables

    async def __call__(self, claim: Claim) -> Outcome:
        """The release command first, then the replicas; each as far as it goes now."""
        spec = BuildSpec.model_validate(claim.row["build_spec"])
        if claim.row["rollout"] is None:
            # Committed before anything is made: whoever ends this row knows that there is more.
            await claim.keep_rollout({})
        workload = await self._workload(claim, spec)
        if workload is None:
            return _IMAGE_GONE
        if spec.release and not _told(claim).get("released"):
            outcome = await self._release_command(claim, spec, workload)
            if outcome is not None:
                return outcome
        return await self._replicas(claim, workload)

    async def _workload(self, claim: Claim, spec: BuildSpec) -> Workload | None:
        """Committed before the cluster hears of it; None where its image is gone."""
        release_id = release_id_of(claim.row)
        async with self._database.transaction() as connection:
            known = await store.read(connection, release_id)
        if known is not None:
            return unseal(self._crypto, release_id, known["document"])
        workload = compose(
            claim.row,
            release_id,
            spec,
            claim.row["source"]["image"],
            self._variables.open(claim.row),
            pull_secret_of(self._crypto, claim.row),
        )
        return workload if await self._insert(claim, workload) else None

    async def _insert(self, claim: Claim, workload: Workload) -> bool:
        row, source = claim.row, claim.row["source"]
        values = {
            **{name: row[name] for name in _COPIED},
            "release_id": workload.release,
            "deployment_id": row["id"],
            "document": seal(self._crypto, workload),
            "image": workload.image,
            "image_is_ours": bool(source.get("image_is_ours")),
            "scaling": workload.scaling.model_dump(mode="json"),
        }
        async with self._database.transaction() as connection:
            if source.get("image_of") and not await store.hold_image(
                connection, row["project_id"], workload.image
            ):
                return False
            await store.insert(connection, values)
        return True

    async def _release_command(
        self, claim: Claim, spec: BuildSpec, workload: Workload
    ) -> Outcome | None:
        """Run it once in the new image; None where it has succeeded."""
        key = release_task_key(claim.row)
        rollout = _told(claim)
        if "frames" not in rollout:
            claim.log.write(f"Release command: {spec.release}")
            await claim.log.flush()
            await claim.keep_rollout({"frames": 0})
        seconds = spec.release_seconds or _RELEASE_SECONDS
        await self._cluster.start_task(key, workload, spec.release or "", seconds)
        status = await self._follow(claim, workload, key)
        if not status.has_ended:
            return Wait(_LOOK_AGAIN_SECONDS)
        if status.state != "succeeded":
            return _release_failed(claim, spec, status)
        await claim.keep_rollout({**_told(claim), "released": True})
        await self._cluster.delete_task(workload.ref, key)
        claim.log.write("The release command has succeeded")
        return None

    async def _follow(self, claim: Claim, workload: Workload, key: str) -> TaskStatus:
        read = partial(self._cluster.task_log, workload.ref, key)
        writer = self._logs.frame_writer(claim.row["account_id"], claim.id, "release", read)

        async def known() -> TaskStatus:
            status = await self._cluster.task_status(workload.ref, key)
            if status is None:
                raise Unavailable("The cluster does not know a task that it was just given")
            return status

        following = Following(read, known, writer, partial(claim.renew, {}))
        told = _told(claim)
        status, frames = await following.follow(told["frames"], self._cluster.follow_seconds)
        await claim.keep_rollout({**told, "frames": frames})
        return status

    async def _replicas(self, claim: Claim, workload: Workload) -> Outcome:
        replicas = workload.scaling.minimum
        if "since" not in _told(claim):
            claim.log.write(f"Starting {_count(replicas)} at port {workload.port}")
            await claim.keep_rollout({**_told(claim), "since": time.time(), "said": ""})
            await self._cluster.apply(workload, replicas)
        until = time.monotonic() + self._cluster.follow_seconds
        renewed = time.monotonic()
        while True:
            status = await self._status(workload, replicas)
            outcome = await self._judge(claim, workload, status)
            if outcome is not None:
                return outcome
            if time.monotonic() >= until:
                return Wait(_LOOK_AGAIN_SECONDS)
            await asyncio.sleep(_POLL_SECONDS)
            if time.monotonic() - renewed > _RENEW_SECONDS:
                await claim.renew({})
                renewed = time.monotonic()

    async def _status(self, workload: Workload, replicas: int) -> WorkloadStatus:
        status = await self._cluster.status(workload.ref)
        if status is None:
            # Killed between the commit and the call, or the cluster has lost it.
            await self._cluster.apply(workload, replicas)
            status = await self._cluster.status(workload.ref)
        return status or WorkloadStatus(wanted=replicas, ready=0)

    async def _judge(
        self, claim: Claim, workload: Workload, status: WorkloadStatus
    ) -> Outcome | None:
        """Ready, failed, or None: it is waited for."""
        told = _told(claim)
        if is_ready(status, workload.scaling.minimum):
            claim.log.write(f"{_count(status.ready)} ready")
            return Ready(_release(claim, workload, status))
        seconds = time.time() - told["since"]
        failed = given_up(status, workload.readiness.grace_seconds, seconds)
        if failed is not None:
            return _failed(claim, failed)
        said = _said(status)
        if said != told["said"]:
            claim.log.write(said)
            await claim.log.flush()
            await claim.keep_rollout({**told, "said": said})
        return None


_COPIED = ("account_id", "project_id", "environment_id", "environment", "number")


def release_task_key(row: Mapping[str, Any]) -> str:
    """How the task of a deployment's release command is called."""
    return f"{row['id']}-release"


def _told(claim: Claim) -> dict[str, Any]:
    return dict(claim.row["rollout"] or {})


def _count(replicas: int) -> str:
    return "1 replica" if replicas == 1 else f"{replicas} replicas"


def _said(status: WorkloadStatus) -> str:
    if status.problem is not None:
        return f"Not ready: {status.problem.detail}"
    return f"{status.ready} of {_count(status.wanted)} ready"


def _release(claim: Claim, workload: Workload, status: WorkloadStatus) -> Release:
    source = claim.row["source"]
    size = int(source.get("image_bytes") or 0)
    return Release(
        id=workload.release,
        kind="dynamic",
        serving={},
        files=0,
        bytes=size,
        progress={},
        image=workload.image,
        image_key=source.get("image_key"),
        workload={
            "wanted": workload.scaling.minimum,
            "addresses": list(status.addresses),
            "status": status.model_dump(mode="json"),
        },
    )


def _failed(claim: Claim, failed: GivenUp) -> Fail:
    problem = failed.problem
    if problem is None or not problem.last_lines:
        return Fail(failed.code, failed.title, failed.detail)
    for line in problem.last_lines:
        claim.log.write(line)
    explanation = explain("\n".join(problem.last_lines), problem.exit_code, "start")
    told = explanation.as_json()
    document = {
        "cause": told["cause"],
        "lines": list(islice(told["lines"], _MOST_LINES)),
        "try": told["try"],
    }
    return Fail(failed.code, failed.title, failed.detail, document)


def _release_failed(claim: Claim, spec: BuildSpec, status: TaskStatus) -> Fail:
    ended = f" with exit code {status.exit_code}" if status.exit_code is not None else ""
    reason = f": {status.detail}" if status.detail else ""
    return Fail(
        "release_command_failed",
        "The release command failed",
        f"{spec.release} ended{ended}{reason}. {claim.name} does not go live, what was live before"
        " serves on. Next: mend it and deploy again",
    )
