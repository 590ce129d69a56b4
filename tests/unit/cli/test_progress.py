"""What reaches the terminal."""

import json

import pytest

from frontend.cli.progress import Reporter, shown


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain ä\tx", "plain ä\tx"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;http://evil\x1b\\link", "link"),
        ("\x1b[2J\x1b[Hx", "x"),
        ("\x1b", ""),
        ("a\rb\x00\x9b1mc", "ab1mc"),
    ],
)
def test_a_build_does_not_steer_the_terminal(text: str, safe: str) -> None:
    """Colours stay; titles, links, cursor moves and clearing do not."""
    assert shown(text) == safe


def test_log_text_is_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """Square brackets and addresses of a build come out as they went in."""
    Reporter(json=False).line(
        {"time": "2026-11-24T07:00:00.123Z", "text": "[bold]x[/] [1/3]", "source": "build"}
    )
    assert capsys.readouterr().out == "07:00:00.123  [bold]x[/] [1/3]\n"


def test_json_has_standard_output_for_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """One object in a fixed order; everything else goes to standard error."""
    reporter = Reporter(json=True)
    reporter.step("Deployment shop #1")
    reporter.failed({"title": "No", "detail": "Because"})
    reporter.result({"state": "ready", "deployment": "d", "url": "u", "more": 1})
    captured = capsys.readouterr()
    assert list(json.loads(captured.out)) == ["deployment", "state", "url", "permalink", "failure"]
    assert "Because" in captured.err
