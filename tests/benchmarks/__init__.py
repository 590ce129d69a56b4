"""Figures: ratios against a baseline of the same run. Nothing here passes or fails by time.

A benchmark is a module with ``NAME``, ``TEXT``, ``GOAL`` and ``async def measure() -> Result``
(or a list of results); ``python -m tests.benchmarks [name]`` finds it by itself.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Goal:
    """The bound of a figure; ``at_least`` where more is better."""

    value: float
    at_least: bool = False

    def met(self, value: float) -> bool:
        """Whether a figure keeps the bound."""
        return value >= self.value if self.at_least else value <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Result:
    """One figure and, line by line, where the time went."""

    value: float
    unit: str = ""
    details: Sequence[str] = field(default=())
    # Where one measurement gives several figures, these stand for the module's own.
    name: str = ""
    text: str = ""
    goal: Goal | None = None


def typical(took: Sequence[float], name: str, text: str, goal: Goal, remark: str = "") -> Result:
    """The median of what each of several rounds took, in seconds."""
    slowest = f"slowest of {len(took)}: {max(took):.2f} s{remark and '; ' + remark}"
    return Result(statistics.median(took), "s", [slowest], name=name, text=text, goal=goal)
