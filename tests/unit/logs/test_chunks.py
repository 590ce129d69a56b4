"""Chunks give back what was packed, numbered on, and stay small."""

from hypothesis import given
from hypothesis import strategies as st

from shared.logs import chunks
from shared.logs.lines import Line, printable


def lines(texts: list[str]) -> list[Line]:
    return [
        Line(source="runtime", time="2026-11-24T07:20:00Z", stream="stderr", replica="r", text=text)
        for text in texts
    ]


@given(
    st.lists(st.text(max_size=40).map(printable), min_size=1, max_size=50), st.integers(1, 10**12)
)
def test_lines_come_back_with_their_positions(texts: list[str], first_n: int) -> None:
    packed = list(chunks.pack(first_n, lines(texts)))
    found = [line for chunk in packed for line in chunks.unpack(chunk.first_n, chunk.lines)]
    assert [line.n for line in found] == list(range(first_n, first_n + len(texts)))
    assert [line.model_dump(exclude={"n"}) for line in found] == [
        line.model_dump() for line in lines(texts)
    ]


def test_a_chunk_is_bounded_in_lines_and_in_characters() -> None:
    many = list(chunks.pack(1, lines(["x"] * 2_500)))
    assert [(chunk.first_n, chunk.last_n) for chunk in many] == [
        (1, 1000),
        (1001, 2000),
        (2001, 2500),
    ]
    long = list(chunks.pack(1, lines(["x" * 65_536] * 9)))
    assert [(chunk.first_n, chunk.last_n) for chunk in long] == [(1, 4), (5, 8), (9, 9)]
