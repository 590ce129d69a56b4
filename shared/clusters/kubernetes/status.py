"""How a workload stands, read from its objects. Why it does not is ``problems``' business."""

from collections.abc import Mapping, Sequence

from shared.clusters.kubernetes import names, problems
from shared.clusters.kubernetes.api import Json
from shared.clusters.port import ReplicaStatus, WorkloadStatus

_CPU = {"n": 1e-6, "u": 1e-3, "m": 1.0, "": 1000.0}
_MEMORY = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "k": 1000, "M": 1000**2, "": 1}


def of(
    web: Json, service: Json | None, pods: Sequence[Json], usage: Mapping[str, Json]
) -> WorkloadStatus:
    """The status, without its problem."""
    said = web.get("status", {})
    wanted = int(web["spec"].get("replicas", 1))
    is_observed = said.get("observedGeneration", 0) >= web["metadata"]["generation"]
    is_new = said.get("updatedReplicas", 0) == said.get("replicas", 0)
    return WorkloadStatus(
        wanted=wanted,
        ready=min(int(said.get("readyReplicas", 0)), wanted),
        current=is_observed and is_new,
        addresses=_addresses(service),
        replicas=tuple(_replica(pod, usage.get(pod["metadata"]["name"])) for pod in pods),
    )


def is_unwell(deployment: Json) -> bool:
    """Whether a replica that is wanted is not there, or not yet of what was applied last.

    Before the cluster has seen what that is, it speaks of what was before.
    """
    said, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
    if said.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return False
    is_whole = said.get("readyReplicas", 0) >= wanted and said.get("updatedReplicas", 0) >= wanted
    is_failing = any(
        one["type"] == "ReplicaFailure" and one["status"] == "True"
        for one in said.get("conditions") or ()
    )
    return bool(wanted) and (not is_whole or is_failing or said.get("unavailableReplicas", 0) > 0)


def newest(deployment: Json, sets: Sequence[Json], pods: Sequence[Json]) -> list[Json]:
    """The pods of what was applied last."""
    mark = "deployment.kubernetes.io/revision"
    revision = (deployment["metadata"].get("annotations") or {}).get(mark)
    owners = {
        one["metadata"]["uid"]
        for one in sets
        if (one["metadata"].get("annotations") or {}).get(mark) == revision
        and _owner(one) == deployment["metadata"]["uid"]
    }
    return [pod for pod in pods if _owner(pod) in owners]


def _owner(made: Json) -> str:
    owners: list[Json] = made["metadata"].get("ownerReferences") or [{}]
    return str(owners[0].get("uid", ""))


def _addresses(service: Json | None) -> tuple[str, ...]:
    if service is None:
        return ()
    address, port = service["spec"].get("clusterIP", ""), service["spec"]["ports"][0]["port"]
    return (f"[{address}]:{port}" if ":" in address else f"{address}:{port}",) if address else ()


def _replica(pod: Json, usage: Json | None) -> ReplicaStatus:
    status = problems.container(pod)
    running = (status.get("state") or {}).get("running") or {}
    ended = (status.get("lastState") or {}).get("terminated")
    limit = problems.memory_words(pod["spec"]["containers"][0]["resources"]["limits"]["memory"])
    used = (usage or {}).get("containers") or [{}]
    return ReplicaStatus(
        name=pod["metadata"]["name"],
        process=pod["metadata"]["labels"][names.PROCESS],
        ready=problems.is_ready(pod),
        restarts=int(status.get("restartCount", 0)),
        started_at=problems.moment(running.get("startedAt")),
        cpu_millis=_amount(used[0].get("usage", {}).get("cpu"), _CPU),
        memory_bytes=_amount(used[0].get("usage", {}).get("memory"), _MEMORY),
        last_end=problems.end_words(ended, limit) if ended else None,
        last_exit_code=ended.get("exitCode") if ended else None,
    )


def _amount(quantity: str | None, units: Mapping[str, float]) -> int | None:
    """A quantity as Kubernetes writes it, such as ``250m`` or ``12Mi``."""
    if not quantity:
        return None
    number = quantity.rstrip("KMGiknum")
    return round(float(number) * units[quantity.removeprefix(number)])
