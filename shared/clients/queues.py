"""Storage Queues: sends hints. Receiving is the Functions host's business."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.errors import Unavailable

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueClient

DEPLOYMENTS = "deployments"
DELIVERIES = "deliveries"
WORKLOADS = "workloads"
TASKS = "tasks"
QUEUES = (DEPLOYMENTS, DELIVERIES, WORKLOADS, TASKS)


class Queues:
    """Clients of the hint queues, made on first use."""

    def __init__(self, connection_string: str) -> None:
        self._connection_string = connection_string
        self._clients: dict[str, QueueClient] = {}

    async def send(self, queue: str, message: Mapping[str, object], delay: int = 0) -> None:
        """Send a JSON message that is seen after ``delay`` seconds; raises Unavailable."""
        from azure.core.exceptions import AzureError

        text = json.dumps(message, separators=(",", ":"))
        try:
            await self._client(queue).send_message(text, visibility_timeout=delay)
        except AzureError as error:
            raise Unavailable("The queue does not answer; try again in a few seconds") from error

    async def length(self, queue: str) -> int:
        """About how many messages wait; raises Unavailable."""
        from azure.core.exceptions import AzureError

        try:
            properties = await self._client(queue).get_queue_properties()
        except AzureError as error:
            raise Unavailable("The queue does not answer; try again in a few seconds") from error
        return int(properties.approximate_message_count or 0)

    async def ping(self) -> None:
        """Ask for a sign of life; raises Unavailable."""
        await self.length(DEPLOYMENTS)

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.close()

    def _client(self, queue: str) -> "QueueClient":
        if queue not in self._clients:
            from azure.storage.queue.aio import QueueClient

            self._clients[queue] = QueueClient.from_connection_string(
                self._connection_string,
                queue,
                retry_total=2,
                connection_timeout=2,
                read_timeout=5,
            )
        return self._clients[queue]
