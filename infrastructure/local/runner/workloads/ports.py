"""Which port each slot of a workload has: fixed for as long as the workload exists.

A freed port rests before another workload gets it, as a gateway may still know it as the address
of the one before.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from infrastructure.local.ports import CEILING, is_free
from shared.clusters.errors import ClusterRefused

REST_SECONDS = 120.0


@dataclass(slots=True)
class Ports:
    """The ports of one runner; ``memory`` is where those that rest are written down."""

    numbers: range
    memory: Path
    clock: Callable[[], float] = time.time
    _taken: set[int] = field(default_factory=set)
    _resting: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            kept = json.loads(self.memory.read_text())
            self._resting = {int(port): float(until) for port, until in kept.items()}
        except (FileNotFoundError, ValueError):
            self._resting = {}

    def know(self, ports: Iterable[int]) -> None:
        """These belong to a workload that was there before us."""
        self._taken.update(ports)

    def take(self, count: int) -> tuple[int, ...]:
        """So many that nobody has; raises ClusterRefused."""
        now = self.clock()
        found: list[int] = []
        for port in self.numbers:
            if len(found) == count:
                break
            if port in self._taken or self._resting.get(port, 0) > now or not is_free(port):
                continue
            found.append(port)
        if len(found) < count:
            raise ClusterRefused(
                f"The runner has no {count} free ports between {self.numbers.start} and"
                f" {self.numbers.stop - 1}: delete releases that are not needed any more"
            )
        self._taken.update(found)
        return tuple(found)

    def give_back(self, ports: Iterable[int]) -> None:
        """Let them rest."""
        now = self.clock()
        self._resting = {port: until for port, until in self._resting.items() if until > now}
        for port in ports:
            self._taken.discard(port)
            self._resting[port] = now + REST_SECONDS
        draft = self.memory.with_suffix(".new")
        draft.write_text(json.dumps(self._resting))
        draft.replace(self.memory)


def parsed(text: str) -> range:
    """A range such as ``26000-26499``; raises ValueError."""
    first, _, last = text.partition("-")
    numbers = range(int(first), int(last) + 1)
    if not numbers or numbers.start < 1024 or numbers.stop > CEILING:
        raise ValueError(f"{text} has to lie between 1024 and {CEILING - 1}")
    return numbers
