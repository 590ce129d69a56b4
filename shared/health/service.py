"""Asks every dependency for a sign of life, all at once and within a bound.

The worker has no address that the API could ask: it leaves a heartbeat in Redis.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from shared.clients.redis import RedisClient
from shared.errors import AstroCloudError
from shared.health.models import Dependency, Health

HEARTBEAT_SECONDS = 45
_HEARTBEAT = "heartbeat:worker"
_BOUND_SECONDS = 4.0
_FRESH_SECONDS = 1.0


class HealthService:
    """``probes`` maps a dependency's name to what asks it."""

    def __init__(
        self, redis: RedisClient, probes: Mapping[str, Callable[[], Awaitable[None]]]
    ) -> None:
        self._redis = redis
        self._probes = probes
        self._asking = asyncio.Lock()
        self._found: tuple[float, Health] | None = None

    async def ready(self) -> Health:
        """The state of each dependency, at most a second old; never raises.

        Anyone may ask: however many do, each dependency is asked once a second.
        """
        async with self._asking:
            now = time.monotonic()
            if self._found is None or now - self._found[0] > _FRESH_SECONDS:
                self._found = (now, await self._ask_all())
            return self._found[1]

    async def _ask_all(self) -> Health:
        probes = {**self._probes, "worker": self._worker}
        found = await asyncio.gather(*(_ask(name, probe) for name, probe in probes.items()))
        healthy = all(d.status == "ok" for d in found)
        return Health(status="ok" if healthy else "degraded", dependencies=list(found))

    async def beat(self) -> None:
        """Leave the worker's sign of life."""
        await self._redis.put(_HEARTBEAT, "alive", HEARTBEAT_SECONDS)

    async def _worker(self) -> None:
        if await self._redis.get(_HEARTBEAT) is None:
            raise _Silent(
                f"The worker gave no sign of life for {HEARTBEAT_SECONDS} seconds:"
                " deployments wait until it runs"
            )


class _Silent(AstroCloudError):
    """No heartbeat."""

    code, title, status = "worker_silent", "The worker is silent", 503


async def _ask(name: str, probe: Callable[[], Awaitable[None]]) -> Dependency:
    try:
        async with asyncio.timeout(_BOUND_SECONDS):
            await probe()
    except AstroCloudError as error:
        return Dependency(name=name, status="failed", detail=error.detail)
    except TimeoutError:
        detail = f"No answer within {_BOUND_SECONDS:.0f} seconds"
        return Dependency(name=name, status="failed", detail=detail)
    return Dependency(name=name, status="ok")
