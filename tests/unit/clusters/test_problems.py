"""What Kubernetes says of pods, read for those who wrote the app: what no test brings about."""

from typing import Any

import pytest

from shared.clusters.kubernetes import problems
from shared.clusters.kubernetes.jobs import Seen
from shared.clusters.kubernetes.status import is_unwell, newest
from shared.clusters.port import Problem

RESOURCES = {
    "requests": {"cpu": "500m", "memory": "536870912"},
    "limits": {"cpu": "500m", "memory": "536870912"},
}
PROBE = {"httpGet": {"path": "/health", "port": 8080}, "timeoutSeconds": 3}


def _deployment(name: str = "web-x", **status: Any) -> dict[str, Any]:
    container = {"image": "shop@sha256:1", "resources": RESOURCES, "readinessProbe": PROBE}
    return {
        "metadata": {"name": name, "uid": "d", "annotations": {}},
        "spec": {"template": {"spec": {"containers": [container]}}},
        "status": status,
    }


def _pod(container: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    told = {"phase": "Running", **status}
    if container is not None:
        told["containerStatuses"] = [container]
    return {
        "metadata": {"name": "web-x-1", "uid": "p"},
        "spec": {
            "terminationGracePeriodSeconds": 35,
            "activeDeadlineSeconds": 60,
            "containers": [{"image": "shop@sha256:1", "resources": RESOURCES}],
        },
        "status": told,
    }


def _event(reason: str, message: str, time: str = "2026-01-01T10:00:00Z") -> dict[str, Any]:
    about = {"uid": "p", "name": "web-x-1"}
    return {
        "reason": reason,
        "message": message,
        "lastTimestamp": time,
        "involvedObject": about,
        "metadata": {},
    }


def _found(pod: dict[str, Any], *events: dict[str, Any], name: str = "web-x") -> Problem | None:
    return problems.find(problems.Scene(_deployment(name), [pod], events))


def _waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason, "message": message}}, **more}


def _ended(code: int, reason: str = "Error", at: str = "2026-01-01T10:00:05Z") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": at}}


def test_the_registry_s_word_is_what_is_told_of_an_image() -> None:
    message = (
        'Failed to pull image "shop@sha256:1": failed to pull and unpack image "shop@sha256:1":'
        ' failed to resolve reference "shop@sha256:1": failed to authorize: 401 Unauthorized'
    )
    problem = _found(_pod(_waiting("ImagePullBackOff", "Back-off")), _event("Failed", message))
    assert problem is not None
    assert problem.reason == "image_unavailable"
    assert "cannot be pulled: failed to authorize: 401 Unauthorized." in problem.detail
    assert len(problem.events) == 1


@pytest.mark.parametrize("reason", ["InvalidImageName", "ErrImagePull", "RegistryUnavailable"])
def test_each_way_in_which_an_image_is_missing(reason: str) -> None:
    problem = _found(_pod(_waiting(reason, "couldn't parse image name")))
    assert problem is not None
    assert problem.reason == "image_unavailable"
    assert "couldn't parse image name" in problem.detail


def test_a_replica_without_a_shell_is_told_what_to_do() -> None:
    message = 'exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown'
    problem = _found(_pod(_waiting("RunContainerError", message)))
    assert problem is not None
    assert problem.reason == "start_failed"
    assert "needs a shell" in problem.detail


def test_one_end_may_be_chance_but_the_second_counts() -> None:
    once = {"state": {"running": {}}, "lastState": _ended(1), "restartCount": 1}
    assert _found(_pod(once)) is None
    twice = {**once, "restartCount": 2}
    problem = _found(_pod(twice))
    assert problem is not None
    assert (problem.reason, problem.exit_code) == ("crashing", 1)


def test_what_a_check_ended_is_told_by_the_check() -> None:
    status = {"state": {"running": {}}, "lastState": _ended(137), "restartCount": 1}
    killed = _event("Killing", "Container app failed liveness probe, will be restarted")
    said = _event("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500")
    problem = _found(_pod(status), said, killed)
    assert problem is not None
    assert problem.reason == "unhealthy"
    assert "500" in problem.detail
    # An end long after it has another cause.
    later = {**status, "lastState": _ended(1, at="2026-01-01T11:00:00Z"), "restartCount": 3}
    problem = _found(_pod(later), said, killed)
    assert problem is not None
    assert problem.reason == "crashing"


def test_a_check_without_an_answer_names_its_time() -> None:
    words = 'Readiness probe failed: Get "http://10.0.0.1": context deadline exceeded'
    status = {"state": {"running": {}}, "started": True}
    problem = _found(_pod(status), _event("Unhealthy", words))
    assert problem is not None
    assert problem.reason == "unhealthy"
    assert "3 s" in problem.detail


