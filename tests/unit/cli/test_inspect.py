"""``inspect``: the build spec with its reasons, for people and as JSON, without any platform."""

import json
from pathlib import Path

import pytest

from frontend.cli.inspect import main

KEYS = ["framework", "kind", "package_manager", "install", "build", "output", "start", "reasons"]
PACKAGE = '{"scripts": {"build": "vite build"}, "devDependencies": {"vite": "^7.0.0"}}'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of Vite with a lock file."""
    (tmp_path / "package.json").write_text(PACKAGE)
    (tmp_path / "package-lock.json").write_text("{}")
    (tmp_path / "index.html").write_text("<!doctype html>")
    return tmp_path


def test_json_is_one_object_with_the_spec_and_its_reasons(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(project), "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert list(result) == KEYS
    assert [result[key] for key in KEYS[:-1]] == [
        "vite",
        "static",
        "npm",
        "npm ci",
        "npm run build",
        "dist",
        None,
    ]
    assert result["reasons"]["install"] == {
        "value": "npm ci",
        "origin": "detected",
        "text": "exactly what package-lock.json says",
    }
    assert captured.err == ""


def test_people_see_every_value_with_origin_and_reason(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "astrocloud.toml").write_text('output = "www"\n')
    assert main([str(project)]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "Output www astrocloud.toml: output in astrocloud.toml" in words
    assert "Build npm run build detected: script build in package.json" in words
    assert "Root . detected" in words


SERVER = """
port = 3000
[scaling]
minimum = 2
maximum = 4
[workers.mail]
command = "node mail.js"
[workers.video]
command = "node video.js"
replicas = 2
[schedules.night]
cron = "30 4 * * *"
command = "node clean.js"
"""


def test_people_see_how_a_server_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "package.json").write_text('{"scripts": {"start": "node server.js"}}')
    (tmp_path / "astrocloud.toml").write_text(SERVER)
    (tmp_path / "Procfile").write_text("release: node migrate.js\n")
    assert main([str(tmp_path)]) == 0
    words = " ".join(capsys.readouterr().out.split())
    for expected in (
        "Framework node",
        "Kind dynamic",
        "Start node server.js",
        "Port 3000 astrocloud.toml: port in astrocloud.toml",
        "Release node migrate.js detected: release in Procfile",
        "Scaling 2 to 4 replicas",
        "mail: node mail.js",
        "Schedules night: 30 4 * * *",
    ):
        assert expected in words
    assert main([str(tmp_path), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert list(result) == KEYS
    assert result["reasons"]["port"]["value"] == 3000
    assert result["reasons"]["workers"]["value"] == [
        "mail: node mail.js",
        "video: node video.js (2 replicas)",
    ]


def test_the_folder_of_the_shell_is_the_default(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    assert main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out)["framework"] == "vite"


def test_warnings_are_told_beside_the_object(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / ".nvmrc").write_text("16\n")
    assert main([str(project), "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["reasons"]["node"]["value"] == "20"
    assert ".nvmrc asks for Node 16, but 20 to 24 are available" in captured.err


def test_several_apps_are_listed_and_none_is_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("admin", "shop"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text("<!doctype html>")
    assert main([str(tmp_path), "--json"]) == 1
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert list(result) == [*KEYS, "failure", "candidates"]
    assert [result[key] for key in KEYS] == [None] * 7 + [{}]
    assert result["failure"]["code"] == "several_apps"
    assert [candidate["root"] for candidate in result["candidates"]] == ["admin", "shop"]
    assert "There are several apps" in captured.err


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["/nowhere/site"], "path_missing", 2),
        (["SITE", "--colour"], "usage", 2),
        (["SITE/site.zip"], "path_unsupported", 2),
        (["SITE"], "nothing_to_deploy", 1),
    ],
)
def test_every_error_is_one_object_with_json(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: str,
    exit_code: int,
) -> None:
    (tmp_path / "site.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    given = [argument.replace("SITE", str(tmp_path)) for argument in arguments]
    assert main([*given, "--json"]) == exit_code
    captured = capsys.readouterr()
    failure = json.loads(captured.out)["failure"]
    assert failure["code"] == code
    assert failure["detail"]
    assert failure["title"] in captured.err


def test_what_a_file_says_does_not_steer_the_terminal(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / ".nvmrc").write_text("16\x1b]0;title\x07\x1b[2J\n")
    assert main([str(project)]) == 0
    assert "\x1b" not in capsys.readouterr().out
