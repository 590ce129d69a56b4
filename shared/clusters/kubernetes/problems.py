"""Why pods do not get ready, in words for those who wrote the app.

Read from what Kubernetes says of them: conditions, states of containers, events. Nothing is asked
here.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.clusters.kubernetes.api import Json
from shared.clusters.port import Problem, ProblemReason
from shared.sites.models import MIB

_IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_IMAGE_ALSO = ("RegistryUnavailable", "ImageInspectError")
_START = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
_NEVER_BEGAN = ("StartError", "ContainerCannotRun")
_SHOWN_EVENTS = 6
_IMAGE_USER = ("image will run as root", "non-numeric user")

MOMENT = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Scene:
    """One Deployment, its newest pods, and the events of the namespace."""

    deployment: Json
    pods: Sequence[Json]
    events: Sequence[Json]

    @property
    def spec(self) -> Json:
        """How its container is made."""
        container: Json = self.deployment["spec"]["template"]["spec"]["containers"][0]
        return container

    @property
    def limit(self) -> str:
        """The bound on memory, for people."""
        return memory_words(self.spec["resources"]["limits"]["memory"])

    @property
    def probe(self) -> Json:
        """What is asked to find out whether a replica is ready."""
        return self.spec.get("readinessProbe") or {}

    @property
    def port(self) -> int:
        """Where it is asked."""
        action = self.probe.get("httpGet") or self.probe.get("tcpSocket") or {}
        return int(action.get("port", 0))

    @property
    def who(self) -> str:
        """The subject of a sentence."""
        process = str(self.deployment["metadata"]["name"])
        if process.startswith("web-"):
            return "The app"
        return f"The worker {process.removeprefix('worker-')[:-37]}"


def find(scene: Scene) -> Problem | None:
    """The first problem there is; None where its pods are well, or just starting."""
    found = _unmade(scene)
    for pod in sorted(scene.pods, key=lambda pod: -(_restarts(pod))):
        found = found or _of_pod(scene, pod)
    if found is None:
        return None
    return found.model_copy(update={"events": _told(scene)})


def needs_user(pods: Iterable[Json]) -> bool:
    """Whether a pod waits because its image names no user by number."""
    messages = [str(_waiting(pod).get("message", "")) for pod in pods]
    return any(part in message for message in messages for part in _IMAGE_USER)


def container(pod: Json) -> Json:
    """The status of a pod's container; empty before there is one."""
    found: list[Json] = pod.get("status", {}).get("containerStatuses") or [{}]
    return found[0]


def is_ready(pod: Json) -> bool:
    """Whether requests go to it."""
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def end_words(ended: Json, limit: str) -> str:
    """How a life ended."""
    if ended.get("reason") == "OOMKilled":
        return f"It used more than its {limit} of memory and was ended"
    if ended.get("reason") in _NEVER_BEGAN:
        return f"It could not be started: {_short(ended.get('message', ''))}"
    return f"It ended with exit code {ended.get('exitCode')}"


def memory_words(quantity: str) -> str:
    """A bound on memory as people write it."""
    if not quantity.isdigit():
        return quantity.replace("Gi", " GiB").replace("Mi", " MiB")
    return f"{int(quantity) // MIB} MiB"


def moment(text: object) -> datetime | None:
    """A time that Kubernetes wrote."""
    return datetime.fromisoformat(str(text)) if text else None


def image_words(image: object, message: str) -> str:
    """Why an image cannot be had. A message names the image again at each step of the way; what
    comes behind the last one is the cause."""
    cause = message.rsplit(str(image), 1)[-1].strip('": ') or message
    return (
        f"The image {image} cannot be pulled: {_short(cause)}. See whether it exists under this"
        " name, and whether its pull secret is right"
    )


def start_words(message: str) -> str:
    """Why a container cannot be started."""
    if "image will run as root" in message:
        return (
            "The image runs as root, which this platform does not allow. Add a user to the"
            " Dockerfile, such as `USER 1000`, and let it own what the app writes to"
        )
    if "non-numeric user" in message:
        return (
            "The image names its user by a word, so it cannot be seen that it is not root. Write"
            " its number in the Dockerfile, such as `USER 1000`"
        )
    if "/bin/sh" in message and "no such file" in message:
        return (
            "The command needs a shell, and the image has none: write a command without shell"
            " signs ($, &&, |), or use an image with /bin/sh"
        )
    return (
        f"The command cannot be started: {_short(message)}. See that the program is in the image"
        " and that the command names it rightly"
    )


