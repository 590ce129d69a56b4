"""The pods of a workload: what they run, within which bounds, and with which rights."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.clusters.kubernetes import names
from shared.clusters.kubernetes.api import Json
from shared.clusters.kubernetes.commands import words
from shared.clusters.port import ReplicaBounds, Workload
from shared.detection.run_settings import HealthCheck

DEFAULT_USER = 1000
"""Who an image runs as that names root, or names its user by a word: a number is asked for."""


@dataclass(frozen=True, slots=True)
class PodSettings:
    """What the operators decide. ``drain_seconds`` pass between the end of new requests to a
    replica and its SIGTERM, so that every node has heard of it."""

    runtime_class: str = ""
    drain_seconds: int = 5


def web(workload: Workload, settings: PodSettings, variables: str) -> Json:
    """The template of what answers requests; other variables make another template."""
    container = _container(workload, words(workload.start) if workload.start else None)
    container["ports"] = [{"name": "http", "containerPort": workload.port}]
    container["env"] = [{"name": "PORT", "value": str(workload.port)}]
    container |= _probes(workload)
    container["lifecycle"] = {"preStop": {"sleep": {"seconds": settings.drain_seconds}}}
    grace = settings.drain_seconds + workload.stop_seconds
    template = _template(workload, settings, names.WEB, container, variables)
    template["metadata"]["labels"][names.PROCESS] = names.WEB
    template["spec"]["terminationGracePeriodSeconds"] = grace
    template["spec"]["topologySpreadConstraints"] = [_spread(workload)]
    return template


def worker(workload: Workload, settings: PodSettings, name: str, variables: str) -> Json:
    """The template of a worker."""
    container = _container(workload, words(workload.workers[name].command))
    template = _template(workload, settings, f"worker-{name}", container, variables)
    template["metadata"]["labels"][names.PROCESS] = name
    template["spec"]["terminationGracePeriodSeconds"] = workload.stop_seconds
    return template


def once(
    workload: Workload, settings: PodSettings, command: str, seconds: int, secret: str
) -> Json:
    """The template of a command that runs once. Its end by time is the pod's own business: a Job
    that ends it would delete its log, too."""
    container = _container(workload, words(command), secret)
    container["env"] = [{"name": "PORT", "value": str(workload.port)}]
    template = _template(workload, settings, names.ONCE, container, "")
    template["spec"] |= {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": seconds,
        "terminationGracePeriodSeconds": min(10, workload.stop_seconds),
    }
    return template


def security(user: int | None = None) -> Json:
    """What restricted pod security asks of a pod."""
    context: Json = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    return context | ({"runAsUser": user, "runAsGroup": user} if user else {})


def _template(
    workload: Workload, settings: PodSettings, component: str, container: Json, variables: str
) -> Json:
    spec: Json = {
        "serviceAccountName": names.ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": security(),
        "containers": [container],
        "volumes": [
            {"name": "tmp", "emptyDir": {"sizeLimit": str(workload.bounds.disk_bytes)}},
        ],
    }
    if workload.pull_secret is not None:
        spec["imagePullSecrets"] = [{"name": names.pull(workload.release)}]
    if settings.runtime_class:
        spec["runtimeClassName"] = settings.runtime_class
    metadata: Json = {"labels": {**names.labels(workload), names.COMPONENT: component}}
    if variables:
        metadata["annotations"] = {names.VARIABLES: variables}
    return {"metadata": metadata, "spec": spec}


def _container(workload: Workload, command: list[str] | None, secret: str = "") -> Json:
    container: Json = {
        "name": names.CONTAINER,
        "image": workload.image,
        "envFrom": [{"secretRef": {"name": secret or names.variables(workload.release)}}],
        "resources": _resources(workload.bounds),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the container's own
        "terminationMessagePolicy": "File",
    }
    return container | ({"command": command} if command else {})


def _resources(bounds: ReplicaBounds) -> Json:
    """A replica has what it may use, so that an autoscaler's percent are of that. Its disk is
    bounded, but set aside nowhere."""
    given: Mapping[str, str] = {
        "cpu": f"{bounds.cpu_millis}m",
        "memory": str(bounds.memory_bytes),
    }
    return {
        "requests": {**given, "ephemeral-storage": "0"},
        "limits": {**given, "ephemeral-storage": str(bounds.disk_bytes)},
    }


def _probes(workload: Workload) -> Json:
    ready = workload.readiness
    probes = {"readinessProbe": _probe(ready, workload)}
    if ready.grace_seconds:
        # Asked each second, so that a replica is ready when it is, not at the next period.
        often = {"periodSeconds": 1, "failureThreshold": ready.grace_seconds}
        probes["startupProbe"] = {**_probe(ready, workload), **often}
    if workload.liveness is not None:
        alive = _probe(workload.liveness, workload)
        grace = workload.liveness.grace_seconds
        probes["livenessProbe"] = {**alive, "initialDelaySeconds": grace}
    return probes


def _probe(check: HealthCheck, workload: Workload) -> Json:
    where = check.port or workload.port
    action: Json = {"tcpSocket": {"port": where}}
    if check.path is not None:
        action = {"httpGet": {"path": check.path, "port": where, **_named(workload.host)}}
    return {
        **action,
        "periodSeconds": check.period_seconds,
        "timeoutSeconds": check.timeout_seconds,
        "failureThreshold": check.failures,
    }


def _named(host: str | None) -> Json:
    """Without it a probe asks for the pod's address, which frameworks refuse that know theirs."""
    return {"httpHeaders": [{"name": "Host", "value": host}]} if host else {}


def _spread(workload: Workload) -> Json:
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.of_component(workload.ref, names.WEB)},
    }
