"""Names and labels of what is made in the cluster, each derived from what it belongs to."""

import hashlib
from uuid import UUID

from shared.clusters.kubernetes.api import MANAGER
from shared.clusters.port import Workload, WorkloadRef

WEB = "web"
CONTAINER = "app"
ACCOUNT = "app"
"""The service account of a project's pods; it may do nothing."""

GATEWAY_LABEL = "astrocloud/gateway"
"""Who may ask a project's pods: pods of namespaces that have this label as ``true``."""

PROCESS = "astrocloud/process"
RELEASE = "astrocloud/release"
TASK = "astrocloud/task"
SCHEDULE = "astrocloud/schedule"
REPLICAS = "astrocloud/replicas"
OUTCOME = "astrocloud/outcome"
DETAIL = "astrocloud/detail"
KEY = "astrocloud/key"
LABEL = "astrocloud/label"
VARIABLES = "astrocloud/variables"
RESTARTED = "astrocloud/restarted"


def namespace(project: UUID) -> str:
    """A project's namespace."""
    return f"project-{project}"


def web(release: UUID) -> str:
    """What answers requests: Deployment, Service, autoscaler and disruption budget."""
    return f"web-{release}"


def worker(release: UUID, name: str) -> str:
    """The Deployment of a worker."""
    return f"worker-{name}-{release}"


def variables(release: UUID) -> str:
    """The Secret with a release's variables."""
    return f"variables-{release}"


def pull(release: UUID) -> str:
    """The Secret to pull a release's image with."""
    return f"pull-{release}"


def schedule(release: UUID, name: str) -> str:
    """A CronJob; its name has less room than others."""
    return f"schedule-{_digest(f'{release}/{name}')}"


def task(ref: WorkloadRef, key: str) -> str:
    """The Job of a task, and its Secret."""
    return f"task-{_digest(f'{ref.release}/{key}')}"


def of_project(project: UUID) -> dict[str, str]:
    """Labels of everything in a project."""
    return {"app.kubernetes.io/managed-by": MANAGER, "astrocloud/project": str(project)}


def of_release(ref: WorkloadRef) -> dict[str, str]:
    """What everything of a release is found by."""
    return {RELEASE: str(ref.release)}


def of_process(ref: WorkloadRef, process: str) -> dict[str, str]:
    """What the pods of one process are found by."""
    return {RELEASE: str(ref.release), PROCESS: process}


def labels(workload: Workload) -> dict[str, str]:
    """Labels of what belongs to a release; logs and metrics are told apart by them."""
    return {
        **of_project(workload.project),
        RELEASE: str(workload.release),
        "astrocloud/account": str(workload.account),
        "astrocloud/deployment": str(workload.deployment),
        "astrocloud/environment": workload.environment_name,
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]
