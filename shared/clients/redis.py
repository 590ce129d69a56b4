"""Redis: one client, its scripts, and errors as Unavailable."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shared.errors import Unavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.commands.core import AsyncScript


class RedisClient:
    """A pooled client, made on first use."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Redis | None = None
        self._scripts: dict[str, AsyncScript] = {}

    def _connected(self) -> "Redis":
        if self._client is None:
            from redis.asyncio import Redis

            self._client = Redis.from_url(
                self._url, decode_responses=True, socket_timeout=2, socket_connect_timeout=2
            )
        return self._client

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
        """Run a Lua script by its digest; raises Unavailable."""
        from redis.exceptions import RedisError

        client = self._connected()
        if script not in self._scripts:
            self._scripts[script] = client.register_script(script)
        try:
            return await self._scripts[script](keys=list(keys), args=list(arguments))
        except (RedisError, OSError) as error:
            raise Unavailable("Redis does not answer; try again in a few seconds") from error

    async def get(self, key: str) -> str | None:
        """A value, or None; raises Unavailable."""
        from redis.exceptions import RedisError

        try:
            value = await self._connected().get(key)
        except (RedisError, OSError) as error:
            raise Unavailable("Redis does not answer; try again in a few seconds") from error
        return None if value is None else str(value)

    async def put(self, key: str, value: str, seconds: int) -> None:
        """Keep a value for some seconds; raises Unavailable."""
        from redis.exceptions import RedisError

        try:
            await self._connected().set(key, value, ex=seconds)
        except (RedisError, OSError) as error:
            raise Unavailable("Redis does not answer; try again in a few seconds") from error

    async def ping(self) -> None:
        """Ask for a sign of life; raises Unavailable."""
        await self.get("ping")

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
