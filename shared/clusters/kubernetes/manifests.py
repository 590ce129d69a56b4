"""What one release gets in the cluster, as objects to apply."""

import base64
import json
from collections.abc import Mapping

from shared.clusters.kubernetes import names, pods
from shared.clusters.kubernetes.api import Json
from shared.clusters.kubernetes.pods import PodSettings
from shared.clusters.port import PullSecret, Workload

_HISTORY = 10


def variables(workload: Workload, name: str) -> Json:
    """The Secret whose keys are the variables of every process."""
    values = {**workload.environment, **workload.secrets}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {**_made(workload, "v1", "Secret", name), "type": "Opaque", "data": encoded}


def pull_secret(workload: Workload, secret: PullSecret) -> Json:
    """The Secret that the kubelet pulls the image with."""
    login = {"username": secret.username, "password": secret.password}
    told = json.dumps({"auths": {secret.registry: login}}).encode()
    return {
        **_made(workload, "v1", "Secret", names.pull(workload.release)),
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(told).decode()},
    }


def service(workload: Workload) -> Json:
    """The address of a release, for as long as it exists."""
    return _made(
        workload,
        "v1",
        "Service",
        names.web(workload.release),
        spec={
            "type": "ClusterIP",
            "selector": names.of_component(workload.ref, names.WEB),
            "ports": [{"name": "http", "port": workload.port, "targetPort": "http"}],
        },
    )


def web(workload: Workload, settings: PodSettings, variables: str, replicas: int) -> Json:
    """The Deployment that answers requests."""
    template = pods.web(workload, settings, variables)
    return _deployment(workload, names.web(workload.release), names.WEB, template, replicas)


def worker(workload: Workload, settings: PodSettings, name: str, variables: str, run: bool) -> Json:
    """The Deployment of a worker; it keeps in mind how many there are when it runs."""
    template = pods.worker(workload, settings, name, variables)
    wanted = workload.workers[name].replicas
    made = _deployment(
        workload,
        names.worker(workload.release, name),
        f"worker-{name}",
        template,
        wanted if run else 0,
    )
    made["metadata"]["annotations"][names.REPLICAS] = str(wanted)
    return made


def budget(workload: Workload) -> Json:
    """One replica at a time may be moved away by those who look after nodes."""
    return _made(
        workload,
        "policy/v1",
        "PodDisruptionBudget",
        names.web(workload.release),
        spec={
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": names.of_component(workload.ref, names.WEB)},
        },
    )


def has_autoscaler(workload: Workload) -> bool:
    """Whether measured CPU decides between a floor and the maximum."""
    scaling = workload.scaling
    return scaling.cpu_percent is not None and scaling.maximum > scaling.minimum


def autoscaler(workload: Workload, floor: int) -> Json:
    """Replicas by measured CPU, from the floor up to the maximum."""
    name = names.web(workload.release)
    target = {"type": "Utilization", "averageUtilization": workload.scaling.cpu_percent}
    return _made(
        workload,
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        name,
        spec={
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": max(1, floor),
            "maxReplicas": max(1, floor, workload.scaling.maximum),
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            "behavior": {
                "scaleUp": {"stabilizationWindowSeconds": 0},
                "scaleDown": {"stabilizationWindowSeconds": 300},
            },
        },
    )


def cron(workload: Workload, settings: PodSettings, name: str, run: bool) -> Json:
    """The CronJob of a schedule, in UTC; a run that is late for two minutes is left out."""
    schedule = workload.schedules[name]
    secret = names.variables(workload.release)
    template = pods.once(workload, settings, schedule.command, schedule.seconds, secret)
    template["metadata"]["labels"] |= {names.SCHEDULE: name, names.PROCESS: name}
    labels = {**names.labels(workload), names.SCHEDULE: name}
    made = _made(
        workload,
        "batch/v1",
        "CronJob",
        names.schedule(workload.release, name),
        spec={
            "schedule": schedule.cron,
            "timeZone": "Etc/UTC",
            "suspend": not run,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 120,
            "successfulJobsHistoryLimit": _HISTORY,
            "failedJobsHistoryLimit": _HISTORY,
            "jobTemplate": {
                "metadata": {"labels": labels},
                "spec": job_spec(template, schedule.seconds),
            },
        },
    )
    made["metadata"]["labels"][names.SCHEDULE] = name
    return made


def task(
    workload: Workload,
    settings: PodSettings,
    key: str,
    command: str,
    seconds: int,
    user: int | None,
) -> Json:
    """The Job of a task."""
    name = names.task(workload.ref, key)
    template = pods.once(workload, settings, command, seconds, name)
    template["metadata"]["labels"][names.TASK] = name
    template["spec"]["securityContext"] = pods.security(user)
    made = _made(workload, "batch/v1", "Job", name, spec=job_spec(template, seconds))
    made["metadata"]["annotations"][names.KEY] = key
    made["metadata"]["labels"][names.TASK] = name
    return made


def job_spec(template: Mapping[str, object], seconds: int) -> Json:
    """Once and never again. The pod ends itself in time; the Job's later deadline is for a pod
    that no node takes."""
    return {
        "backoffLimit": 0,
        "activeDeadlineSeconds": seconds + 120,
        "template": template,
    }


def _deployment(
    workload: Workload, name: str, component: str, template: Json, replicas: int
) -> Json:
    return _made(
        workload,
        "apps/v1",
        "Deployment",
        name,
        spec={
            "replicas": replicas,
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": workload.readiness.grace_seconds + 600,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "selector": {"matchLabels": names.of_component(workload.ref, component)},
            "template": template,
        },
    )


def _made(workload: Workload, version: str, kind: str, name: str, **content: object) -> Json:
    metadata = {
        "name": name,
        "namespace": names.namespace(workload.project),
        "labels": names.labels(workload),
        "annotations": {names.LABEL: workload.label},
    }
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}
