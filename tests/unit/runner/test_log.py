"""Lines of commands that are put together again come out as they were written."""

from hypothesis import given, settings
from hypothesis import strategies as st

from infrastructure.local.runner.log import Lines
from shared.clusters.port import LINE_CHARACTERS

TEXTS = st.lists(
    st.one_of(
        st.sampled_from(["", "\r", "{}", "é", "x" * LINE_CHARACTERS, "y" * (LINE_CHARACTERS + 1)]),
        st.text(max_size=5),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(TEXTS, st.sampled_from([1_001, LINE_CHARACTERS - 1, LINE_CHARACTERS, 100_000]))
def test_a_reader_that_joins_full_pieces_has_every_character(texts: list[str], size: int) -> None:
    written = "\n".join(texts) + "\n"
    data, lines, read = written.encode(), Lines(as_written=True), ""
    found = [line for at in range(0, len(data), size) for line in lines.feed(data[at : at + size])]
    for piece in [*found, *lines.end()]:
        assert len(piece) <= LINE_CHARACTERS
        read += piece if len(piece) == LINE_CHARACTERS else f"{piece}\n"
    assert read == written


def test_lines_for_people_lose_the_carriage_return_and_gain_nothing() -> None:
    lines = Lines()
    full = "x" * LINE_CHARACTERS
    assert lines.feed(f"one\r\n{full}\ntwo".encode()) == ["one", full]
    assert lines.end() == ["two"]
