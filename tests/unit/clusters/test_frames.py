"""Frames of a pod's log: the same, whoever reads them, from wherever."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.clusters.kubernetes import frames
from shared.clusters.port import LINE_CHARACTERS

CREATED = "2026-01-01T10:00:00Z"
START = frames.origin(CREATED)
STEPS = st.lists(
    st.sampled_from((0, 1, 40, 10**6, 999_999_999, 10**9, 5 * 10**9)), min_size=1, max_size=40
)


def _log(steps: list[int]) -> list[bytes]:
    """Lines as a node writes them, so many nanoseconds apart."""
    moment, lines = 0, []
    for place, step in enumerate(steps):
        moment += step
        whole = datetime(2026, 1, 1, 10, 0, 1, tzinfo=UTC) + timedelta(seconds=moment // 10**9)
        time = f"{whole:%Y-%m-%dT%H:%M:%S}.{moment % 10**9:09d}Z"
        lines.append(f"{time} line {place}\n".encode())
    return lines


def _from(lines: list[bytes], since: str) -> bytes:
    return b"".join(line for line in lines if line.decode()[:19] >= since[:19])


@given(STEPS)
def test_each_line_has_one_number_wherever_it_is_read_from(steps: list[int]) -> None:
    lines = _log(steps)
    whole = frames.read(b"".join(lines), START, 0, is_over=True)
    assert [frame.lines[0].text for frame in whole] == [f"line {n}" for n in range(len(steps))]
    assert [frame.n for frame in whole] == sorted({frame.n for frame in whole})
    for place, frame in enumerate(whole):
        read = _from(lines, frames.since(START, frame.n))
        assert frames.read(read, START, frame.n, is_over=True) == whole[place + 1 :]


@given(STEPS, st.data())
def test_what_was_told_early_is_told_the_same_later(steps: list[int], data: st.DataObject) -> None:
    log = b"".join(_log(steps))
    cut = data.draw(st.integers(0, len(log)))
    early = frames.read(log[:cut], START, 0, is_over=False)
    assert frames.read(log, START, 0, is_over=True)[: len(early)] == early


def test_a_line_without_its_end_waits_while_the_pod_lives() -> None:
    log = b"2026-01-01T10:00:00.5Z one\n2026-01-01T10:00:00.6Z tw"
    assert [one.lines[0].text for one in frames.read(log, START, 0, is_over=False)] == ["one"]
    assert [one.lines[0].text for one in frames.read(log, START, 0, is_over=True)] == ["one", "tw"]


def test_a_node_whose_clock_is_behind_gives_numbers_too() -> None:
    log = b"2026-01-01T09:50:00.5Z early\nfailed to watch file\n2026-01-01T08:00:00Z far\n"
    told = frames.read(log, START, 0, is_over=True)
    assert [frame.lines[0].text for frame in told] == ["early", "far"]
    assert told[0].n >= 1
    assert told[0].n < 2**53
    day = frames.read(b"2026-01-02T10:00:00.5Z late\n", START, 0, is_over=True)
    assert day[0].n < 2**53


def test_bytes_that_are_no_text_break_nothing() -> None:
    (frame,) = frames.read(b"2026-01-01T10:00:00Z \xff\xfe ok\r\n", START, 0, is_over=True)
    assert frame.lines[0].text.endswith(" ok\r")


def test_a_long_line_is_one_frame_of_pieces() -> None:
    long = "x" * (2 * LINE_CHARACTERS)
    log = f"2026-01-01T10:00:00Z {long}\n2026-01-01T10:00:00Z y\n".encode()
    first, second = frames.read(log, START, 0, is_over=True)
    assert [line.text for line in first.lines] == [long[:LINE_CHARACTERS]] * 2 + [""]
    assert [line.text for line in second.lines] == ["y"]
