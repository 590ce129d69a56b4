"""The line of waiting deployments in Redis: who is next, fair between accounts.

It counts nothing and guarantees nothing: admission is decided in Postgres. When Redis is emptied
or away, the line is made again from rows and only the order of turns was lost.
"""

from dataclasses import dataclass
from importlib import resources
from uuid import UUID

from shared.clients.redis import RedisClient

_KEYS = ["line:accounts", "line:turns", "line:of:"]
_SCRIPT = resources.files("shared.deployments").joinpath("waiting_line.lua").read_text("utf-8")
_MOST_ACCOUNTS = 200
_MOST_OF_ACCOUNT = 50


@dataclass(frozen=True, slots=True)
class Place:
    """An account's turn: its waiting deployments, longest waiting first."""

    account_id: UUID
    deployments: list[UUID]


class WaitingLine:
    """Round robin over accounts, in order within each; every method raises Unavailable."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def enter(self, account_id: UUID, deployment_id: UUID, since: float) -> None:
        """Stand in line since a Unix time; standing there already changes nothing."""
        arguments = ["enter", str(account_id), str(deployment_id), repr(since)]
        await self._redis.run(_SCRIPT, _KEYS, arguments)

    async def leave(self, account_id: UUID, deployment_id: UUID) -> None:
        """Leave without having been served."""
        await self._redis.run(_SCRIPT, _KEYS, ["leave", str(account_id), str(deployment_id)])

    async def served(self, account_id: UUID, deployment_id: UUID) -> None:
        """Leave with a place; the account goes to the end of the line."""
        await self._redis.run(_SCRIPT, _KEYS, ["served", str(account_id), str(deployment_id)])

    async def order(self) -> list[Place]:
        """Whose turn it is, first to last."""
        found = await self._redis.run(_SCRIPT, _KEYS, ["order", _MOST_ACCOUNTS, _MOST_OF_ACCOUNT])
        return [Place(UUID(account), [UUID(d) for d in waiting]) for account, waiting in found]
