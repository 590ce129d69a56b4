"""Who may pull a project's own images: kept sealed, given to the cluster alone."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from shared.clusters.port import PullSecret
from shared.crypto import Crypto
from shared.sources.image_reference import parse_reference


def context_of(project_id: UUID) -> str:
    """What the token is sealed for."""
    return f"registry token of project {project_id}"


def pull_secret_of(crypto: Crypto, row: Mapping[str, Any]) -> PullSecret | None:
    """The pull secret of a claimed deployment's image, where the project's registry has it."""
    source, registry, sealed = row["source"], row["project_registry"], row["registry_token"]
    if source["type"] != "image" or not registry or not sealed:
        return None
    if parse_reference(source["reference"]).registry != registry["registry"]:
        return None
    token = crypto.open(context_of(row["project_id"]), sealed, "the registry's token")
    return PullSecret(registry=registry["registry"], username=registry["username"], password=token)
