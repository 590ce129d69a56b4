"""A user with nothing: no sign-in, no settings, no variables of the command's own."""

from pathlib import Path

import httpx
import pytest

from frontend.cli import config, session
from frontend.cli.api import Api
from tests.unit.cli.platform import TOKEN, URL, Platform


@pytest.fixture(autouse=True)
def _nobody(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TICKET", "TOKEN", "PLATFORM", "DEBUG", "GIT_PRIVATE_HOSTS"):
        monkeypatch.delenv(f"ASTROCLOUD_{name}", raising=False)
    home: Path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("HOME", str(home))


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Platform:
    """A platform, and somebody who is signed in there."""
    made = Platform()

    class Connected(Api):
        def __init__(self, url: str) -> None:
            super().__init__(url, httpx.MockTransport(made))

    monkeypatch.setattr(session, "Api", Connected)
    config.save(URL, TOKEN)
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site called shop, in which the command runs."""
    place = tmp_path / "shop"
    place.mkdir()
    (place / "index.html").write_text("<h1>Shop</h1>")
    monkeypatch.chdir(place)
    return place
