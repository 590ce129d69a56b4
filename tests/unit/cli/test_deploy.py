"""The command's errors before anything is deployed: exit code, text, and JSON."""

import json
from pathlib import Path

import pytest

from frontend.cli.deploy import main


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder that can be deployed."""
    (tmp_path / "index.html").write_text("<h1>Hello</h1>")
    return tmp_path


def test_a_missing_path_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """To people in words, with exit code 2."""
    assert main(["/nowhere/site", "--url", "http://localhost:9"]) == 2
    assert "/nowhere/site cannot be deployed: it is not there" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["/nowhere/site", "--url", "http://localhost:9"], "path_missing"),
        (["--url", "http://localhost:9", "one", "two"], "usage"),
        ([], "source_empty"),
        (["SITE", "--url", "http://localhost:9", "--colour"], "usage"),
        (["SITE", "--url", "http://localhost:9"], "not_signed_in"),
    ],
)
def test_every_error_is_one_object_with_json(
    site: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: str,
) -> None:
    """Also one of the command line itself."""
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    given = [str(site) if argument == "SITE" else argument for argument in arguments]
    assert main([*given, "--json"]) == 2
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["deployment"], result["state"]) == (None, "failed")
    assert result["failure"]["code"] == code
    assert result["failure"]["detail"]
    assert result["failure"]["title"] in captured.err
