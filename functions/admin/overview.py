"""Health, and an overview of what runs."""

from shared.health.models import Alive, Health
from shared.operations.models import Overview
from shared.services import services
from shared.triggers.http import Call, Reply, Resource

resource = Resource("Overview")


@resource.operation("GET", "health/live", returns=Alive, public=True)
async def live(call: Call) -> Alive:
    """Say that the process answers."""
    return Alive()


@resource.operation("GET", "health/ready", returns=Health, public=True)
async def ready(call: Call) -> Reply:
    """Say which dependencies answer; 503 where one does not."""
    health = await services().health.ready()
    return Reply(health, status=200 if health.status == "ok" else 503)


@resource.operation("GET", "overview", returns=Overview, public=True)
async def overview(call: Call) -> Overview:
    """Say what runs, what waits and what is behind."""
    return await services().operations.overview()
