"""Pushing to browsers and command lines: Web PubSub, or the local hub that speaks the same.

Push is a convenience over the store: a reader that misses a message finds the gap by its
position and reads it from the API. So a push that fails is told, never repeated for long.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shared.errors import TooLarge, Unavailable

if TYPE_CHECKING:
    from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

TTL_SECONDS = 60
CONNECT_SECONDS = 5
READ_SECONDS = 10
RETRIES = 2
MESSAGE_BYTES = 1_000_000


class PushClient:
    """Sends to groups, and lets a client listen to exactly the groups that it may see."""

    def __init__(self, connection_string: str, hub: str) -> None:
        self._connection_string, self._hub = connection_string, hub
        self._client: WebPubSubServiceClient | None = None

    async def send_to_group(
        self, group: str, message: dict[str, Any], *, ttl_seconds: int = TTL_SECONDS
    ) -> None:
        """Send one JSON message to whoever listens to the group now; TooLarge above 1 MB."""
        from azure.core.exceptions import AzureError

        size = len(json.dumps(message))
        if size > MESSAGE_BYTES:
            raise TooLarge(
                f"A message for the group {group} has {size:,} bytes, Web PubSub takes "
                f"{MESSAGE_BYTES:,}: send it in parts."
            )
        try:
            # The SDK's own message_ttl_seconds raises TypeError (1.3.0).
            await self._service().send_to_group(
                group,
                message,
                content_type="application/json",
                params={"messageTtlSeconds": ttl_seconds},
            )
        except AzureError as error:
            raise _unavailable(f"a message for the group {group}", error) from error

    async def client_access_url(self, user: str, groups: Sequence[str], minutes: int) -> str:
        """An address that lets a client join and leave these groups and do nothing else.

        It carries a token: hand it to its user, never write it to a log.
        """
        from azure.core.exceptions import AzureError

        roles = [f"webpubsub.joinLeaveGroup.{group}" for group in groups]
        try:
            token = await self._service().get_client_access_token(
                user_id=user, roles=roles, minutes_to_expire=minutes
            )
        except AzureError as error:
            raise _unavailable("a request for a client's address", error) from error
        return str(token["url"])

    async def ping(self) -> None:
        """Raise Unavailable unless the service answers that it is well."""
        from azure.core.exceptions import AzureError
        from azure.core.rest import HttpRequest

        try:
            response = await self._service().send_request(HttpRequest("HEAD", "/api/health"))
            response.raise_for_status()
        except AzureError as error:
            raise _unavailable("a look at its health", error) from error

    async def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _service(self) -> "WebPubSubServiceClient":
        if self._client is None:
            from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

            self._client = WebPubSubServiceClient.from_connection_string(
                self._connection_string,
                self._hub,
                retry_total=RETRIES,
                retry_backoff_factor=0.2,
                connection_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
            )
        return self._client


def _unavailable(what: str, error: Exception) -> Unavailable:
    # Only the status: the SDK's text may repeat the request's address.
    status = getattr(error, "status_code", None)
    reason = f"status {status}" if status else "no answer"
    return Unavailable(f"Web PubSub did not take {what} ({reason}). Try again in a moment.")
