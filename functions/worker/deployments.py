"""Hints at deployments, and the hints that could not be handled."""

import azure.functions as func

from shared.clients.queues import DEPLOYMENTS
from shared.deployments.advance import Hint
from shared.services import services
from shared.triggers.queue import read_hint

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@blueprint.queue_trigger("message", DEPLOYMENTS, "AzureWebJobsStorage")
async def advance_deployment(message: func.QueueMessage) -> None:
    """Go on with a deployment."""
    hint = read_hint(message, "deployment")
    if hint is not None:
        await services().advancer.advance(Hint(hint.row, hint.tick))


@blueprint.queue_trigger("message", f"{DEPLOYMENTS}-poison", "AzureWebJobsStorage")
async def look_again_at_deployment(message: func.QueueMessage) -> None:
    """A hint that failed too often only makes its row be looked at again."""
    hint = read_hint(message, "deployment")
    if hint is not None:
        await services().advancer.look_again(hint.row)
