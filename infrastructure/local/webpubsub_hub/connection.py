"""One logical connection: who it is, what it may do, and what it still has to receive.

A reliable connection outlives its socket for a while; its unacknowledged messages wait here.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from infrastructure.local.webpubsub_hub.limits import Limits
from infrastructure.local.webpubsub_hub.outbox import Budget, Outbox, size_of
from infrastructure.local.webpubsub_hub.protocol import Message, disconnected

JOIN, SEND = "joinLeaveGroup", "sendToGroup"
PERMISSIONS = (JOIN, SEND)
CLOSE_SECONDS = 5
"""A client that does not take its last frames in this time is cut off."""


class Permissions:
    """Roles of a token, and what the REST API granted or revoked since."""

    def __init__(self, roles: Iterable[str]) -> None:
        self._roles = {role.removeprefix("webpubsub.") for role in roles}

    def allows(self, permission: str, group: str | None) -> bool:
        return permission in self._roles or (
            group is not None and f"{permission}.{group}" in self._roles
        )

    def grant(self, permission: str, group: str | None) -> None:
        self._roles.add(permission if group is None else f"{permission}.{group}")

    def revoke(self, permission: str, group: str | None) -> None:
        self._roles.discard(permission if group is None else f"{permission}.{group}")


@dataclass(slots=True)
class _Kept:
    sequence: int
    frame: str
    expires: float


@dataclass(slots=True, eq=False)
class Connection:
    """The state of one client; the hub knows it by ``id``."""

    id: str
    user: str | None
    reliable: bool
    permissions: Permissions
    limits: Limits
    budget: Budget
    groups: set[str] = field(default_factory=set)
    outbox: Outbox | None = None
    abort: Callable[[], None] | None = None
    _sequence: int = 0
    _kept: deque[_Kept] = field(default_factory=deque)
    _kept_bytes: int = 0
    _acks: dict[int, None] = field(default_factory=dict)

    def attach(self, abort: Callable[[], None]) -> Outbox:
        """Give the connection a socket; an older one is cut off, and what was missed is sent."""
        self.cut_socket()
        limits = self.limits
        # Room for everything that is replayed, beside what is new.
        self.outbox = Outbox(
            limits.outbox_messages + limits.unacknowledged_messages,
            limits.outbox_bytes + limits.unacknowledged_bytes,
            self.budget,
        )
        self.abort = abort
        return self.outbox

    def replay(self) -> None:
        """Queue every message that is neither acknowledged nor too old to matter."""
        now = time.monotonic()
        for kept in self._kept:
            if self.outbox is not None and kept.expires > now:
                self.outbox.put(kept.frame)

    def detach(self, outbox: Outbox | None = None) -> bool:
        """Take the socket away; with ``outbox`` only if that one is still the current."""
        if self.outbox is None or (outbox is not None and outbox is not self.outbox):
            return False
        self.outbox.drop()
        self.outbox = self.abort = None
        return True

    def cut_socket(self) -> None:
        """End the socket at once, without a word: it is replaced, or its client does not read."""
        abort = self.abort
        if self.detach() and abort is not None:
            abort()

    def control(self, frame: str) -> bool:
        """Queue an answer or a system frame, which is neither numbered nor kept."""
        return self.outbox is None or self.outbox.put(frame)

    def deliver(self, message: Message) -> bool:
        """Queue a message; False when this reader is too far behind to go on."""
        if not self.reliable:
            return self.control(message.frame)
        frame = message.numbered(self._sequence + 1)
        if not self._keep(frame, message.seconds):
            return False
        return self.control(frame)

    def acknowledge(self, sequence: int) -> None:
        """The client has everything up to this number."""
        while self._kept and self._kept[0].sequence <= sequence:
            self._forget_oldest()

    def was_done(self, ack_id: int) -> bool:
        """Whether a request with this number has been carried out."""
        return ack_id in self._acks

    def remember(self, ack_id: int) -> None:
        """A request was carried out; the oldest is forgotten above the bound."""
        self._acks[ack_id] = None
        if len(self._acks) > self.limits.remembered_acks:
            del self._acks[next(iter(self._acks))]

    def close(self, reason: str, code: int = 1000) -> None:
        """Say why, close the socket after what waits, and forget what was kept."""
        if self.outbox is not None:
            self.outbox.put(disconnected(reason))
            self.outbox.finish(code, reason)
        if self.abort is not None:
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, self.abort)
        self.release()

    def release(self) -> None:
        while self._kept:
            self._forget_oldest()

    def _keep(self, frame: str, seconds: int) -> bool:
        size, limits = size_of(frame), self.limits
        self._forget_expired()
        full = len(self._kept) >= limits.unacknowledged_messages
        if full or self._kept_bytes + size > limits.unacknowledged_bytes:
            return False
        if not self.budget.take(size):
            return False
        self._sequence += 1
        self._kept.append(_Kept(self._sequence, frame, time.monotonic() + seconds))
        self._kept_bytes += size
        return True

    def _forget_expired(self) -> None:
        # Only while nobody listens: a reader that is there still acknowledges in order.
        now = time.monotonic()
        while self.outbox is None and self._kept and self._kept[0].expires <= now:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        size = size_of(self._kept.popleft().frame)
        self._kept_bytes -= size
        self.budget.give_back(size)
