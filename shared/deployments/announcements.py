"""Tells dashboards and terminals that a deployment changed; a hint that may be lost."""

from collections.abc import Mapping
from typing import Any

from shared.deployments.lifecycle import State
from shared.events.models import Event
from shared.events.service import EventService


class Announcements:
    """Publishes deployment events."""

    def __init__(self, events: EventService) -> None:
        self._events = events

    async def announce(self, row: Mapping[str, Any], state: State) -> None:
        """Say that the deployment of a row has reached a state."""
        await self._events.publish(
            Event(
                type="deployment",
                account=row["account_id"],
                project=row["project_id"],
                deployment=row["id"],
                number=row["number"],
                state=state,
            )
        )
