"""What a cluster refuses."""

from shared.errors import AstroCloudError


class ClusterRefused(AstroCloudError):
    """A workload that can never run on this cluster."""

    code, title, status = "cluster_refused", "The cluster does not take it", 422


class NeedsCluster(AstroCloudError):
    """Something that this platform's cluster cannot do."""

    code, title, status = "needs_cluster", "Needs a cluster", 422
