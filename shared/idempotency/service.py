"""Claims a key before the call and keeps the answer after it.

A call that dies between its effect and its answer is repeated when its key is claimed again. The
effect is still one, since what the call creates is named by the key (``derived_id``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4, uuid5

from shared.database import Database, Scope
from shared.errors import Conflict, ValidationFailed
from shared.idempotency import store

_NAMESPACE = UUID("6f1cb9a0-53f1-4f0e-9a4f-0f6d8f2f7c11")


class KeyReused(ValidationFailed):
    """A key came again with another body."""

    code, title = "idempotency_key_reused", "This idempotency key stands for another request"


class KeyAtWork(Conflict):
    """The first call with this key has not answered yet."""

    code, title, retryable = "idempotency_key_at_work", "The first request is still at work", True


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call by a user to a route with a key."""

    user_id: UUID
    route: str
    key: str
    body_hash: bytes

    @property
    def derived_id(self) -> UUID:
        """The id of what this call creates: the same whenever the key comes again."""
        return uuid5(_NAMESPACE, f"{self.user_id}\n{self.route}\n{self.key}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A kept answer: status and JSON body."""

    status: int
    body: Mapping[str, Any]


class IdempotencyService:
    """Keys by user and route, kept for a day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, attempt: Attempt) -> Answer | None:
        """The kept answer, or None: then do the work. Raises KeyReused, KeyAtWork."""
        who = (attempt.user_id, attempt.route, attempt.key)
        async with self._database.transaction(Scope(user_id=attempt.user_id)) as connection:
            if await store.claim(connection, *who, attempt.body_hash):
                return None
            found = await store.read(connection, *who)
        if found is None or (found["status"] is None and found["body_hash"] == attempt.body_hash):
            raise KeyAtWork("Ask again in a moment with the same key", headers={"Retry-After": "1"})
        if found["body_hash"] != attempt.body_hash:
            raise KeyReused("The key came with another body before: use a new key")
        return Answer(found["status"], found["response"])

    async def complete(self, attempt: Attempt, answer: Answer) -> None:
        """Keep the answer for whoever sends the key again."""
        async with self._database.transaction(Scope(user_id=attempt.user_id)) as connection:
            await store.complete(
                connection,
                attempt.user_id,
                attempt.route,
                attempt.key,
                answer.status,
                answer.body,
            )

    async def release(self, attempt: Attempt) -> None:
        """Forget a key whose call was refused or failed."""
        async with self._database.transaction(Scope(user_id=attempt.user_id)) as connection:
            await store.release(connection, attempt.user_id, attempt.route, attempt.key)


def new_id(attempt: Attempt | None) -> UUID:
    """The id for what a call creates: by its key where it has one."""
    return attempt.derived_id if attempt else uuid4()
