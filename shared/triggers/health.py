"""The two questions that every HTTP app answers: does it live, and does what it needs answer."""

from shared.health.models import Alive, Health
from shared.services import services
from shared.triggers.http import Call, Reply, Resource


def declare_health(resource: Resource) -> None:
    """Give a resource ``health/live`` and ``health/ready``."""

    @resource.operation("GET", "health/live", returns=Alive, public=True)
    async def live(call: Call) -> Alive:
        """Say that the process answers."""
        return Alive()

    @resource.operation("GET", "health/ready", returns=Health, public=True)
    async def ready(call: Call) -> Reply:
        """Say which dependencies answer; 503 where one does not."""
        health = await services().health.ready()
        return Reply(health, status=200 if health.status == "ok" else 503)
