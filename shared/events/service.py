"""Tells changes to whoever watches. Events are hints: a lost one costs a reader a moment only."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from shared.clients.kafka import Producer
from shared.errors import AstroCloudError
from shared.events.models import TOPIC, Event, Undecodable, decode, encode

if TYPE_CHECKING:
    from shared.clients.webpubsub import PushClient

_PUSH_SECONDS = 5.0
_PUSH_TTL_SECONDS = 30
_log = logging.getLogger(__name__)


class EventService:
    """Publishes events, and passes those that come back from Kafka on to browsers."""

    def __init__(self, producer: Producer, push: "PushClient") -> None:
        self._producer = producer
        self._push = push

    async def publish(self, event: Event) -> None:
        """Send an event, in order within its project; a failure is logged, the row is the truth."""
        try:
            await self._producer.send(TOPIC, str(event.project), encode(event))
        except AstroCloudError as error:
            _log.warning("Event %s of project %s is lost: %s", event.type, event.project, error)

    async def ingest(self, batch: Sequence[bytes]) -> None:
        """Push a batch from Kafka, in order."""
        try:
            async with asyncio.timeout(_PUSH_SECONDS):
                for event in _decoded(batch):
                    for group in event.groups():
                        await self._push.send_to_group(
                            group, event.message(), ttl_seconds=_PUSH_TTL_SECONDS
                        )
        except (AstroCloudError, TimeoutError) as error:
            _log.warning("Events were not pushed: %s", error or type(error).__name__)


def _decoded(batch: Iterable[bytes]) -> Iterable[Event]:
    for value in batch:
        try:
            yield decode(value)
        except Undecodable as error:
            _log.warning("A record of topic events was set aside: %s", error.detail)
