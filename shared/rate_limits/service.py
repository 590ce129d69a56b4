"""Counts calls in fixed windows of a minute.

Asking Redis for each call would cost more than most calls do, so a process takes leases of a
twentieth of the limit and counts them down by itself. What it took and did not use is lost when
the window ends: the bound is never exceeded, only reached a little early.

A process that has just started does not let its first caller wait until Redis is connected: that
one call passes, and is counted with the next one of its name.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from importlib import resources

from shared.clients.redis import RedisClient
from shared.errors import RateLimited, Unavailable

WINDOW_SECONDS = 60
_MOST_WINDOWS = 10_000
_SCRIPT = resources.files("shared.rate_limits").joinpath("lease.lua").read_text("utf-8")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Lease:
    window: int
    left: int = 0
    remaining: int = 0
    renewal: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left in the window: calls a minute, calls left, seconds until it ends."""

    limit: int
    remaining: int
    reset: int


class RateLimitService:
    """Limits by a name, such as a user or an address."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._leases: dict[str, _Lease] = {}
        self._is_first = True

    async def take(self, name: str, limit: int) -> Allowance:
        """Count one call; raises RateLimited. Redis out of reach lets calls pass, and says so."""
        now = time.time()
        window = int(now // WINDOW_SECONDS)
        reset = WINDOW_SECONDS - int(now % WINDOW_SECONDS)
        lease = self._lease(name, window)
        if self._is_first:
            self._is_first = False
            lease.left -= 1
            return Allowance(limit, limit - 1, reset)
        if lease.left <= 0:
            async with lease.renewal:
                if lease.left <= 0:
                    await self._renew(lease, name, limit)
        if lease.left <= 0:
            raise RateLimited(
                f"At most {limit} requests a minute: try again in {reset} seconds",
                headers={"Retry-After": str(reset), **headers(Allowance(limit, 0, reset))},
            )
        lease.left -= 1
        return Allowance(limit, lease.remaining + lease.left, reset)

    def _lease(self, name: str, window: int) -> _Lease:
        lease = self._leases.get(name)
        if lease is None or lease.window != window:
            if len(self._leases) >= _MOST_WINDOWS:
                self._leases.clear()
            lease = self._leases[name] = _Lease(window)
        return lease

    async def _renew(self, lease: _Lease, name: str, limit: int) -> None:
        size = max(1, limit // 20) - lease.left
        try:
            granted, used = await self._redis.run(
                _SCRIPT, [f"rate:{name}:{lease.window}"], [limit, size, 2 * WINDOW_SECONDS]
            )
        except Unavailable:
            _log.warning("rate limits rest: Redis does not answer")
            granted, used = size, 0
        lease.left += int(granted)
        lease.remaining = max(0, limit - int(used))


def headers(allowance: Allowance) -> dict[str, str]:
    """The RateLimit-* headers of an answer."""
    return {
        "RateLimit-Limit": str(allowance.limit),
        "RateLimit-Remaining": str(allowance.remaining),
        "RateLimit-Reset": str(allowance.reset),
    }