def test_before_its_grace_has_passed_nothing_is_wrong() -> None:
    words = "Startup probe failed: dial tcp 10.0.0.1:8080: connect: connection refused"
    assert (
        _found(_pod({"state": {"running": {}}, "started": False}), _event("Unhealthy", words))
        is None
    )


def test_a_replica_that_was_evicted_tells_for_what() -> None:
    message = "Pod ephemeral local storage usage exceeds the total limit of containers 64Mi."
    problem = _found(_pod(None, phase="Failed", reason="Evicted", message=message))
    assert problem is not None
    assert "64Mi" in problem.detail


def test_a_worker_is_called_by_its_name() -> None:
    name = "worker-send-mail-11111111-2222-3333-4444-555555555555"
    status = _waiting("CrashLoopBackOff", lastState=_ended(0), restartCount=4)
    problem = _found(_pod(status), name=name)
    assert problem is not None
    assert problem.reason == "exited"
    assert problem.detail.startswith("The worker send-mail ended")


def test_a_replica_that_is_ending_is_no_problem() -> None:
    pod = _pod(_waiting("CrashLoopBackOff", lastState=_ended(1), restartCount=4))
    pod["metadata"]["deletionTimestamp"] = "2026-01-01T10:00:00Z"
    assert _found(pod) is None


def test_replicas_of_an_earlier_template_are_not_looked_at() -> None:
    mark = "deployment.kubernetes.io/revision"
    deployment = _deployment()
    deployment["metadata"]["annotations"] = {mark: "2"}

    def owned(uid: str, owner: str, revision: str = "") -> dict[str, Any]:
        notes = {mark: revision}
        return {"metadata": {"uid": uid, "annotations": notes, "ownerReferences": [{"uid": owner}]}}

    sets = [owned("s1", "d", "1"), owned("s2", "d", "2"), owned("s3", "other", "2")]
    pods = [owned("p1", "s1"), owned("p2", "s2"), owned("p3", "s3")]
    assert newest(deployment, sets, pods) == [pods[1]]


@pytest.mark.parametrize(
    ("wanted", "said", "expected"),
    [
        (2, {"readyReplicas": 2, "updatedReplicas": 2}, False),
        (2, {"readyReplicas": 1, "updatedReplicas": 2}, True),
        (1, {"readyReplicas": 1, "updatedReplicas": 1, "unavailableReplicas": 1}, True),
        (0, {}, False),
        # What is said of an earlier template tells nothing of this one.
        (1, {"observedGeneration": 2}, False),
    ],
)
def test_a_workload_is_unwell_while_what_was_applied_last_is_not_ready(
    wanted: int, said: dict[str, Any], expected: bool
) -> None:
    deployment = _deployment(**{"observedGeneration": 3, **said})
    deployment["metadata"]["generation"] = 3
    deployment["spec"]["replicas"] = wanted
    assert is_unwell(deployment) is expected


def _job(*conditions: str, reason: str = "", **annotations: str) -> dict[str, Any]:
    told = [{"type": one, "status": "True", "reason": reason} for one in conditions]
    notes = {f"astrocloud.dev/{name}": value for name, value in annotations.items()}
    return {"metadata": {"annotations": notes}, "status": {"conditions": told}}


def test_a_task_whose_node_was_lost_is_lost() -> None:
    disrupted = [{"type": "DisruptionTarget", "status": "True"}]
    pod = _pod({"state": _ended(137)}, phase="Failed", conditions=disrupted)
    assert Seen(_job("Failed"), pod).status().state == "lost"
    assert Seen(_job("Failed", reason="BackoffLimitExceeded"), None).status().state == "lost"
    assert Seen(_job("Complete"), None).status().state == "lost"


def test_a_task_that_no_node_took_was_never_begun() -> None:
    status = Seen(_job("Failed", reason="DeadlineExceeded"), None).status()
    assert (status.state, status.exit_code) == ("failed", None)
    assert "No node" in status.detail


def test_a_task_that_was_evicted_tells_for_what() -> None:
    pod = _pod(None, phase="Failed", reason="Evicted", message="exceeds the total limit")
    status = Seen(_job("Failed"), pod).status()
    assert (status.state, status.detail) == ("failed", "exceeds the total limit")


def test_a_canceled_task_runs_until_nothing_of_it_is_alive() -> None:
    canceled = _job(outcome="canceled")
    assert Seen(canceled, _pod({"state": {"running": {}}})).status().state == "running"
    assert not Seen(canceled, None).is_settled
    assert Seen(_job("Suspended", outcome="canceled"), None).is_settled
    over = Seen(canceled, _pod({"state": _ended(137)}, phase="Failed", reason="DeadlineExceeded"))
    assert over.is_settled
    assert over.status().state == "canceled"
