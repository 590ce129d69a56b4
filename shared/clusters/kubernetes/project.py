"""What a project gets in the cluster before anything of it runs: its namespace and its bounds."""

from collections.abc import Sequence
from uuid import UUID

from shared.clusters.kubernetes import names
from shared.clusters.kubernetes.api import Json

PRIVATE_NETWORKS = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "fc00::/7",
)
"""Where clusters, their nodes and their neighbours have their addresses, unless told otherwise."""

PLATFORM_NETWORKS = ("169.254.0.0/16", "168.63.129.16/32", "fe80::/10")
"""Metadata services (169.254.169.254), Azure's own address on each node, and link-local ones."""

DEFAULT_QUOTA = {
    "pods": "250",
    "limits.cpu": "64",
    "limits.memory": "128Gi",
    "count/jobs.batch": "2000",
    "services.nodeports": "0",
    "services.loadbalancers": "0",
    "persistentvolumeclaims": "0",
}
"""Far above what plans allow: it bounds what a fault of ours could make."""


def manifests(project: UUID, quota: dict[str, str], denied: Sequence[str]) -> list[Json]:
    """In the order in which they are applied."""
    return [
        _namespace(project),
        _made(project, "v1", "ResourceQuota", "project", spec={"hard": quota}),
        _made(project, "v1", "LimitRange", "project", spec={"limits": [_limits()]}),
        _made(
            project,
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "project",
            spec=_network_policy(denied),
        ),
        _made(project, "v1", "ServiceAccount", names.ACCOUNT, automountServiceAccountToken=False),
    ]


def _namespace(project: UUID) -> Json:
    enforced = {
        f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")
    }
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": names.namespace(project),
            "labels": {**names.of_project(project), **enforced},
        },
    }


def _made(project: UUID, version: str, kind: str, name: str, **content: object) -> Json:
    metadata = {
        "name": name,
        "namespace": names.namespace(project),
        "labels": names.of_project(project),
    }
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def _limits() -> Json:
    """What a container gets that says nothing; each of ours says it."""
    given = {"cpu": "250m", "memory": "256Mi"}
    return {"type": "Container", "default": given, "defaultRequest": given}


def _network_policy(denied: Sequence[str]) -> Json:
    """In from the gateway only; out to the internet and to names, nowhere else."""
    gateway = {"namespaceSelector": {"matchLabels": {names.GATEWAY_LABEL: "true"}}}
    system = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    closed = [*PLATFORM_NETWORKS, *denied]
    internet = [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": [net for net in closed if ":" not in net]}},
        {"ipBlock": {"cidr": "::/0", "except": [net for net in closed if ":" in net]}},
    ]
    return {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [gateway]}],
        "egress": [{"to": [system], "ports": dns}, {"to": internet}],
    }
