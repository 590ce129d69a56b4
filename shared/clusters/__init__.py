"""Clusters: where releases with a server run. ``port`` is what they have in common."""

from typing import TYPE_CHECKING

from shared.config import MissingSetting, Settings

if TYPE_CHECKING:
    from shared.clusters.port import Cluster


def cluster_of(settings: Settings) -> "Cluster":
    """The cluster that the settings name; raises MissingSetting. A new one: one entry here."""
    if settings.cluster == "none":
        from shared.clusters.none import NoCluster

        return NoCluster()
    raise MissingSetting(f"CLUSTER is {settings.cluster!r}: it is runner, kubernetes, aks or none")
