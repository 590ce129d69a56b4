"""Who may pull a project's own images: kept sealed, given to the cluster alone."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from shared.clusters.port import PullSecret
from shared.crypto import Crypto


def context_of(project_id: UUID) -> str:
    """What the token is sealed for."""
    return f"registry token of project {project_id}"


def pull_secret_of(crypto: Crypto, row: Mapping[str, Any]) -> PullSecret | None:
    """The pull secret of a claimed deployment's image, where it names one of its own."""
    registry, sealed = row["project_registry"], row["registry_token"]
    if row["source"]["type"] != "image" or not registry or not sealed:
        return None
    token = crypto.open(context_of(row["project_id"]), sealed, "the registry's token")
    return PullSecret(registry=registry["registry"], username=registry["username"], password=token)
