"""What is installed is told by a stamp of the lists; uv is given pip's settings."""

import sys
from pathlib import Path

import pytest

from infrastructure.local import install
from infrastructure.local.install import Stamps, parse_pip_settings, stamp_of, uv_settings


def test_a_changed_list_changes_the_stamp(tmp_path: Path) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("a==1\n")
    two.write_text("b==1\n")
    before = stamp_of(iter([one, two]))
    assert stamp_of(iter([one, two])) == before
    one.write_text("a==2\n")
    assert stamp_of(iter([one, two])) != before


def test_another_python_changes_the_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "list.txt").write_text("a==1\n")
    before = stamp_of(iter([tmp_path / "list.txt"]))
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    assert stamp_of(iter([tmp_path / "list.txt"])) != before


def test_stamps_last_and_do_not_disturb_each_other(tmp_path: Path) -> None:
    Stamps(tmp_path / "install.json").set("python", "x")
    Stamps(tmp_path / "install.json").set("npm", "y")
    stamps = Stamps(tmp_path / "install.json")
    assert stamps.is_current("python", "x")
    assert stamps.is_current("npm", "y")
    assert not stamps.is_current("python", "z")


def test_a_damaged_file_of_stamps_means_that_nothing_is_installed(tmp_path: Path) -> None:
    (tmp_path / "install.json").write_text("{")
    assert not Stamps(tmp_path / "install.json").is_current("python", "x")


def test_uv_asks_the_index_that_pip_would_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_INDEX", "UV_HTTP_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    listed = (
        "global.index-url='https://old.example/simple'\n"
        "install.find-links='/wheels /more'\n"
        ":env:.index-url='https://new.example/simple'\n"
        ":env:.timeout='90'\n"
    )
    assert uv_settings(parse_pip_settings(listed)) == {
        "UV_DEFAULT_INDEX": "https://new.example/simple",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_HTTP_TIMEOUT": "90",
    }


def test_uv_keeps_its_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mine.example/simple")
    assert uv_settings({"index-url": "https://pip.example/simple"}) == {}


def test_every_list_is_pinned_and_names_no_registry() -> None:
    root = Path(__file__).resolve().parents[3]
    for name in (*install.RUNTIME, *install.TESTS, install.NODE):
        for line in (root / name).read_text().splitlines():
            assert "==" in line, f"{name}: {line}"
            assert "://" not in line, f"{name}: {line}"
    assert '"resolved"' not in (root / install.NPM[1]).read_text()
