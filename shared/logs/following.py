"""Follows what runs outside, a build or a task: tells its log until it has ended."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from shared.logs.frames import Frame, FrameWriter

_LONGEST_POLL_SECONDS = 1.0
_RENEW_SECONDS = 2.0


class Status(Protocol):
    """How a run or a task stands, as far as it is followed."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it is alive."""

    @property
    def frames(self) -> int:
        """Frames of its log so far."""


Followed = TypeVar("Followed", bound=Status)


@dataclass(frozen=True, slots=True)
class Following(Generic[Followed]):
    """One look at a run: ``read`` waits for frames, ``status`` says how it stands."""

    read: Callable[[int, float], Awaitable[Sequence[Frame]]]
    status: Callable[[], Awaitable[Followed]]
    writer: FrameWriter
    renew: Callable[[], Awaitable[None]]

    async def follow(self, told: int, seconds: float) -> tuple[Followed, int]:
        """Until it has ended, or as long as one look may; how it stands, and frames told by now."""
        until = time.monotonic() + seconds
        renewed = time.monotonic()
        while True:
            left = max(0.0, min(_LONGEST_POLL_SECONDS, until - time.monotonic()))
            frames = await self.read(told, left)
            if frames:
                await self.writer.write(frames)
                told = frames[-1].n
            if time.monotonic() - renewed > _RENEW_SECONDS:
                await self.renew()
                renewed = time.monotonic()
            status = await self.status()
            if told >= status.frames and (status.has_ended or time.monotonic() >= until):
                return status, told
