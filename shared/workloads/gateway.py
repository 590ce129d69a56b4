"""What the gateway asks for: a release that sleeps is woken, and load decides about replicas."""

from uuid import UUID

from shared.database import Database
from shared.errors import Conflict, NotFound
from shared.models import Request, Response
from shared.workloads import store
from shared.workloads.hints import Hints

_AWAKE_SECONDS = 600.0
_RETRY_MS = 100


class WakeRequest(Request):
    """The release that somebody asked for."""

    release: UUID


class Woken(Response):
    """Whether requests can be sent to it by now, and where to."""

    ready: bool
    addresses: list[str] = []
    retry_ms: int | None = None


class IsStopped(Conflict):
    """A member stopped it: no request starts it."""

    code, title = "stopped", "The app is stopped"


class GatewayService:
    """Acts for no user: whoever calls it has proved to be the gateway."""

    def __init__(self, database: Database, hints: Hints) -> None:
        self._database = database
        self._hints = hints

    async def wake(self, release_id: UUID) -> Woken:
        """Have a release's replicas started; asked again until it is ready."""
        async with self._database.transaction() as connection:
            found = await store.wake(connection, release_id, _AWAKE_SECONDS)
        if found is None:
            raise NotFound("No such release runs here")
        if found["stopped"]:
            raise IsStopped("The app was stopped: start it first")
        if found["ready"]:
            return Woken(ready=True, addresses=found["addresses"])
        if found["is_new"]:
            await self._hints.send_all([{"release_id": release_id, "tick": found["tick"]}])
        return Woken(ready=False, retry_ms=_RETRY_MS)

    async def report_load(self, gateway: str, in_flight: dict[UUID, float]) -> None:
        """What a gateway has in flight, by release; more than there was starts replicas."""
        due = []
        async with self._database.transaction() as connection:
            for release_id, load in in_flight.items():
                found = await store.report_load(connection, release_id, gateway, load)
                if found is not None and found["is_more"]:
                    due.append({"release_id": release_id, "tick": found["tick"]})
        await self._hints.send_all(due)
