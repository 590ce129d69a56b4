"""The words of the explanations: a cause, the signs by which it is known, and the answer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal

Phase = Literal["install", "build", "start"]

UNKNOWN = "unknown"


class Rank(IntEnum):
    """How deep a sign reaches: of two causes in one log the deeper one is the root."""

    MACHINE = 100  # memory and disk: they break anything, in any words
    KILLED = 95
    ROOT = 70  # says outright what others only suffer from
    SPECIFIC = 64  # a narrower reading of what a general sign matches, too
    CAUSE = 60
    GENERAL = 50  # true, but something more exact may stand beside it
    WRAPPER = 40  # tells that a step failed, not why
    WEAK = 30  # only where nothing else is known
    EXIT_CODE = 10  # the log says nothing


@dataclass(frozen=True, slots=True)
class Cause:
    """What can go wrong, and what to do about it where the log gives no names."""

    slug: str
    title: str
    tries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sign:
    """A wording by which tools tell a cause.

    ``patterns`` are searched in single lines; their named groups fill the titles and remedies,
    of which only those count whose names are all known. ``near`` finds further decisive lines
    around the first one. ``when`` and ``unless`` look at the whole log.
    """

    cause: str
    patterns: tuple[re.Pattern[str], ...]
    titles: tuple[str, ...] = ()
    tries: tuple[str, ...] = ()
    near: tuple[re.Pattern[str], ...] = ()
    rank: int = Rank.CAUSE
    most: int = 1  # lines shown, where each hit is an error of its own
    reach: int = 25
    when: re.Pattern[str] | None = None
    unless: re.Pattern[str] | None = None
    phases: frozenset[str] = frozenset()
    exits: frozenset[int] = frozenset()
    warnings: bool = False  # a line that calls itself a warning counts, too
    installing: bool = False  # an install that went on to succeed got over it
    last: bool = False  # of several hits the last one decides


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log as a person would see it, and without its prefix to match on."""

    n: int
    text: str
    bare: str
    warning: bool


@dataclass(frozen=True, slots=True)
class DecisiveLine:
    """A line that shows the cause; ``n`` counts from 1, lines ending at each newline."""

    n: int
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why it failed. ``looked_at`` says which part of a long log was read; empty means all."""

    cause: str
    title: str
    lines: tuple[DecisiveLine, ...]
    try_: tuple[str, ...]
    looked_at: str = field(default="", compare=False)

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` and the API give."""
        return {
            "cause": self.cause,
            "title": self.title,
            "lines": [{"n": line.n, "text": line.text} for line in self.lines],
            "try": list(self.try_),
        }


def sign(
    cause: str,
    *patterns: str,
    title: str | Sequence[str] = (),
    tries: str | Sequence[str] = (),
    near: str | Sequence[str] = (),
    when: str = "",
    unless: str = "",
    phases: Sequence[str] = (),
    exits: Sequence[int] = (),
    **options: Any,
) -> Sign:
    """A sign from plain strings, so that the tables read as tables."""
    return Sign(
        cause=cause,
        patterns=tuple(re.compile(pattern) for pattern in patterns),
        titles=_tuple(title),
        tries=_tuple(tries),
        near=tuple(re.compile(pattern) for pattern in _tuple(near)),
        when=re.compile(when) if when else None,
        unless=re.compile(unless) if unless else None,
        phases=frozenset(phases),
        exits=frozenset(exits),
        **options,
    )


def _tuple(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
