"""Levels of lines that came together: the trace of an error belongs to it."""

from shared.logs.lines import Line, Source, Stream
from shared.logs.runtime.models import kept


def _line(text: str, stream: Stream = "stderr", source: Source = "runtime") -> Line:
    return Line(source=source, time="2026-11-24T07:00:00Z", stream=stream, text=text)


def _levels(*lines: Line) -> list[str]:
    return [line.level for line in kept(lines)]


def test_a_trace_has_the_level_of_its_error() -> None:
    lines = ("TypeError: no", "    at x (a.js:1:2)", "", "  at y", "listening", "  on 8080")
    assert _levels(*map(_line, lines)) == ["error", "error", "", "", "", ""]


def test_a_trace_of_python_is_an_error_as_a_whole() -> None:
    lines = ("Traceback (most recent call last):", '  File "a.py"', "    x()", "KeyError: 'A'")
    assert _levels(*map(_line, lines)) == ["error"] * 4


def test_another_stream_and_json_pass_nothing_on() -> None:
    one, other = _line("ERROR no"), _line("  indented", stream="stdout")
    assert _levels(one, other, _line("  at z")) == ["error", "", "error"]
    assert _levels(_line('{"level":"error"}'), _line("  indented")) == ["error", ""]


def test_what_says_its_own_level_keeps_it() -> None:
    assert _levels(_line("ERROR no"), _line("  WARN maybe")) == ["error", "warn"]
    assert _levels(_line("It ended", source="platform"), _line("  x")) == ["error", ""]
