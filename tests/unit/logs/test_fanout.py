"""Readers get every line that fits, in messages below Web PubSub's bound, the end in the last."""

import json
from uuid import uuid4

from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.logs.fanout import messages
from shared.logs.lines import Line
from shared.logs.store import Growth


def growth(sizes: list[int], *, ended: bool = False, text: str = "x") -> Growth:
    lines = [
        Line(source="build", time="2026-11-24T07:20:00Z", stream="stdout", text=text * size)
        for size in sizes
    ]
    return Growth(uuid4(), 11, lines, ended)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 65_536), max_size=12), st.booleans())
@example([65_536] * 5, True)
def test_all_lines_are_in_messages_below_the_bound(sizes: list[int], ended: bool) -> None:
    sent = list(messages(growth(sizes, ended=ended)))
    assert all(len(json.dumps(message).encode()) < 256 * 1024 for message in sent)
    numbers = [line["n"] for message in sent for line in message["lines"]]
    assert numbers == list(range(11, 11 + len(sizes)))
    assert [message["end"] for message in sent] == [False] * (len(sent) - 1) + [ended]


def test_a_line_too_long_for_a_message_is_left_to_reading_by_position() -> None:
    sent = list(messages(growth([1, 65_536, 1], text="\x00")))
    assert [[line["n"] for line in message["lines"]] for message in sent] == [[11], [13]]


def test_a_batch_of_repetitions_still_makes_readers_look() -> None:
    assert [message["lines"] for message in messages(growth([], ended=True))] == [[]]
