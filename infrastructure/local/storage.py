"""The containers and queues that the platform expects to find."""

import asyncio

CONTAINERS = ("objects", "manifests", "routes", "staging")
QUEUES = ("deployments", "deliveries", "deployments-poison", "deliveries-poison")


async def create_all(connection_string: str) -> str:
    """Make those that are not there yet."""
    await asyncio.to_thread(_create_all, connection_string)
    return f"{len(CONTAINERS)} containers, {len(QUEUES)} queues"


def _create_all(connection_string: str) -> None:
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.blob import BlobServiceClient
    from azure.storage.queue import QueueServiceClient

    with BlobServiceClient.from_connection_string(connection_string) as blobs:
        for name in CONTAINERS:
            try:
                blobs.create_container(name)
            except ResourceExistsError:
                continue
    with QueueServiceClient.from_connection_string(connection_string) as queues:
        for name in QUEUES:
            try:
                queues.create_queue(name)
            except ResourceExistsError:
                continue
