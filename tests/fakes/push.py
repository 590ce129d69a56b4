"""A push client that keeps what it was given, and fails while it is told to."""

from collections.abc import Mapping
from typing import Any

from shared.clients.webpubsub import PushClient
from shared.errors import Unavailable


class RecordingPush(PushClient):
    """Sends nothing; ``sent`` holds (group, message) in order."""

    def __init__(self) -> None:
        super().__init__("Endpoint=http://hub.invalid;AccessKey=none;Version=1.0;", "test")
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.failing = False

    async def send_to_group(
        self, group: str, message: Mapping[str, Any], *, ttl_seconds: int = 60
    ) -> None:
        """Keep the message, or raise Unavailable."""
        if self.failing:
            raise Unavailable("The hub does not answer; try again in a few seconds")
        self.sent.append((group, dict(message)))

    def lines(self, deployment_id: object) -> list[dict[str, Any]]:
        """Every line that was pushed for a deployment."""
        group = f"deployment-{deployment_id}"
        return [line for to, message in self.sent if to == group for line in message["lines"]]
