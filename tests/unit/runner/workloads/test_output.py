"""What servers write: lines, bounded per second, on disk until somebody takes them."""

import json
from pathlib import Path

import pytest

from infrastructure.local.runner.workloads import output, spool
from infrastructure.local.runner.workloads.output import LINES_A_SECOND, Output
from infrastructure.local.runner.workloads.spool import SpoolWriter, frames, segments


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What time it is, to be set."""
    now = [100.0]
    monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
    return now


def texts(folder: Path) -> list[str]:
    """Every line of a spool."""
    return [
        line["text"]
        for segment in segments(folder)
        for frame in frames(segment.path, 0)
        for line in frame.lines
    ]


def test_lines_that_come_in_pieces_are_whole(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool")
    out = Output(writer, "web-0")
    for piece in (b"on", b"e\ntw", "ö\r\n".encode()[:2], "ö\r\n".encode()[2:], b"rest"):
        out.write(piece, "stdout")
    out.end()
    writer.flush()
    assert texts(tmp_path / "spool") == ["one", "twö", "rest"]
    assert out.last_lines == ("one", "twö", "rest")


def test_what_is_too_much_for_a_second_is_counted_and_told(
    tmp_path: Path, clock: list[float]
) -> None:
    writer = SpoolWriter(tmp_path / "spool")
    out = Output(writer, "web-0")
    out.write(b"x\n" * (LINES_A_SECOND + 100), "stdout")
    out.write(b"y\n" * 50 + b"last\n", "stdout")
    clock[0] += 1.5
    out.tell_dropped()
    out.write(b"next\n", "stdout")
    writer.flush()
    found = texts(tmp_path / "spool")
    assert len(found) == LINES_A_SECOND + 2
    assert found[-2].startswith("151 lines were dropped")
    assert found[-1] == "next"
    assert out.last_lines[-2:] == ("last", "next")


def test_frames_are_numbered_and_one_that_was_cut_off_is_none(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool")
    for number in range(3):
        writer.add("web-0", "runtime", "stdout", f"line {number}")
        writer.flush()
    (segment,) = segments(tmp_path / "spool")
    with segment.path.open("ab") as file:
        file.write(b'{"n":4,"lines":[')
    assert [frame.number for frame in frames(segment.path, 0)] == [1, 2, 3]
    first = next(frames(segment.path, 0))
    assert [frame.number for frame in frames(segment.path, first.end)] == [2, 3]


def test_the_oldest_lines_go_where_nobody_takes_them_and_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "SEGMENT_BYTES", 2_000)
    monkeypatch.setattr(spool, "SEGMENTS", 3)
    writer = SpoolWriter(tmp_path / "spool")
    for number in range(100):
        writer.add("web-0", "runtime", "stdout", f"{number} " + "x" * 200)
        writer.flush()
    writer.flush()
    assert len(segments(tmp_path / "spool")) <= 4
    found = texts(tmp_path / "spool")
    assert found[-1].startswith("99 ") or found[-2].startswith("99 ")
    assert any("older lines were dropped" in text for text in found)
    assert not any(text.startswith("0 ") for text in found)


def test_text_that_is_no_utf_8_and_line_breaks_of_json_stay_one_line(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool")
    out = Output(writer, "web-0")
    out.write(b'\xff\xfe {"a": "b\\n"}\n', "stderr")
    writer.flush()
    (segment,) = segments(tmp_path / "spool")
    (line,) = segment.path.read_text().splitlines()
    (told,) = json.loads(line)["lines"]
    assert told["text"] == '\ufffd\ufffd {"a": "b\\n"}'
    assert (told["stream"], told["source"], told["replica"]) == ("stderr", "runtime", "web-0")
