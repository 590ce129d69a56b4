"""What ``./dev test`` hands to pytest, and what a command says when nothing runs."""

import json
from pathlib import Path

import pytest

from infrastructure.local import cli, commands
from infrastructure.local.errors import StackError
from infrastructure.local.paths import Paths
from infrastructure.local.progress import Progress


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    made = Paths.of_checkout(tmp_path)
    made.make()
    return made


@pytest.mark.parametrize(
    ("given", "handed"),
    [
        ([], ["-n", "2", "--dist", "loadfile", "tests", "--ignore=tests/benchmarks"]),
        (["unit"], ["tests/unit"]),
        (["unit", "-k", "ports"], ["tests/unit", "-k", "ports"]),
        (["-x"], ["-x", "tests", "--ignore=tests/benchmarks"]),
        (["tests/unit", "-x"], ["tests/unit", "-x"]),
    ],
)
def test_a_layer_becomes_its_folder(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, given: list[str], handed: list[str]
) -> None:
    became: list[list[str]] = []

    def record(paths: Paths, words: list[str]) -> int:
        became.append(words)
        return 0

    monkeypatch.setattr(commands, "_become", record)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert commands.test(paths, given) == 0
    assert became == [["-m", "pytest", *handed]]


def test_deploy_without_a_stack_tells_both_people_and_programs(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.astrocloud(paths, ["deploy", "--json"]) == 2
    said = capsys.readouterr()
    assert json.loads(said.out)["failure"]["code"] == "not_up"
    assert "./dev up" in said.err


def test_status_without_a_stack_says_what_to_run(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.status(paths) == 1
    assert "./dev up" in capsys.readouterr().out


def test_the_log_of_an_unknown_service_is_an_error_that_lists_those_there_are(
    paths: Paths,
) -> None:
    (paths.logs / "api.log").write_text("line\n")
    with pytest.raises(StackError, match=r"'nginx': there are api"):
        commands.logs(paths, "nginx", 0, follow=False)


def test_logs_of_all_services_name_each_line(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    (paths.logs / "api.log").write_text("one\n")
    (paths.logs / "worker.log").write_text("two\n")
    assert commands.logs(paths, None, 0, follow=False) == 0
    assert capsys.readouterr().out.splitlines() == ["api         one", "worker      two"]


def test_a_reset_removes_data_and_keys_and_nothing_that_was_installed(paths: Paths) -> None:
    (paths.state / "postgres").mkdir()
    (paths.state / "venv").mkdir()
    key = paths.secrets / "valkey"
    key.write_text("key")
    with Progress() as progress:
        commands._reset(paths, progress)
    assert not (paths.state / "postgres").exists()
    assert not key.exists()
    assert (paths.state / "venv").exists()
    assert paths.secrets.exists()


def test_an_unknown_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["up", "--fast"])
    assert "--fast" in capsys.readouterr().err
