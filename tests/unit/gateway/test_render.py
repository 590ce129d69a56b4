"""What the renderer writes: no secret but in one file, no setting that becomes a directive."""

import base64
import hashlib
import json
import re
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infrastructure.gateway.render import GatewayConfig, GatewayConfigError, command, render

KEY = "c2VjcmV0LWtleQ=="


@pytest.fixture
def config(tmp_path: Path) -> GatewayConfig:
    """A gateway as the local stack has it."""
    return GatewayConfig(
        port=8080,
        state_dir=tmp_path / "state",
        blob_endpoint="http://127.0.0.1:8087/astrocloud",
        blob_account="astrocloud",
        blob_key=KEY,
    )


def test_key_stands_in_one_file_that_only_the_owner_reads(
    config: GatewayConfig, tmp_path: Path
) -> None:
    """Of everything written only ``identity.json`` holds the key, and nothing is for others."""
    render(config, tmp_path / "nginx")
    files = [path for path in (tmp_path / "nginx").glob("*") if path.is_file()]
    assert [path.name for path in files if KEY in path.read_text()] == ["identity.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "nginx").stat().st_mode) == 0o700
    assert KEY not in " ".join(command(tmp_path / "nginx"))


def test_every_name_is_filled(config: GatewayConfig, tmp_path: Path) -> None:
    """No placeholder is left, but the host that njs puts into a page."""
    render(config, tmp_path / "nginx")
    for path in (tmp_path / "nginx").glob("*.*"):
        left = set(re.findall(r"\{\{\w+\}\}", path.read_text()))
        assert left <= {"{{host}}"}, path.name


def test_every_page_has_the_one_style_that_is_allowed(
    config: GatewayConfig, tmp_path: Path
) -> None:
    """One hash stands for all pages, so what is in their style elements must be the same."""
    render(config, tmp_path / "nginx")
    pages = json.loads((tmp_path / "nginx" / "pages.json").read_text())
    allowed = pages.pop("style_hash")
    for name, page in pages.items():
        style = page.partition("<style>")[2].partition("</style>")[0]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert digest == allowed, name


def test_rendering_twice_replaces_what_was_there(config: GatewayConfig, tmp_path: Path) -> None:
    """Another port takes effect; nothing of the first rendering stays."""
    render(config, tmp_path / "nginx")
    text = render(replace(config, port=8099), tmp_path / "nginx").read_text()
    assert "127.0.0.1:8099" in text
    assert "127.0.0.1:8080" not in text


def test_killed_gateway_does_not_stand_in_the_way(config: GatewayConfig, tmp_path: Path) -> None:
    """nginx does not start where a socket is left: rendering takes it away."""
    left = config.state_dir / "objects.sock"
    config.state_dir.mkdir()
    left.touch()
    render(config, tmp_path / "nginx")
    assert not left.exists()
    assert f'listen "unix:{left}";' in (tmp_path / "nginx" / "objects.conf").read_text()


def test_long_path_leaves_the_socket_elsewhere(config: GatewayConfig, tmp_path: Path) -> None:
    """A socket's path is short by law of the system: it moves to a folder of the owner's alone."""
    deep = replace(config, state_dir=tmp_path / ("d" * 120))
    render(deep, tmp_path / "nginx")
    text = (tmp_path / "nginx" / "objects.conf").read_text()
    found = re.search(r'listen "unix:([^"]+)";', text)
    assert found is not None
    folder = Path(found[1]).parent
    assert len(found[1]) < 100
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.rmdir()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("platform_host", "localhost; include /etc/passwd"),
        ("tenants_domain", "apps.localhost\n}"),
        ("api_upstream", "127.0.0.1:1 backup"),
        ("hot_size", "1m evict"),
        ("blob_endpoint", "http://127.0.0.1:1/a;b"),
        ("blob_endpoint", "file:///etc/passwd"),
        ("csp_connect", ("'none'; script-src *",)),
        ("state_dir", Path('/var/a"b')),
    ],
)
def test_setting_cannot_become_a_directive(
    config: GatewayConfig, tmp_path: Path, name: str, value: Any
) -> None:
    """A value with nginx's own signs in it is refused by name, before anything runs."""
    if name == "state_dir":
        value = tmp_path / 'a"b'
    with pytest.raises(GatewayConfigError):
        render(replace(config, **{name: value}), tmp_path / "nginx")


@pytest.mark.parametrize(
    ("scheme", "port", "authority"),
    [("http", None, ":8080"), ("http", 80, ""), ("https", 443, ""), ("https", 8443, ":8443")],
)
def test_apps_see_the_public_address(
    config: GatewayConfig, tmp_path: Path, scheme: str, port: int | None, authority: str
) -> None:
    """Host and forwarded headers carry the port that browsers use, and https brings HSTS."""
    render(replace(config, public_scheme=scheme, public_port=port), tmp_path / "nginx")
    text = (tmp_path / "nginx" / "api.conf").read_text()
    assert f"proxy_set_header Host $host{authority};" in text
    assert f"proxy_set_header X-Forwarded-Proto {scheme};" in text
    assert ("Strict-Transport-Security" in text) == (scheme == "https")


def test_storage_by_name_is_spoken_to_over_tls(config: GatewayConfig, tmp_path: Path) -> None:
    """An https endpoint without a path: its certificate is checked, its path has no account."""
    azure = replace(
        config,
        blob_endpoint="https://astrocloud.blob.core.windows.net",
        resolver="168.63.129.16",
    )
    text = render(azure, tmp_path / "nginx").read_text()
    assert "proxy_ssl_verify on;" in text
    assert "resolver 168.63.129.16;" in text
    assert "server astrocloud.blob.core.windows.net:443;" in text
    settings = json.loads((tmp_path / "nginx" / "settings.json").read_text())
    assert settings["blob_origin"] == "https://astrocloud.blob.core.windows.net"
    assert settings["blob_prefix"] == ""


def test_bound_is_halved_for_asking_again(config: GatewayConfig, tmp_path: Path) -> None:
    """A route is asked for again at half its bound, so that the bound itself always holds."""
    render(replace(config, route_max_age=0.5), tmp_path / "nginx")
    settings = json.loads((tmp_path / "nginx" / "settings.json").read_text())
    assert (settings["route_max_age"], settings["soft_age"]) == (500, 250)


def pages(config: GatewayConfig, tmp_path: Path) -> dict[str, str]:
    """The rendered pages by name."""
    render(config, tmp_path / "nginx")
    made: dict[str, str] = json.loads((tmp_path / "nginx" / "pages.json").read_text())
    del made["style_hash"]
    return made


def test_pages_ask_for_nothing_else(config: GatewayConfig, tmp_path: Path) -> None:
    """No page loads a script, a font or an image: it works while everything else is down."""
    for name, text in pages(config, tmp_path).items():
        assert not re.search(r"<script|<img|<link|url\(|@import|\bsrc=", text), name
        assert set(re.findall(r'href="([^"]*)"', text)) <= {"", "/", "http://localhost:8080/"}


def test_every_page_says_what_why_and_what_next(config: GatewayConfig, tmp_path: Path) -> None:
    """One heading, the reason, a way on, and one primary button at most."""
    made = pages(config, tmp_path)
    assert {"unknown", "empty", "outage", "suspended", "not_found"} <= set(made)
    for name, text in made.items():
        assert text.count("<h1>") == 1, name
        assert '<p class="why">' in text, name
        assert "What you can do" in text, name
        assert text.count('class="primary"') == 1, name
        assert "prefers-color-scheme: dark" in text, name