def _unmade(scene: Scene) -> Problem | None:
    """Pods that the cluster does not even make."""
    conditions = scene.deployment.get("status", {}).get("conditions") or ()
    for one in conditions:
        if one["type"] == "ReplicaFailure" and one["status"] == "True":
            message = one.get("message", "")
            if "quota" in message:
                return _problem(
                    "no_room",
                    f"The project has reached what it may use in the cluster: {_short(message)}."
                    " Use fewer or smaller replicas, or stop what is not needed",
                )
            return _problem(
                "start_failed", f"The cluster does not make the replica: {_short(message)}"
            )
    return None


def _of_pod(scene: Scene, pod: Json) -> Problem | None:
    if is_ready(pod) or pod["metadata"].get("deletionTimestamp"):
        return None
    if pod["status"].get("reason") == "Evicted":
        return _problem(
            "crashing", f"{scene.who} was ended: {_short(pod['status'].get('message', ''))}"
        )
    return _unscheduled(scene, pod) or _held(scene, pod) or _ended(scene, pod) or _deaf(scene, pod)


def _unscheduled(scene: Scene, pod: Json) -> Problem | None:
    for one in pod["status"].get("conditions") or ():
        if one["type"] == "PodScheduled" and one.get("reason") == "Unschedulable":
            given = scene.spec["resources"]["requests"]
            return _problem(
                "no_room",
                f"No node has room for a replica with {given['cpu']} CPU and {scene.limit} of"
                f" memory: {_short(one.get('message', ''))}. Use fewer or smaller replicas, or ask"
                " the operators for more room",
            )
    return None


def _held(scene: Scene, pod: Json) -> Problem | None:
    """A container that does not come to be."""
    waiting = _waiting(pod)
    reason, message = waiting.get("reason"), str(waiting.get("message") or "")
    if reason in _IMAGE + _IMAGE_ALSO:
        pulled = [text for text in _messages(scene, pod, "Failed") if "pull image" in text]
        return _problem(
            "image_unavailable", image_words(scene.spec["image"], pulled[-1] if pulled else message)
        )
    if reason in _START:
        return _problem("start_failed", start_words(message))
    mounting = _messages(scene, pod, "FailedMount") + _messages(
        scene, pod, "FailedCreatePodSandBox"
    )
    if reason == "ContainerCreating" and mounting:
        return _problem("start_failed", f"The replica cannot be set up: {_short(mounting[-1])}")
    return None


def _ended(scene: Scene, pod: Json) -> Problem | None:
    """A process that does not stay; once may be chance, unless it was ended for a reason."""
    status = container(pod)
    state, last = status.get("state") or {}, status.get("lastState") or {}
    ended = state.get("terminated") or last.get("terminated")
    if ended is None:
        return None
    if ended.get("reason") in _NEVER_BEGAN:
        return _problem("start_failed", start_words(str(ended.get("message") or "")))
    if (probe := _ended_by(scene, pod, ended)) and (found := _unwell(scene, pod, probe)):
        return found
    is_repeated = _waiting(pod).get("reason") == "CrashLoopBackOff" or _restarts(pod) >= 2
    return _crash(scene, ended, _restarts(pod)) if is_repeated else None


def _crash(scene: Scene, ended: Json, restarts: int) -> Problem:
    code = ended.get("exitCode")
    if ended.get("reason") == "OOMKilled":
        return _problem(
            "out_of_memory",
            f"{scene.who} used more than its {scene.limit} of memory and was ended, {restarts + 1}"
            " times so far. Use less memory, or give its replicas more",
            code,
        )
    if code == 0:
        return _problem(
            "exited",
            f"{scene.who} ended with exit code 0, as if it were done; a server has to go on"
            " running. See whether the start command starts it in the background",
            code,
        )
    if code in (126, 127):
        return _problem(
            "start_failed",
            f"The start command ended with exit code {code}: the shell did not find the program, or"
            " may not run it. See that it is in the image and rightly named",
            code,
        )
    return _problem(
        "crashing",
        f"{scene.who} ended with exit code {code}, {restarts + 1} times so far. Its last lines say"
        " why",
        code,
    )


