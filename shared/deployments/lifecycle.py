"""The states of a deployment and the one table of moves between them."""

from typing import Literal

State = Literal[
    "queued",
    "fetching",
    "building",
    "publishing",
    "rolling_out",
    "ready",
    "failed",
    "canceled",
    "superseded",
]

TERMINAL: frozenset[State] = frozenset({"ready", "failed", "canceled", "superseded"})
ACTIVE: frozenset[State] = frozenset({"fetching", "building", "publishing", "rolling_out"})
"""States that hold a place among the deployments at work."""

TRANSITIONS: dict[State, frozenset[State]] = {
    "queued": frozenset({"fetching", "failed", "canceled", "superseded"}),
    "fetching": frozenset({"building", "failed", "canceled"}),
    "building": frozenset({"publishing", "rolling_out", "failed", "canceled"}),
    "publishing": frozenset({"ready", "failed", "canceled"}),
    "rolling_out": frozenset({"ready", "failed", "canceled"}),
    "ready": frozenset(),
    "failed": frozenset(),
    "canceled": frozenset(),
    "superseded": frozenset(),
}


def check_transition(before: State, after: State) -> None:
    """Raise ValueError for a move that the table does not hold."""
    if after not in TRANSITIONS[before]:
        raise ValueError(f"a deployment cannot move from {before} to {after}")
