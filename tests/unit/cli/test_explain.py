"""``astrocloud explain``: one object or a few lines, from a file or standard input."""

import io
import json
from pathlib import Path

import pytest

from frontend.cli.explain import main

LOG = "> site@1.0.0 build\n> vite build\n\nsh: 1: vite: not found\n"


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "log.txt"
    path.write_text(LOG, encoding="utf-8")
    return str(path)


def test_json_has_the_four_fields(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Cause, title, lines with their numbers, and what to try; nothing else anywhere."""
    assert main([log, "--exit-code", "127", "--json"]) == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert list(answer) == ["cause", "title", "lines", "try"]
    assert answer["cause"] == "command-not-found"
    assert answer["title"] == 'The command "vite" is not installed.'
    assert answer["lines"] == [{"n": 4, "text": "sh: 1: vite: not found"}]
    assert len(answer["try"]) == 2
    assert err == ""


def test_people_get_the_title_the_lines_and_the_remedies(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In that order."""
    assert main([log, "--exit-code", "127"]) == 0
    shown = capsys.readouterr().out.split("\n")
    assert shown[0] == 'The command "vite" is not installed.'
    assert shown[1] == "Cause: command-not-found"
    assert shown[2] == "  4  sh: 1: vite: not found"
    assert shown[3] == "Try:"
    assert shown[4].startswith("  - ")


def test_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hyphen stands for it, and it may be any bytes."""

    class Input:
        buffer = io.BytesIO(b"\xff\xfe\nError: Cannot find module 'cors'\n")

    monkeypatch.setattr("sys.stdin", Input)
    assert main(["-", "--exit-code", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cause"] == "module-not-found"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nowhere.txt"], "log_not_readable", "nowhere.txt: No such file or directory."),
        (["."], "log_not_readable", ".: Is a directory."),
        ([], "usage", "LOG"),
        (["x", "--exit-code", "many"], "usage", "'many' is no exit code"),
        (["x", "--exit-code", "900"], "usage", "'900' is no exit code"),
    ],
)
def test_errors_are_told(
    arguments: list[str], code: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, the reason on standard error, and as an object with ``--json``."""
    assert main([*arguments, "--json"]) == 2
    out, err = capsys.readouterr()
    failure = json.loads(out)["error"]
    assert failure["code"] == code
    assert told in failure["detail"]
    assert told in err


def test_a_signal_as_a_negative_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What Python calls -9 is 137 in a shell."""
    path = tmp_path / "log.txt"
    path.write_text("transforming...\n", encoding="utf-8")
    assert main([str(path), "--exit-code=-9", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cause"] == "killed"
