"""Which restarts are told of."""

from shared.clusters.port import ReplicaStatus, WorkloadStatus
from shared.workloads.restarts import restarted


def status(**restarts: int) -> WorkloadStatus:
    replicas = tuple(
        ReplicaStatus(name=name, ready=True, restarts=count) for name, count in restarts.items()
    )
    return WorkloadStatus(wanted=len(replicas), ready=len(replicas), replicas=replicas)


def told(before: WorkloadStatus | None, now: WorkloadStatus) -> list[str]:
    row = {"status": before.model_dump(mode="json") if before else None}
    return [one.name for one in restarted(row, now)]


def test_only_more_restarts_than_were_known_are_told() -> None:
    assert told(status(a=1, b=0), status(a=1, b=2)) == ["b"]


def test_a_replica_that_is_new_and_well_is_not_told() -> None:
    assert told(status(a=1), status(b=0)) == []


def test_a_first_look_tells_what_happened_before_it() -> None:
    assert told(None, status(a=1)) == ["a"]
