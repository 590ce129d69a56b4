"""Tasks and the runs of schedules: a Job each.

A task's Job outlives it, so that its key begins nothing twice: a task that was deleted leaves its
Job without pod, Secret and log, one that was canceled before it began leaves a Job that never runs.
All of them go with the release.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from shared.builders.port import LogFrame
from shared.clusters.kubernetes import frames, manifests, names, pods, problems
from shared.clusters.kubernetes.api import Api, Json
from shared.clusters.kubernetes.jobs import Seen
from shared.clusters.kubernetes.pods import PodSettings
from shared.clusters.port import ScheduledRun, TaskStatus, Workload, WorkloadRef
from shared.errors import Conflict, NotFound, Unavailable

_PAGE = 500
_LOOK_SECONDS = 0.3
_CANCEL_SECONDS = 60.0
_JOB_NAME = "batch.kubernetes.io/job-name"


class Tasks:
    """The tasks of one cluster."""

    def __init__(self, api: Api, settings: PodSettings) -> None:
        self._api = api
        self._settings = settings

    async def start(self, key: str, workload: Workload, command: str, seconds: int) -> None:
        """Run a command once; the project's namespace is there."""
        space, name = names.namespace(workload.project), names.task(workload.ref, key)
        if await self._api.get("Job", space, name):
            return
        if workload.pull_secret is not None:
            await self._api.apply(manifests.pull_secret(workload, workload.pull_secret))
        await self._api.apply(manifests.variables(workload, name))
        user = await self._user(workload.ref)
        job = manifests.task(workload, self._settings, key, command, seconds, user)
        try:
            made = await self._api.create(job)
        except Conflict:
            return
        await self._hand_over(space, name, made)

    async def status(self, ref: WorkloadRef, key: str) -> TaskStatus | None:
        """How a task stands. One that can never begin is ended here, so that nobody waits."""
        seen = await self._seen(ref, key)
        if seen is None or seen.outcome == "deleted":
            return None
        if seen.pod is not None and problems.needs_user([seen.pod]) and not _has_user(seen.job):
            await self._begin_as_user(ref, seen.job)
            return TaskStatus(state="running")
        if (words := seen.hopeless()) and not seen.outcome:
            await self._decide(seen.job, "failed", words, suspend=True)
            return TaskStatus(state="failed", detail=words)
        status = seen.status()
        if status.state == "running" and seen.pod is None:
            return status.model_copy(update={"detail": await self._unmade(seen.job)})
        return status.model_copy(update={"frames": await self._last_frame(seen)})

    async def log(self, ref: WorkloadRef, key: str, after: int, wait: float) -> Sequence[LogFrame]:
        """Some frames after a number; where there is none yet, waits for one or for the end."""
        deadline = time.monotonic() + wait
        while True:
            seen = await self._seen(ref, key)
            if seen is None or seen.outcome == "deleted":
                return ()
            found = await self._frames(seen, after)
            left = deadline - time.monotonic()
            if found or left <= 0 or not seen.is_alive:
                return found[:_PAGE]
            await asyncio.sleep(min(_LOOK_SECONDS, left))

    async def cancel(self, ref: WorkloadRef, key: str) -> None:
        """End a task, and return when it has ended."""
        if not await self._job(ref, key) and await self._never(ref, key):
            return
        deadline = time.monotonic() + _CANCEL_SECONDS
        while True:
            seen = await self._seen(ref, key)
            if seen is None or seen.is_settled:
                return
            await self._end(seen)
            if time.monotonic() > deadline:
                raise Unavailable(f"Task {key} does not end: its node does not answer; try again")
            await asyncio.sleep(_LOOK_SECONDS)

    async def delete(self, ref: WorkloadRef, key: str) -> None:
        """Forget a task; its Job stays as a mark."""
        if not (job := await self._job(ref, key)):
            return
        await self.cancel(ref, key)
        space, name = names.namespace(ref.project), job["metadata"]["name"]
        await self._decide(job, "deleted")
        await self._api.delete_all("Pod", space, {_JOB_NAME: name})
        await self._api.delete("Secret", space, name)

    async def scheduled(self, ref: WorkloadRef) -> Sequence[ScheduledRun]:
        """The runs of schedules, newest first."""
        space = names.namespace(ref.project)
        crons = await self._api.find("CronJob", space, names.of_release(ref))
        schedules = {cron["metadata"]["name"] for cron in crons}
        made = await self._api.find("Job", space, names.of_release(ref))
        begun = [job for job in made if _owner(job) in schedules]
        found = await self._api.find(
            "Pod", space, {**names.of_release(ref), names.COMPONENT: names.ONCE}
        )
        by_job = {pod["metadata"]["labels"].get(_JOB_NAME): pod for pod in found}
        runs = [_run(Seen(job, by_job.get(job["metadata"]["name"]))) for job in begun]
        return sorted(runs, key=lambda run: run.started_at or problems.MOMENT, reverse=True)

    async def _job(self, ref: WorkloadRef, key: str) -> Json | None:
        """The Job of a key: a task's, or a schedule's, whose key is its name."""
        space = names.namespace(ref.project)
        job = await self._api.get("Job", space, names.task(ref, key))
        if job is None and key.startswith("schedule-"):
            job = await self._api.get("Job", space, key)
        is_its = job and job["metadata"]["labels"].get(names.RELEASE) == str(ref.release)
        return job if is_its else None

    async def _seen(self, ref: WorkloadRef, key: str) -> Seen | None:
        if not (job := await self._job(ref, key)):
            return None
        space, name = names.namespace(ref.project), job["metadata"]["name"]
        found = await self._api.find("Pod", space, {_JOB_NAME: name})
        own = [pod for pod in found if _owner_uid(pod) == job["metadata"]["uid"]]
        return Seen(job, own[-1] if own else None)

    async def _frames(self, seen: Seen, after: int, **query: str) -> list[LogFrame]:
        if seen.pod is None:
            return []
        meta = seen.pod["metadata"]
        start = frames.origin(meta["creationTimestamp"])
        asked = {"container": names.CONTAINER, "timestamps": "true", **query}
        if after:
            asked["sinceTime"] = frames.since(start, after)
        log = await self._api.log(meta["namespace"], meta["name"], asked)
        return frames.read(log, start, after, not seen.is_alive)

    async def _last_frame(self, seen: Seen) -> int:
        """The number of the last line. Lines of one moment are told apart by what is before them,
        so the last second is read as a whole. A node keeps a long line in pieces, and its end may
        be all that two of them show: then its beginning has to be looked for."""
        last = await self._frames(seen, 0, tailLines="2")
        if len(last) < 2:
            whole = await self._frames(seen, 0)
            return whole[-1].n if whole else 0
        whole = await self._frames(seen, max(1, last[-1].n - 1))
        return whole[-1].n if whole else last[-1].n

    async def _unmade(self, job: Json) -> str:
        """Why the cluster makes no pod for a task; empty where it just has not yet."""
        meta = job["metadata"]
        about = f"involvedObject.uid={meta['uid']},reason=FailedCreate"
        events = await self._api.find("Event", meta["namespace"], fields=about)
        return f"It waits: {events[-1].get('message', '')}" if events else ""

    async def _end(self, seen: Seen) -> None:
        """Ask for its end once. A running pod ends by its own deadline, which keeps its log; one
        that has not begun is taken away by suspending its Job."""
        is_running = seen.phase == "Running"
        if not seen.outcome:
            await self._decide(seen.job, "canceled", suspend=not is_running)
        if is_running and seen.pod and seen.pod["spec"].get("activeDeadlineSeconds") != 1:
            meta = seen.pod["metadata"]
            change = {"spec": {"activeDeadlineSeconds": 1}}
            try:
                await self._api.patch("Pod", meta["namespace"], meta["name"], change)
            except NotFound:
                return

    async def _decide(
        self, job: Json, outcome: str, detail: str = "", suspend: bool = False
    ) -> None:
        meta = job["metadata"]
        change: Json = {"metadata": {"annotations": {names.OUTCOME: outcome, names.DETAIL: detail}}}
        if suspend:
            change["spec"] = {"suspend": True}
        await self._api.patch("Job", meta["namespace"], meta["name"], change)

    async def _never(self, ref: WorkloadRef, key: str) -> bool:
        """Leave a Job that never runs; False where somebody has just begun the task."""
        name = names.task(ref, key)
        container = {"name": names.CONTAINER, "image": "none.invalid/never-begun"}
        job = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name,
                "namespace": names.namespace(ref.project),
                "labels": {**names.of_project(ref.project), **names.of_release(ref)},
                "annotations": {names.KEY: key, names.OUTCOME: "canceled"},
            },
            "spec": {
                "suspend": True,
                "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
            },
        }
        try:
            await self._api.create(job)
        except Conflict:
            return False
        return True

    async def _hand_over(self, space: str, name: str, job: Json) -> None:
        """Let the task's variables go with its Job."""
        owner = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": name,
            "uid": job["metadata"]["uid"],
        }
        change = {"metadata": {"ownerReferences": [owner]}}
        try:
            await self._api.patch("Secret", space, name, change)
        except NotFound:
            return

    async def _user(self, ref: WorkloadRef) -> int | None:
        """The user that the release's image had to be given, where it runs already."""
        web = await self._api.get(
            "Deployment", names.namespace(ref.project), names.web(ref.release)
        )
        return _user_of(web["spec"]["template"]) if web else None

    async def _begin_as_user(self, ref: WorkloadRef, job: Json) -> None:
        """Begin a task anew with a user by number; nothing of it has run yet."""
        meta, spec = job["metadata"], job["spec"]
        own = ("controller-uid", "job-name")
        template = spec["template"]
        labels = template["metadata"]["labels"]
        template["metadata"]["labels"] = {
            name: value for name, value in labels.items() if not name.endswith(own)
        }
        template["spec"]["securityContext"] = pods.security(pods.DEFAULT_USER)
        fresh = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {key: meta[key] for key in ("name", "namespace", "labels", "annotations")},
            "spec": {
                "backoffLimit": 0,
                "activeDeadlineSeconds": spec["activeDeadlineSeconds"],
                "template": template,
            },
        }
        # Not its Secret: what belonged to the old Job would go with it.
        await self._api.patch(
            "Secret", meta["namespace"], meta["name"], {"metadata": {"ownerReferences": None}}
        )
        try:
            # Whoever has canceled it meanwhile has changed it, and is not passed over.
            await self._api.delete("Job", meta["namespace"], meta["name"], as_seen=job)
            made = await self._api.create(fresh)
        except Conflict:
            return
        await self._hand_over(meta["namespace"], meta["name"], made)


def _run(seen: Seen) -> ScheduledRun:
    status = seen.status()
    return ScheduledRun(
        schedule=seen.job["metadata"]["labels"].get(names.SCHEDULE, ""),
        key=seen.job["metadata"]["name"],
        state=status.state,
        exit_code=status.exit_code,
        started_at=status.started_at or problems.moment(seen.job["status"].get("startTime")),
        finished_at=status.finished_at,
    )


def _owner(made: Json) -> str:
    owners: list[Any] = made["metadata"].get("ownerReferences") or [{}]
    return str(owners[0].get("name", ""))


def _owner_uid(made: Json) -> str:
    owners: list[Any] = made["metadata"].get("ownerReferences") or [{}]
    return str(owners[0].get("uid", ""))


def _user_of(template: Json) -> int | None:
    user: int | None = (template["spec"].get("securityContext") or {}).get("runAsUser")
    return user


def _has_user(job: Json) -> bool:
    return _user_of(job["spec"]["template"]) is not None
