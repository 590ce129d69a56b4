"""When a rollout waits no longer: at once where waiting cannot help."""

import pytest

from shared.clusters.port import Problem, ProblemReason, ReplicaStatus, WorkloadStatus
from shared.workloads.readiness import given_up


def _status(reason: ProblemReason, *, is_final: bool = False, restarts: int = 0) -> WorkloadStatus:
    problem = Problem(reason=reason, detail="Because.", is_final=is_final)
    replica = ReplicaStatus(name="web-0", ready=False, restarts=restarts)
    return WorkloadStatus(wanted=1, ready=0, replicas=(replica,), problem=problem)


@pytest.mark.parametrize("reason", ["image_unavailable", "start_failed", "unhealthy"])
def test_what_is_final_is_not_waited_for(reason: ProblemReason) -> None:
    found = given_up(_status(reason, is_final=True), grace_seconds=120, seconds=0)
    assert found is not None
    assert (found.code, found.detail) == (f"rollout_{reason}", "Because.")


def test_an_image_may_come_for_a_while() -> None:
    status = _status("image_unavailable")
    assert given_up(status, grace_seconds=1, seconds=5) is None
    assert given_up(status, grace_seconds=1, seconds=25) is not None


def test_a_crash_counts_when_it_comes_again() -> None:
    assert given_up(_status("crashing", restarts=1), grace_seconds=1, seconds=50) is None
    assert given_up(_status("crashing", restarts=2), grace_seconds=1, seconds=0) is not None
