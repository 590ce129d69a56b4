"""Keys are random, last, and are readable by their owner only."""

import base64
import stat
from pathlib import Path

import pytest

from infrastructure.local.errors import StackError
from infrastructure.local.paths import Paths
from infrastructure.local.secrets import Secrets


def test_a_key_is_made_once_and_differs_between_installations(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = Secrets(tmp_path / "a")
    assert one.text("valkey") == Secrets(tmp_path / "a").text("valkey")
    assert one.text("valkey") != Secrets(tmp_path / "b").text("valkey")
    assert len(base64.b64decode(one.base64("azurite"))) == 64


def test_only_the_owner_can_read_a_key(tmp_path: Path) -> None:
    path = Secrets(tmp_path).path("valkey")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    Secrets(tmp_path).text("valkey")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_folders_are_closed_to_others(tmp_path: Path) -> None:
    paths = Paths.of_checkout(tmp_path)
    paths.state.mkdir(mode=0o755)
    paths.make()
    for folder in (paths.state, paths.secrets, paths.run, paths.logs):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_empty_key_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "valkey").write_text("")
    with pytest.raises(StackError, match=r"valkey is empty.*--reset"):
        Secrets(tmp_path).text("valkey")


def test_nothing_is_left_beside_the_key(tmp_path: Path) -> None:
    Secrets(tmp_path).text("valkey")
    assert [path.name for path in tmp_path.iterdir()] == ["valkey"]
