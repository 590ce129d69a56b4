"""What waits to be written to one socket, bounded in frames and bytes."""

import asyncio
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


def size_of(frame: str) -> int:
    """The memory that a frame takes, whatever characters it has."""
    return sys.getsizeof(frame)


@dataclass(slots=True)
class Budget:
    """Bytes waiting on all connections together."""

    limit: int
    used: int = 0

    def take(self, size: int) -> bool:
        if self.used + size > self.limit:
            return False
        self.used += size
        return True

    def give_back(self, size: int) -> None:
        self.used -= size


class Outbox:
    """A queue between whoever publishes and the one task that writes to the socket.

    Publishing never waits for a reader: ``put`` answers False when the reader is too far
    behind, and its connection ends.
    """

    def __init__(self, messages: int, size: int, budget: Budget) -> None:
        self._frames: deque[str] = deque()
        self._messages, self._limit, self._budget = messages, size, budget
        self._waiting = 0
        self._wake = asyncio.Event()
        self._end: tuple[int, str] | None = None
        self._closed = False

    def put(self, frame: str) -> bool:
        """Queue a frame; False when there is no room."""
        if self._closed or self._end is not None:
            return True  # the connection is ending anyway: nothing is lost by this frame
        size = size_of(frame)
        if len(self._frames) >= self._messages or self._waiting + size > self._limit:
            return False
        if not self._budget.take(size):
            return False
        self._frames.append(frame)
        self._waiting += size
        self._wake.set()
        return True

    def finish(self, code: int, reason: str) -> None:
        """Close the socket with this code after what already waits."""
        self._end = self._end or (code, reason)
        self._wake.set()

    def drop(self) -> None:
        """Forget what waits; nothing more is taken."""
        self._budget.give_back(self._waiting)
        self._frames.clear()
        self._waiting, self._closed = 0, True

    async def write(self, send: Callable[[str], Awaitable[None]]) -> tuple[int, str]:
        """Write frames as they come until ``finish``; answers its code and reason."""
        while True:
            while self._frames:
                frame = self._frames.popleft()
                self._waiting -= size_of(frame)
                self._budget.give_back(size_of(frame))
                await send(frame)
            if self._end is not None:
                return self._end
            self._wake.clear()
            await self._wake.wait()
