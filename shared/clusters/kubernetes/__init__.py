"""Any Kubernetes of version 1.30 or later as a cluster; ``cluster`` implements the port."""

from shared.clusters.kubernetes.cluster import KubernetesCluster

__all__ = ["KubernetesCluster"]
