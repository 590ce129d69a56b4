"""Hints at deliveries; one that failed too often is left to the sweep."""

import azure.functions as func

from shared.clients.queues import DELIVERIES
from shared.services import services
from shared.triggers.queue import read_hint

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@blueprint.queue_trigger("message", DELIVERIES, "AzureWebJobsStorage")
async def attempt_delivery(message: func.QueueMessage) -> None:
    """Try a delivery."""
    hint = read_hint(message, "delivery")
    if hint is not None:
        await services().deliveries.attempt(hint.row, hint.tick)
