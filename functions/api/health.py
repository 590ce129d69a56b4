"""Health, the public status, and the API's own description."""

import json

from shared.health.models import Status
from shared.services import services
from shared.triggers.health import declare_health
from shared.triggers.http import Call, Reply, Resource

resource = Resource("Health")
declare_health(resource)


@resource.operation("GET", "status", returns=Status, public=True)
async def status(call: Call) -> Status:
    """Say what runs, and on a local installation which sites are live."""
    return await services().status.current()


@resource.operation("GET", "openapi.json", public=True)
async def openapi(call: Call) -> Reply:
    """Describe this API as OpenAPI 3.1."""
    from functions.api.description import describe

    return Reply(json.dumps(describe(), ensure_ascii=False))
