"""The table of states: what it allows, and that the schema knows the same states."""

import re
from importlib import resources
from typing import get_args

import pytest

from shared.deployments.lifecycle import (
    ACTIVE,
    TERMINAL,
    TRANSITIONS,
    State,
    check_transition,
)


def test_every_state_is_in_the_table() -> None:
    """No state is forgotten, and none leads to an unknown one."""
    states = set(get_args(State))

    assert set(TRANSITIONS) == states
    assert set().union(*TRANSITIONS.values()) <= states


def test_terminal_states_lead_nowhere_and_all_others_can_end() -> None:
    """From every state that is not terminal, failed and canceled can be reached at once."""
    for state, following in TRANSITIONS.items():
        assert (not following) == (state in TERMINAL)
        if state not in TERMINAL:
            assert {"failed", "canceled"} <= following


def test_active_states_are_those_between_queued_and_the_end() -> None:
    """Queued holds no place; what has ended holds none any more."""
    assert set(TRANSITIONS) - TERMINAL - {"queued"} == ACTIVE


def test_a_move_that_the_table_does_not_hold_is_refused() -> None:
    """Nothing goes from ready back to building."""
    check_transition("queued", "fetching")
    with pytest.raises(ValueError, match="from ready to building"):
        check_transition("ready", "building")


def test_the_schema_knows_the_same_states() -> None:
    """The check of the column and the table of transitions list the same words."""
    sql = resources.files("shared.migrations").joinpath("0001_tables.sql").read_text()
    column = re.search(r"state IN \((.*?)\)\)", sql, re.S)
    assert column is not None

    assert set(re.findall(r"'(\w+)'", column[1])) == set(get_args(State))
