"""Health, the public status, and the API's own description."""

import json

from shared.health.models import Alive, Health, Status
from shared.services import services
from shared.triggers.http import Call, Reply, Resource

resource = Resource("Health")


@resource.operation("GET", "health/live", returns=Alive, public=True)
async def live(call: Call) -> Alive:
    """Say that the process answers."""
    return Alive()


@resource.operation("GET", "health/ready", returns=Health, public=True)
async def ready(call: Call) -> Reply:
    """Say which dependencies answer; 503 where one does not."""
    health = await services().health.ready()
    return Reply(health, status=200 if health.status == "ok" else 503)


@resource.operation("GET", "status", returns=Status, public=True)
async def status(call: Call) -> Status:
    """Say what runs, and on a local installation which sites are live."""
    return await services().status.current()


@resource.operation("GET", "openapi.json", public=True)
async def openapi(call: Call) -> Reply:
    """Describe this API as OpenAPI 3.1."""
    from functions.api.description import describe

    return Reply(json.dumps(describe(), ensure_ascii=False))