def _ended_by(scene: Scene, pod: Json, ended: Json) -> str:
    """Which check the kubelet ended it for: ``Startup``, ``Liveness`` or none."""
    finished = moment(ended.get("finishedAt")) or MOMENT
    grace = timedelta(seconds=pod["spec"].get("terminationGracePeriodSeconds", 30) + 5)
    for event in _about(scene, pod, "Killing"):
        when = _when(event)
        if when - timedelta(seconds=5) <= finished <= when + grace:
            if "startup probe" in event["message"]:
                return "Startup"
            if "liveness probe" in event["message"]:
                return "Liveness"
    return ""


def _deaf(scene: Scene, pod: Json) -> Problem | None:
    """A process that runs and has had its time to start in, but fails its check."""
    status = container(pod)
    is_running = "running" in (status.get("state") or {})
    return _unwell(scene, pod, "Readiness") if is_running and status.get("started") else None


def _unwell(scene: Scene, pod: Json, probe: str) -> Problem | None:
    said = [text for text in _messages(scene, pod, "Unhealthy") if text.startswith(f"{probe} ")]
    if not said:
        return None
    words = said[-1]
    if status := re.search(r"statuscode: (\d+)", words):
        return _problem(
            "unhealthy",
            f"{scene.who} answers its health check {_path(scene)}with status {status[1]}; a status"
            " from 200 to 399 is asked for. See what the app checks there, or set another path",
        )
    if re.search(r"connection refused|no route to host|dial tcp.*timeout", words):
        return _problem(
            "not_listening",
            f"{scene.who} runs, but nothing accepts connections at port {scene.port}. It must"
            " listen at the port that the variable PORT names, on 0.0.0.0 and not on localhost",
        )
    return _problem(
        "unhealthy",
        f"{scene.who} does not answer its health check {_path(scene)}in time"
        f" ({scene.probe.get('timeoutSeconds')} s): {_short(words)}",
    )


def _path(scene: Scene) -> str:
    action = scene.probe.get("httpGet") or {}
    return f"{action['path']} " if "path" in action else ""


def _problem(reason: ProblemReason, detail: str, exit_code: int | None = None) -> Problem:
    return Problem(reason=reason, detail=detail, exit_code=exit_code)


def _waiting(pod: Json) -> Json:
    waiting: Json = (container(pod).get("state") or {}).get("waiting") or {}
    return waiting


def _restarts(pod: Json) -> int:
    return int(container(pod).get("restartCount", 0))


def _about(scene: Scene, pod: Json, reason: str) -> list[Json]:
    uid = pod["metadata"]["uid"]
    found = [
        event
        for event in scene.events
        if event["involvedObject"].get("uid") == uid and event.get("reason") == reason
    ]
    return sorted(found, key=_when)


def _messages(scene: Scene, pod: Json, reason: str) -> list[str]:
    return [str(event.get("message", "")) for event in _about(scene, pod, reason)]


def _when(event: Json) -> datetime:
    series = event.get("series") or {}
    told = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return moment(told or event["metadata"].get("creationTimestamp")) or MOMENT


def _told(scene: Scene) -> tuple[str, ...]:
    """What the cluster says of them, the newest last."""
    uids = {pod["metadata"]["uid"] for pod in scene.pods}
    found = [
        event
        for event in scene.events
        if event["involvedObject"].get("uid") in uids
        or str(event["involvedObject"].get("name", "")) == scene.deployment["metadata"]["name"]
    ]
    texts = [
        f"{one.get('reason')}: {_short(one.get('message', ''))}" for one in sorted(found, key=_when)
    ]
    return tuple(dict.fromkeys(texts))[-_SHOWN_EVENTS:]


def _short(message: str) -> str:
    words = " ".join(message.split())
    return words if len(words) <= 400 else f"{words[:400]}…"
