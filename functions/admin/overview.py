"""Health, and an overview of what runs."""

from shared.operations.models import Overview
from shared.services import services
from shared.triggers.health import declare_health
from shared.triggers.http import Call, Resource

resource = Resource("Overview")
declare_health(resource)


@resource.operation("GET", "overview", returns=Overview, public=True)
async def overview(call: Call) -> Overview:
    """Say what runs, what waits and what is behind."""
    return await services().operations.overview()
