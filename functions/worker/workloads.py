"""Hints at workloads and tasks."""

import azure.functions as func

from shared.clients.queues import TASKS, WORKLOADS
from shared.services import services
from shared.triggers.queue import read_hint

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@blueprint.queue_trigger("message", WORKLOADS, "AzureWebJobsStorage")
async def look_at_workload(message: func.QueueMessage) -> None:
    """Bring a workload to what its row says; one that failed too often is left to the sweep."""
    hint = read_hint(message, "workload")
    if hint is not None:
        await services().workload_looks.look(hint.row, hint.tick)


@blueprint.queue_trigger("message", TASKS, "AzureWebJobsStorage")
async def look_at_task(message: func.QueueMessage) -> None:
    """Begin or follow a task; one that failed too often is left to the sweep."""
    hint = read_hint(message, "task")
    if hint is not None:
        await services().task_looks.look(hint.row, hint.tick)
