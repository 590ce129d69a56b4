"""Kubernetes as a cluster of the port: which objects are applied, read and changed, in which order.

How they look is ``manifests``' and ``pods``' business, what they say ``status``' and ``problems``'.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from shared.builders.port import LogFrame
from shared.clusters.errors import ClusterRefused
from shared.clusters.kubernetes import access, manifests, names, pods, problems, project, status
from shared.clusters.kubernetes.api import Api, Json
from shared.clusters.kubernetes.pods import PodSettings
from shared.clusters.kubernetes.tasks import Tasks
from shared.clusters.port import (
    Capability,
    Problem,
    ScheduledRun,
    TaskStatus,
    Workload,
    WorkloadRef,
    WorkloadStatus,
)
from shared.errors import Conflict, NotFound, Unavailable

if TYPE_CHECKING:
    from kubernetes.client import Configuration

_OF_A_RELEASE = (
    "HorizontalPodAutoscaler",
    "CronJob",
    "Deployment",
    "Job",
    "PodDisruptionBudget",
    "Secret",
)
_TELLING = ("crashing", "exited", "out_of_memory", "start_failed", "not_listening", "unhealthy")
_LAST_LINES = 20


class KubernetesCluster:
    """One cluster. ``load_config`` gives the access to it, and fresh access when that is refused.

    ``denied_networks`` are the ranges that no app may reach: the cluster's own and its neighbours.
    """

    logs_restarts = False
    capabilities: frozenset[Capability] = frozenset(
        ("autoscaling", "schedules", "images", "network_policy")
    )

    def __init__(
        self,
        load_config: "Callable[[], Configuration]",
        *,
        runtime_class: str = "",
        denied_networks: Sequence[str] = project.PRIVATE_NETWORKS,
        quota: Mapping[str, str] = project.DEFAULT_QUOTA,
        drain_seconds: int = 5,
        follow_seconds: float = 0.0,
    ) -> None:
        self.follow_seconds = follow_seconds
        self._api = Api(load_config)
        self._settings = PodSettings(runtime_class, drain_seconds)
        self._denied = tuple(denied_networks)
        self._quota = dict(quota)
        self._tasks = Tasks(self._api, self._settings)

    @classmethod
    def from_kubeconfig(
        cls,
        path: str,
        *,
        runtime_class: str = "",
        denied_networks: Sequence[str] = project.PRIVATE_NETWORKS,
        quota: Mapping[str, str] = project.DEFAULT_QUOTA,
        drain_seconds: int = 5,
        follow_seconds: float = 0.0,
    ) -> "KubernetesCluster":
        """The cluster of a kubeconfig's current context; the file is read on first use."""

        return cls(
            partial(access.from_file, path),
            runtime_class=runtime_class,
            denied_networks=denied_networks,
            quota=quota,
            drain_seconds=drain_seconds,
            follow_seconds=follow_seconds,
        )

    async def apply(self, workload: Workload, replicas: int) -> None:
        """Bring a workload to this, with at least so many replicas."""
        await self._apply_project(workload.project)
        secret, *_ = await asyncio.gather(
            self._api.apply(manifests.variables(workload, names.variables(workload.release))),
            self._api.apply(manifests.service(workload)),
            self._api.apply(manifests.budget(workload)),
            self._apply_pull_secret(workload),
        )
        # Unchanged variables keep the version; others give the pods another template.
        version = f"{secret['metadata']['uid']}.{secret['metadata']['resourceVersion']}"
        await asyncio.gather(
            self._apply_web(workload, replicas, version),
            *(self._apply_worker(workload, name, replicas, version) for name in workload.workers),
            *(self._apply_schedule(workload, name, replicas) for name in workload.schedules),
            self._prune(workload),
        )

    async def status(self, ref: WorkloadRef) -> WorkloadStatus | None:
        """How a workload stands; None where there is none of that name."""
        space, release = names.namespace(ref.project), names.of_release(ref)
        deployments, service, found, metrics = await asyncio.gather(
            self._api.find("Deployment", space, release),
            self._api.get("Service", space, names.web(ref.release)),
            self._api.find("Pod", space, release),
            self._usage(space, release),
        )
        web = next((one for one in deployments if _is_web(one)), None)
        if web is None:
            return None
        of_processes = [
            pod for pod in found if pod["metadata"]["labels"][names.COMPONENT] != names.ONCE
        ]
        told = status.of(web, service, of_processes, metrics)
        # A worker's name sorts behind: what answers requests is told of first.
        ordered = [web, *(one for one in deployments if one is not web)]
        return told.model_copy(update={"problem": await self._problem(ordered, of_processes)})

    async def scale(self, ref: WorkloadRef, replicas: int) -> None:
        """At least so many replicas from now on; raises NotFound."""
        space, release = names.namespace(ref.project), names.of_release(ref)
        name = names.web(ref.release)
        web = await self._api.get("Deployment", space, name)
        if web is None:
            raise _unknown(ref)
        if replicas and await self._raise_floor(space, name, replicas):
            # How far above the floor is the autoscaler's business.
            replicas = max(replicas, web["spec"]["replicas"])
        await self._set_replicas(space, name, replicas)
        workers, crons = await asyncio.gather(
            self._api.find("Deployment", space, release), self._api.find("CronJob", space, release)
        )
        for one in workers:
            if not _is_web(one):
                wanted = int(one["metadata"]["annotations"][names.REPLICAS]) if replicas else 0
                await self._set_replicas(space, one["metadata"]["name"], wanted)
        for one in crons:
            change = {"spec": {"suspend": not replicas}}
            await self._api.patch("CronJob", space, one["metadata"]["name"], change)

    async def restart(self, ref: WorkloadRef) -> None:
        """Replace every process, one after another."""
        space = names.namespace(ref.project)
        found = await self._api.find("Deployment", space, names.of_release(ref))
        if not found:
            raise _unknown(ref)
        mark = {names.RESTARTED: datetime.now(UTC).isoformat()}
        change = {"spec": {"template": {"metadata": {"annotations": mark}}}}
        for one in found:
            await self._api.patch("Deployment", space, one["metadata"]["name"], change)

    async def delete(self, ref: WorkloadRef) -> None:
        """End and forget a workload; silent where there is none."""
        space = names.namespace(ref.project)
        for kind in _OF_A_RELEASE:
            await self._api.delete_all(kind, space, names.of_release(ref))
        await self._api.delete("Service", space, names.web(ref.release))

    async def delete_project(self, project: UUID) -> None:
        """End and forget everything of a project."""
        with suppress(Conflict):  # it is being deleted already, which takes the cluster a while
            await self._api.delete("Namespace", "", names.namespace(project))

    async def start_task(self, key: str, workload: Workload, command: str, seconds: int) -> None:
        """Run a command once, unless its key has a task, has had one, or was canceled."""
        await self._apply_project(workload.project)
        await self._tasks.start(key, workload, command, seconds)

    async def task_status(self, ref: WorkloadRef, key: str) -> TaskStatus | None:
        """How a task stands; None where the key is unknown."""
        return await self._tasks.status(ref, key)

    async def task_log(
        self, ref: WorkloadRef, key: str, after: int, wait: float = 0
    ) -> Sequence[LogFrame]:
        """Frames after the frame of that number, some at a time."""
        return await self._tasks.log(ref, key, after, wait)

    async def cancel_task(self, ref: WorkloadRef, key: str) -> None:
        """End a task; returns when nothing of it is alive, and no later start can begin it."""
        await self._apply_project(ref.project)
        await self._tasks.cancel(ref, key)

    async def delete_task(self, ref: WorkloadRef, key: str) -> None:
        """Forget a task that has ended; a running one is canceled first."""
        await self._tasks.delete(ref, key)

    async def scheduled_runs(self, ref: WorkloadRef) -> Sequence[ScheduledRun]:
        """The latest runs of a workload's schedules, newest first."""
        return await self._tasks.scheduled(ref)

    async def close(self) -> None:
        """Close its connections."""
        await self._api.close()

    async def _apply_project(self, of: UUID) -> None:
        space, *rest = project.manifests(of, self._quota, self._denied)
        await self._api.apply(space)
        await asyncio.gather(*map(self._api.apply, rest))

    async def _apply_pull_secret(self, workload: Workload) -> None:
        if workload.pull_secret is not None:
            await self._api.apply(manifests.pull_secret(workload, workload.pull_secret))

    async def _apply_web(self, workload: Workload, replicas: int, version: str) -> None:
        space, name = names.namespace(workload.project), names.web(workload.release)
        scales_itself = manifests.has_autoscaler(workload)
        wanted = replicas
        if replicas and scales_itself:
            there = await self._api.get("Deployment", space, name)
            now = there["spec"]["replicas"] if there else 0
            wanted = min(max(now, replicas), max(replicas, workload.scaling.maximum))
        await self._api.apply(manifests.web(workload, self._settings, version, wanted))
        if not scales_itself:
            await self._api.delete("HorizontalPodAutoscaler", space, name)
        else:
            await self._api.apply(manifests.autoscaler(workload, replicas))

    async def _apply_worker(
        self, workload: Workload, name: str, replicas: int, version: str
    ) -> None:
        await self._api.apply(
            manifests.worker(workload, self._settings, name, version, bool(replicas))
        )

    async def _apply_schedule(self, workload: Workload, name: str, replicas: int) -> None:
        await self._api.apply(manifests.cron(workload, self._settings, name, bool(replicas)))

    async def _prune(self, workload: Workload) -> None:
        """Delete workers and schedules that the workload has no more."""
        space, release = names.namespace(workload.project), names.of_release(workload.ref)
        kept = {names.web(workload.release)}
        kept |= {names.worker(workload.release, name) for name in workload.workers}
        kept |= {names.schedule(workload.release, name) for name in workload.schedules}
        for kind in ("Deployment", "CronJob"):
            for one in await self._api.find(kind, space, release):
                if one["metadata"]["name"] not in kept:
                    await self._api.delete(kind, space, one["metadata"]["name"])

    async def _raise_floor(self, space: str, name: str, replicas: int) -> bool:
        """Tell the autoscaler the least; False where there is none."""
        found = await self._api.get("HorizontalPodAutoscaler", space, name)
        if found is None:
            return False
        most = max(replicas, found["spec"]["maxReplicas"])
        change = {"spec": {"minReplicas": replicas, "maxReplicas": most}}
        await self._api.patch("HorizontalPodAutoscaler", space, name, change)
        return True

    async def _set_replicas(self, space: str, name: str, replicas: int) -> None:
        await self._api.patch("Deployment", space, name, {"spec": {"replicas": replicas}})

    async def _usage(self, space: str, labels: Mapping[str, str]) -> dict[str, Json]:
        """What pods use; empty where nobody measures it, or the one who does is away."""
        try:
            found = await self._api.find("PodMetrics", space, labels)
        except (Unavailable, ClusterRefused):
            return {}
        return {one["metadata"]["name"]: one for one in found}

    async def _problem(self, deployments: Sequence[Json], found: Sequence[Json]) -> Problem | None:
        unwell = [one for one in deployments if status.is_unwell(one)]
        if not unwell:
            return None
        space = unwell[0]["metadata"]["namespace"]
        release = {names.RELEASE: unwell[0]["metadata"]["labels"][names.RELEASE]}
        sets, events = await asyncio.gather(
            self._api.find("ReplicaSet", space, release), self._api.find("Event", space)
        )
        for one in unwell:
            own = status.newest(one, sets, found)
            if problems.needs_user(own):
                # What they say is over as soon as the cluster has made others.
                await self._give_user(one)
                return None
            if problem := problems.find(problems.Scene(one, own, events)):
                return await self._with_lines(problem, own)
        return None

    async def _give_user(self, deployment: Json) -> None:
        """Let an image run as a user by number that names root, or its user by a word."""
        if deployment["spec"]["template"]["spec"]["securityContext"].get("runAsUser"):
            return
        meta = deployment["metadata"]
        template = {"template": {"spec": {"securityContext": pods.security(pods.DEFAULT_USER)}}}
        await self._api.patch("Deployment", meta["namespace"], meta["name"], {"spec": template})
        release = {names.RELEASE: meta["labels"][names.RELEASE]}
        for cron in await self._api.find("CronJob", meta["namespace"], release):
            change = {"spec": {"jobTemplate": {"spec": template}}}
            await self._api.patch("CronJob", meta["namespace"], cron["metadata"]["name"], change)

    async def _with_lines(self, problem: Problem, found: Sequence[Json]) -> Problem:
        """A problem with what the process wrote last."""
        if problem.reason not in _TELLING:
            return problem
        for pod in found:
            lines = await self._told_last(pod)
            if lines:
                return problem.model_copy(update={"last_lines": lines})
        return problem

    async def _told_last(self, pod: Json) -> tuple[str, ...]:
        """Of the life before where a new one began; of the other where nothing is left of that."""
        began_anew = problems.container(pod).get("restartCount", 0) > 0
        lines = await self._last_lines(pod, previous=began_anew)
        if lines or not began_anew:
            return lines
        return await self._last_lines(pod, previous=False)

    async def _last_lines(self, pod: Json, previous: bool) -> tuple[str, ...]:
        query = {"container": names.CONTAINER, "tailLines": str(_LAST_LINES)}
        if previous:
            query["previous"] = "true"
        meta = pod["metadata"]
        log = await self._api.log(meta["namespace"], meta["name"], query)
        return tuple(log.decode(errors="replace").splitlines())


def _is_web(deployment: Json) -> bool:
    return str(deployment["metadata"]["name"]).startswith("web-")


def _unknown(ref: WorkloadRef) -> NotFound:
    return NotFound(f"The cluster has nothing of release {ref.release}: bring it up first")
