"""What a machine says of registries and certificates reaches installers and sandboxes."""

from pathlib import Path

import pytest

from infrastructure.local.runner.toolchains.machine import Machine, keep_certificates


@pytest.fixture(autouse=True)
def nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "UV_HTTP_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)


def machine(home: Path, **environ: str) -> Machine:
    return Machine({"PATH": "/usr/bin", "HOME": str(home), **environ}, home)


def test_a_registry_of_the_npmrc_is_a_variable_for_each_manager(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").write_text(
        "//npm.example/:_authToken=hunter2\nregistry = https://npm.example/all/\n"
    )
    found, hidden = machine(tmp_path).for_commands()
    assert found["npm_config_registry"] == "https://npm.example/all/"
    assert found["pnpm_config_registry"] == "https://npm.example/all/"
    assert found["YARN_NPM_REGISTRY_SERVER"] == "https://npm.example/all"
    assert "hunter2" not in str(found)
    assert hidden == []


def test_the_environment_beats_the_npmrc(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").write_text("registry=https://old.example/\n")
    found, _ = machine(tmp_path, NPM_CONFIG_REGISTRY="https://new.example/").for_commands()
    assert found["npm_config_registry"] == "https://new.example/"


def test_an_index_of_pip_is_told_to_pip_and_uv(tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "pip"
    folder.mkdir(parents=True)
    (folder / "pip.conf").write_text(
        "[global]\nindex-url = https://pip.example/simple\n[install]\ntrusted-host = pip.example\n"
    )
    found, _ = machine(tmp_path, PIP_DEFAULT_TIMEOUT="90").for_commands()
    assert found["PIP_INDEX_URL"] == found["UV_DEFAULT_INDEX"] == "https://pip.example/simple"
    assert found["PIP_TRUSTED_HOST"] == found["UV_INSECURE_HOST"] == "pip.example"
    assert found["PIP_DEFAULT_TIMEOUT"] == found["UV_HTTP_TIMEOUT"] == "90"


def test_a_broken_pip_conf_is_left_to_pip(tmp_path: Path) -> None:
    (tmp_path / ".pip").mkdir()
    (tmp_path / ".pip" / "pip.conf").write_text("index-url without a section\n")
    found, _ = machine(tmp_path).for_commands()
    assert "PIP_INDEX_URL" not in found


def test_passwords_stay_outside_and_it_is_said_whose(tmp_path: Path) -> None:
    found, hidden = machine(
        tmp_path,
        PIP_INDEX_URL="https://me:hunter2@pip.example/simple",
        HTTPS_PROXY="http://me:hunter2@proxy.example:3128",
        HTTP_PROXY="http://proxy.example:3128",
        AWS_SECRET_ACCESS_KEY="hunter2",
        npm_config__authToken="hunter2",
    ).for_commands()
    assert "hunter2" not in str(found)
    assert found["HTTP_PROXY"] == found["http_proxy"] == "http://proxy.example:3128"
    assert hidden == ["HTTPS_PROXY", "PIP_INDEX_URL", "UV_DEFAULT_INDEX", "https_proxy"]


def test_an_installer_is_given_the_machines_settings_and_no_secrets(tmp_path: Path) -> None:
    found = machine(
        tmp_path,
        npm_config_registry="https://npm.example/",
        PIP_INDEX_URL="https://me:hunter2@pip.example/simple",
        ASTROCLOUD_KEY="secret",
        GITHUB_TOKEN="secret",
        NODE_OPTIONS="--require=/evil.js",
        PYTHONPATH="/evil",
    ).for_installing(Path("/tools/bin"))
    assert found["PATH"] == "/tools/bin:/usr/bin"
    assert found["HOME"] == str(tmp_path)
    assert found["npm_config_registry"] == "https://npm.example/"
    # Outside of the sandbox only we run: the index is asked with its password.
    assert found["UV_DEFAULT_INDEX"] == "https://me:hunter2@pip.example/simple"
    assert not {"ASTROCLOUD_KEY", "GITHUB_TOKEN", "NODE_OPTIONS", "PYTHONPATH"} & set(found)


def test_certificates_are_copied_to_where_a_sandbox_sees_them(tmp_path: Path) -> None:
    source = tmp_path / "company.pem"
    source.write_text("one")
    ours = machine(tmp_path, SSL_CERT_FILE=str(source))
    first = keep_certificates(ours, tmp_path / "kept")
    assert first is not None
    assert first.read_text() == "one"
    assert keep_certificates(ours, tmp_path / "kept") == first
    found, _ = ours.for_commands(first)
    for name in ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "PIP_CERT", "npm_config_cafile"):
        assert found[name] == str(first)
    source.write_text("two")
    second = keep_certificates(ours, tmp_path / "kept")
    assert second is not None
    assert second.read_text() == "two"
    assert [path for path in (tmp_path / "kept").iterdir() if path.name.startswith(".")] == []


def test_a_machine_without_own_certificates_says_nothing(tmp_path: Path) -> None:
    ours = machine(tmp_path, SSL_CERT_FILE=str(tmp_path / "missing.pem"))
    if ours.certificates() is None:
        assert keep_certificates(ours, tmp_path / "kept") is None
    assert "SSL_CERT_FILE" not in ours.for_commands()[0]


def test_only_folders_of_wheels_that_are_there_are_shown(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    links = f"{tmp_path}/wheels {tmp_path}/missing https://wheels.example/"
    assert machine(tmp_path, PIP_FIND_LINKS=links).wheel_folders() == (tmp_path / "wheels",)
