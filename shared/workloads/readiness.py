"""When to give up on replicas that do not get ready, and what to say of them."""

from dataclasses import dataclass

from shared.clusters.port import Problem, ProblemReason, WorkloadStatus

_MOST_RESTARTS = 2
_IMAGE_SECONDS = 20.0
_ROOM_SECONDS = 60.0
_SPARE_SECONDS = 10.0
_SILENT_SECONDS = 60.0

_TITLES: dict[ProblemReason, str] = {
    "image_unavailable": "The image cannot be pulled",
    "crashing": "The app crashes",
    "exited": "The app ends by itself",
    "out_of_memory": "The app ran out of memory",
    "not_listening": "The app does not listen at its port",
    "unhealthy": "The health check fails",
    "no_room": "There is no room to run it",
    "start_failed": "The app cannot be started",
}


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Why it is not waited for any longer: a code, what happened, and what to do."""

    code: str
    title: str
    detail: str
    problem: Problem | None = None


def given_up(status: WorkloadStatus, grace_seconds: float, seconds: float) -> GivenUp | None:
    """Whether it makes no sense to wait longer, ``seconds`` after the start."""
    problem = status.problem
    if problem is None:
        return _silent(grace_seconds, seconds)
    if not _is_final(status, problem, grace_seconds, seconds):
        return None
    title = _TITLES[problem.reason]
    return GivenUp(f"rollout_{problem.reason}", title, problem.detail, problem)


def is_ready(status: WorkloadStatus, replicas: int) -> bool:
    """Whether requests can be sent to all that was asked for."""
    return status.current and status.ready >= replicas and bool(status.addresses)


def _is_final(status: WorkloadStatus, problem: Problem, grace: float, seconds: float) -> bool:
    if problem.is_final:
        return True
    match problem.reason:
        case "start_failed":
            return True
        case "image_unavailable":
            return seconds >= _IMAGE_SECONDS
        case "no_room":
            return seconds >= _ROOM_SECONDS
        case "crashing" | "exited" | "out_of_memory":
            return any(one.restarts >= _MOST_RESTARTS for one in status.replicas)
        case _:
            return seconds >= grace + _SPARE_SECONDS


def _silent(grace: float, seconds: float) -> GivenUp | None:
    if seconds < grace + _SILENT_SECONDS:
        return None
    return GivenUp(
        "rollout_not_ready",
        "The app does not get ready",
        f"Its replicas were not ready after {seconds:.0f} s. Next: see what it logs at its start,"
        " and raise grace_seconds of readiness if it needs longer",
    )
