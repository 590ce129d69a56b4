"""Clusters: where releases with a server run. ``port`` is what they have in common."""

from typing import TYPE_CHECKING

from shared.config import MissingSetting, Settings

if TYPE_CHECKING:
    from shared.clusters.port import Cluster


def cluster_of(settings: Settings) -> "Cluster":
    """The cluster that the settings name; raises MissingSetting. A new one: one entry here."""
    if settings.cluster == "runner":
        from shared.clusters.runner import RunnerCluster

        if not settings.runner_socket:
            raise MissingSetting("RUNNER_SOCKET is not set: CLUSTER=runner needs it")
        return RunnerCluster(settings.runner_socket)
    if settings.cluster == "none":
        from shared.clusters.none import NoCluster

        return NoCluster()
    if settings.cluster == "kubernetes":
        from shared.clusters.kubernetes import KubernetesCluster

        if not settings.kubeconfig:
            raise MissingSetting("KUBECONFIG is not set: CLUSTER=kubernetes needs it")
        return KubernetesCluster.from_kubeconfig(
            settings.kubeconfig, runtime_class=settings.runtime_class, follow_seconds=20.0
        )
    if settings.cluster == "aks":
        from shared.clusters.aks import aks_access
        from shared.clusters.kubernetes import KubernetesCluster

        return KubernetesCluster(aks_access(settings), runtime_class=settings.runtime_class)
    raise MissingSetting(f"CLUSTER is {settings.cluster!r}: it is runner, kubernetes, aks or none")
