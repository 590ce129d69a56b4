"""What a Job and its pod say of a task: how it stands, and why it ended."""

from dataclasses import dataclass
from datetime import datetime

from shared.clusters.kubernetes import names, problems
from shared.clusters.kubernetes.api import Json
from shared.clusters.port import TaskState, TaskStatus

_HOPELESS = ("ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_HOPELESS_START = ("CreateContainerConfigError", "CreateContainerError")


@dataclass(frozen=True, slots=True)
class Seen:
    """A Job, and its pod where there is one."""

    job: Json
    pod: Json | None

    @property
    def outcome(self) -> str:
        """What was decided about it: canceled, failed, deleted, or nothing."""
        return annotation(self.job, names.OUTCOME)

    @property
    def phase(self) -> str:
        """Its pod's phase; empty without one."""
        return str(self.pod["status"].get("phase", "")) if self.pod else ""

    @property
    def is_alive(self) -> bool:
        """Whether a process of it may be running."""
        return self.phase in ("Pending", "Running", "Unknown")

    @property
    def is_settled(self) -> bool:
        """Whether nothing of it is alive, and nothing can begin any more."""
        is_closed = {"Complete", "Failed", "Suspended"} & set(self._conditions())
        return not self.is_alive and (self.pod is not None or bool(is_closed))

    def status(self) -> TaskStatus:
        """How it stands; ``frames`` are not counted here."""
        if self.is_alive:
            return TaskStatus(state="running", detail=self._waits_for(), started_at=self._started())
        if self.outcome == "canceled":
            return self._ended("canceled")
        if self.outcome == "failed":
            return self._ended("failed", annotation(self.job, names.DETAIL))
        if self.pod is not None:
            return self._by_pod()
        return self._by_conditions()

    def hopeless(self) -> str:
        """Why its container will never be, in words; empty where it may."""
        if self.phase != "Pending" or self.pod is None:
            return ""
        waiting = (problems.container(self.pod).get("state") or {}).get("waiting") or {}
        reason, message = waiting.get("reason"), str(waiting.get("message") or "")
        if reason in _HOPELESS:
            return problems.image_words(self.pod["spec"]["containers"][0]["image"], message)
        return problems.start_words(message) if reason in _HOPELESS_START else ""

    def _by_pod(self) -> TaskStatus:
        assert self.pod is not None
        ended = (problems.container(self.pod).get("state") or {}).get("terminated") or {}
        code = ended.get("exitCode")
        reason = self.pod["status"].get("reason")
        if reason == "DeadlineExceeded":
            seconds = self.pod["spec"].get("activeDeadlineSeconds")
            return self._ended("failed", f"It took longer than {seconds} s and was ended")
        if reason == "Evicted":
            return self._ended("failed", str(self.pod["status"].get("message", "")), code)
        if self.phase == "Succeeded":
            return self._ended("succeeded", "", 0)
        if code is None or _is_disrupted(self.pod):
            return self._ended("lost", "The node that it ran on was lost or emptied")
        if ended.get("reason") == "OOMKilled":
            limit = problems.memory_words(
                self.pod["spec"]["containers"][0]["resources"]["limits"]["memory"]
            )
            return self._ended(
                "failed", f"It used more than its {limit} of memory and was ended", code
            )
        if ended.get("reason") in ("StartError", "ContainerCannotRun"):
            return self._ended("failed", problems.start_words(str(ended.get("message") or "")))
        return self._ended("failed", "", code)

    def _by_conditions(self) -> TaskStatus:
        conditions = self._conditions()
        if "Failed" in conditions and conditions["Failed"].get("reason") == "DeadlineExceeded":
            return self._ended("failed", "No node took it in time: it was never begun")
        if "Failed" in conditions or "Complete" in conditions:
            return self._ended("lost", "What it left in the cluster was deleted by somebody else")
        return TaskStatus(state="running")

    def _ended(self, state: TaskState, detail: str = "", code: int | None = None) -> TaskStatus:
        return TaskStatus(
            state=state,
            exit_code=code,
            detail=detail,
            started_at=self._started(),
            finished_at=self._finished(),
        )

    def _started(self) -> datetime | None:
        state = problems.container(self.pod or {}).get("state") or {}
        begun = state.get("running") or state.get("terminated") or {}
        return problems.moment(begun.get("startedAt"))

    def _finished(self) -> datetime | None:
        state = problems.container(self.pod or {}).get("state") or {}
        ended = (state.get("terminated") or {}).get("finishedAt")
        times = [one.get("lastTransitionTime") for one in self._conditions().values()]
        return problems.moment(ended or next(iter(times), None))

    def _conditions(self) -> dict[str, Json]:
        told = self.job.get("status", {}).get("conditions") or ()
        return {one["type"]: one for one in told if one["status"] == "True"}

    def _waits_for(self) -> str:
        for one in (self.pod or {}).get("status", {}).get("conditions") or ():
            if one.get("reason") == "Unschedulable":
                return f"It waits for a node with room: {one.get('message', '')}"
        return ""


def annotation(made: Json, name: str) -> str:
    """An annotation; empty where there is none."""
    return str((made["metadata"].get("annotations") or {}).get(name, ""))


def _is_disrupted(pod: Json) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(one["type"] == "DisruptionTarget" and one["status"] == "True" for one in conditions)
