"""Names and labels of what is made in the cluster, each derived from what it belongs to."""

import hashlib
from uuid import UUID

from shared.clusters.kubernetes.api import MANAGER
from shared.clusters.port import Workload, WorkloadRef

WEB = "web"
ONCE = "task"
CONTAINER = "app"
ACCOUNT = "app"
"""The service account of a project's pods; it may do nothing."""

GATEWAY_LABEL = "astrocloud.dev/gateway"
"""Who may ask a project's pods: pods of namespaces that have this label as ``true``."""

COMPONENT = "astrocloud.dev/component"
"""What a pod is of its release: ``web``, ``worker-<name>`` or ``task``."""
PROCESS = "astrocloud.dev/process"
"""What its lines are called in the logs; a task has none, since its log is read by itself."""
RELEASE = "astrocloud.dev/release"
TASK = "astrocloud.dev/task"
SCHEDULE = "astrocloud.dev/schedule"
REPLICAS = "astrocloud.dev/replicas"
OUTCOME = "astrocloud.dev/outcome"
DETAIL = "astrocloud.dev/detail"
KEY = "astrocloud.dev/key"
LABEL = "astrocloud.dev/label"
VARIABLES = "astrocloud.dev/variables"
RESTARTED = "astrocloud.dev/restarted"


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
    return {"app.kubernetes.io/managed-by": MANAGER, "astrocloud.dev/project": str(project)}


def of_release(ref: WorkloadRef) -> dict[str, str]:
    """What everything of a release is found by."""
    return {RELEASE: str(ref.release)}


def of_component(ref: WorkloadRef, component: str) -> dict[str, str]:
    """What the pods of one component are found by."""
    return {RELEASE: str(ref.release), COMPONENT: component}


def labels(workload: Workload) -> dict[str, str]:
    """Labels of what belongs to a release; logs and metrics are told apart by them."""
    return {
        **of_project(workload.project),
        RELEASE: str(workload.release),
        "astrocloud.dev/account": str(workload.account),
        "astrocloud.dev/deployment": str(workload.deployment),
        "astrocloud.dev/environment": workload.environment_name,
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]
