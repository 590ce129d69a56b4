"""The containers and queues that the platform expects to find."""

import asyncio

from shared.clients.blobs import CONTAINERS, Blobs
from shared.clients.queues import QUEUES

ALL_QUEUES = (*QUEUES, *(f"{name}-poison" for name in QUEUES))


async def create_all(connection_string: str) -> str:
    """Make those that are not there yet."""
    blobs = Blobs(connection_string)
    try:
        await blobs.ensure_containers(CONTAINERS)
    finally:
        await blobs.close()
    await asyncio.to_thread(_create_queues, connection_string)
    return f"{len(CONTAINERS)} containers, {len(ALL_QUEUES)} queues"


def _create_queues(connection_string: str) -> None:
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.queue import QueueServiceClient

    with QueueServiceClient.from_connection_string(connection_string) as queues:
        for name in ALL_QUEUES:
            try:
                queues.create_queue(name)
            except ResourceExistsError:
                continue
