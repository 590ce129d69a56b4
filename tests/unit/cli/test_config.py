"""Tokens on disk, and to whom they are sent."""

import json
import os
import stat
from pathlib import Path

import pytest

from frontend.cli import config, link, session
from frontend.cli.errors import NotSignedIn, UsageError
from tests.unit.cli.platform import URL

OTHER = "https://cloud.example.com"


def test_a_token_is_for_its_owner_alone() -> None:
    """The file is 0600, its folder 0700, and there is one token a platform."""
    path = config.save(URL, "one")
    config.save(OTHER, "two")
    known = config.load()
    assert (known.default, dict(known.tokens)) == (OTHER, {URL: "one", OTHER: "two"})
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_forgetting_leaves_the_other_platform() -> None:
    """It is the one used by default then."""
    config.save(URL, "one")
    config.save(OTHER, "two")
    assert config.forget(OTHER)
    assert not config.forget(OTHER)
    assert config.load() == config.Credentials(URL, {URL: "one"})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"platforms": {"x": {}}}', '{"platforms": 1}'])
def test_a_damaged_file_is_named(text: str) -> None:
    """With what to do about it."""
    path = config.folder() / config.NAME
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(UsageError, match=rf"{path} .*damaged.*astrocloud login"):
        config.load()


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("cloud.example.com/", "https://cloud.example.com"),
        ("https://Cloud.Example.com:8443/x", "https://cloud.example.com:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_an_address_has_one_form(text: str, url: str) -> None:
    """The token is found again however it was typed."""
    assert session.normal(text) == url


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://cloud.example.com", "unencrypted"),
        ("https://me:secret@cloud.example.com", "not the address"),
        ("ftp://cloud.example.com", "not the address"),
        ("https://", "not the address"),
    ],
)
def test_an_address_that_gets_no_token(text: str, reason: str) -> None:
    """Unencrypted, or none at all; a password in it is not repeated."""
    with pytest.raises(UsageError, match=reason) as caught:
        session.normal(text)
    assert "secret" not in caught.value.detail


def test_a_link_of_somebody_else_gets_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token of the environment or of another platform is not sent where files point to."""
    link.write(tmp_path, link.Link("p", "shop", "https://evil.example.com"))
    monkeypatch.setenv("ASTROCLOUD_TOKEN", "token")
    with pytest.raises(NotSignedIn):
        session.platform(None, tmp_path)
    config.save(URL, "one")
    with pytest.raises(NotSignedIn, match="evil"):
        session.platform(None, tmp_path)
    assert session.platform(URL, tmp_path).url == URL


def test_a_link_leads_to_its_platform(tmp_path: Path) -> None:
    """Where there is a token for it, whichever was used last; also from a folder below."""
    config.save(OTHER, "two")
    config.save(URL, "one")
    (tmp_path / ".git").mkdir()
    (tmp_path / "src").mkdir()
    link.write(tmp_path, link.Link("p", "shop", OTHER))
    assert session.platform(None, tmp_path / "src") == session.Platform(OTHER, "two")


def test_ci_needs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two variables are enough."""
    monkeypatch.setenv("ASTROCLOUD_PLATFORM", OTHER)
    monkeypatch.setenv("ASTROCLOUD_TOKEN", "ci")
    found = session.platform(None, tmp_path)
    assert (found.url, found.token) == (OTHER, "ci")
    assert "ci" not in repr(found).replace("cloud", "")


def test_a_link_is_read_as_it_was_written(tmp_path: Path) -> None:
    """It holds no secret; taking it away leaves nothing."""
    written = link.Link("p", "shop", URL)
    path = link.write(tmp_path, written)
    assert link.read(tmp_path) == written
    assert sorted(json.loads(path.read_text())) == ["project_id", "slug", "url"]
    assert link.remove(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not link.remove(tmp_path)


def test_a_damaged_link_is_named(tmp_path: Path) -> None:
    """And how to mend it."""
    link.write(tmp_path, link.Link("p", "shop", URL)).write_text("{}")
    with pytest.raises(UsageError, match=r"damaged.*astrocloud link"):
        link.find(tmp_path)
