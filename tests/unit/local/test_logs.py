"""Logs are bounded, read from their end, and followed across a rotation."""

from pathlib import Path

from infrastructure.local.logs import follow, rotate, tail


def test_a_log_that_grew_too_big_is_kept_aside_and_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    with log.open("ab") as writer:
        writer.write(b"old line\n" * 100)
        writer.flush()
        assert rotate(log, largest=100)
        writer.write(b"new line\n")
    assert log.read_text() == "new line\n"
    assert (tmp_path / "one.log.1").read_text().startswith("old line")


def test_a_small_log_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    log.write_text("line\n")
    assert not rotate(log, largest=100)
    assert log.read_text() == "line\n"


def test_tail_gives_the_last_lines_that_are_not_empty(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    log.write_text("a\n\nb\nc\n\n")
    assert tail(log, 2) == ["b", "c"]
    assert tail(tmp_path / "none.log", 2) == []


def test_following_tells_what_is_added_after_the_end_and_after_a_rotation(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    log.write_text("first\n")
    lines = follow({"one": log}, 5, forever=True)
    assert next(lines) == ("one", "first")
    with log.open("a") as writer:
        writer.write("second\n")
    assert next(lines) == ("one", "second")
    log.write_text("x\n")
    assert next(lines) == ("one", "x")
