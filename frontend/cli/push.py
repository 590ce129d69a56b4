"""Live messages of a deployment over the push service.

Push makes things fast and is never relied upon: what it misses is read. While it cannot be
reached, whoever waits for messages asks the API instead, and this goes on trying.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import websockets
from websockets.exceptions import WebSocketException

from frontend.cli.api import Api
from frontend.cli.errors import CliError
from frontend.cli.transport import socket_host

SUBPROTOCOL = websockets.Subprotocol("json.webpubsub.azure.v1")
HANDSHAKE_SECONDS = 5
LARGEST = 2 * 1024 * 1024
PAUSES = (1, 2, 4, 8, 15)
Receive = Callable[[Mapping[str, Any]], None]


class PushListener:
    """Hands every message of the deployment's groups on; ``live`` while it is connected."""

    def __init__(self, api: Api, deployment_id: str, receive: Receive) -> None:
        self._api, self._deployment, self._receive = api, deployment_id, receive
        self.live = False
        self.changed = asyncio.Event()
        """Set whenever ``live`` changes: whoever waits has to look again."""

    async def run(self) -> None:
        """Listen until cancelled, coming back after every loss."""
        failures = 0
        while True:
            try:
                async for message in self._messages():
                    failures = 0
                    self._receive(message)
            except (OSError, TimeoutError, ValueError, WebSocketException, CliError):
                failures += 1  # whatever it is: the API tells all of it, only later
            self._become(live=False)
            await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])

    async def _messages(self) -> AsyncIterator[Mapping[str, Any]]:
        invitation = await self._api.negotiate(self._deployment)
        async with websockets.connect(
            invitation["url"],
            subprotocols=[SUBPROTOCOL],
            max_size=LARGEST,
            open_timeout=HANDSHAKE_SECONDS,
            **_towards(invitation["url"]),
        ) as socket:
            groups = list(invitation["groups"])
            for number, group in enumerate(groups, 1):
                join = {"type": "joinGroup", "group": group, "ackId": number}
                await socket.send(json.dumps(join))
            joined = 0
            async for text in socket:
                frame = json.loads(text)
                if frame["type"] == "message" and isinstance(frame.get("data"), dict):
                    yield frame["data"]
                elif frame["type"] == "ack" and frame["success"]:
                    joined += 1
                    if joined == len(groups):
                        self._become(live=True)

    def _become(self, *, live: bool) -> None:
        if live != self.live:
            self.live = live
            self.changed.set()


def _towards(url: str) -> dict[str, Any]:
    host = socket_host(url)
    return {"host": host, "proxy": None} if host else {}
