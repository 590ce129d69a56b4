"""What a spec needs is decided without installing anything; what cannot be is told."""

from pathlib import Path
from typing import Any

import pytest

from infrastructure.local.runner.executor import ToolsUnavailable
from infrastructure.local.runner.toolchains import Installed
from infrastructure.local.runner.toolchains.machine import Machine
from shared.builders.port import BuildJob, Phase
from shared.detection.build_spec import BuildSpec


class Log:
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def write(self, data: bytes, stream: str = "stdout") -> None:
        self.said.append(data.decode())

    def say(self, text: str) -> None:
        self.said.append(text)

    def begin(self, phase: Phase) -> None:
        self.said.append(phase)


def job(**spec: Any) -> BuildJob:
    values = {"framework": "other", "kind": "static", "reasons": {}, **spec}
    built = BuildSpec.model_validate(values)
    return BuildJob(key="shop-1", source_format="zip", spec=built)


def bare(home: Path) -> Machine:
    """A machine without settings, certificates or proxies."""
    return Machine({"PATH": "/usr/bin:/bin"}, home)


def fake(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name / "bin").mkdir(parents=True)


async def test_files_without_a_language_need_nothing(tmp_path: Path) -> None:
    tools = await Installed(tmp_path / "t", bare(tmp_path)).prepare(job(framework="html"), Log())
    assert (tools.path, tools.writable) == ((), ())


async def test_go_is_missing_and_it_is_said_who_has_it(tmp_path: Path) -> None:
    installed = Installed(tmp_path / "t", bare(tmp_path))
    with pytest.raises(ToolsUnavailable, match=r"no Go.*ASTROCLOUD_RUNNER=containers"):
        await installed.prepare(job(framework="go", kind="dynamic", build="go build ."), Log())
    built_before = job(framework="go", kind="dynamic", start="./app")
    assert (await installed.prepare(built_before, Log())).path == ()


async def test_a_manager_goes_before_the_npm_of_node(tmp_path: Path) -> None:
    fake(tmp_path, "node/24.19.0", "managers/npm-10.8.1")
    run = job(node="24", package_manager="npm", package_manager_version="10.8.1")
    tools = await Installed(tmp_path, bare(tmp_path)).prepare(run, Log())
    assert tools.path == (tmp_path / "managers/npm-10.8.1/bin", tmp_path / "node/24.19.0/bin")
    assert set(tools.folders) >= {tmp_path / "managers/npm-10.8.1", tmp_path / "node/24.19.0"}


@pytest.mark.parametrize(
    ("version", "folder", "name"),
    [
        ("10", "pnpm-10.34.9", "npm_config_manage_package_manager_versions"),
        ("11", "pnpm-11.28.11", "pnpm_config_manage_package_manager_versions"),
    ],
)
async def test_pnpm_does_not_load_another_pnpm(
    tmp_path: Path, version: str, folder: str, name: str
) -> None:
    fake(tmp_path, "node/24.19.0", f"managers/{folder}")
    run = job(node="24", package_manager="pnpm", package_manager_version=version)
    tools = await Installed(tmp_path, bare(tmp_path)).prepare(run, Log())
    assert tools.environment[name] == "false"


async def test_a_hidden_password_is_told_once_without_itself(tmp_path: Path) -> None:
    machine = Machine({"PATH": "/bin", "HTTPS_PROXY": "http://me:hunter2@proxy.example"}, tmp_path)
    log = Log()
    tools = await Installed(tmp_path / "t", machine).prepare(job(framework="html"), log)
    assert any(text.startswith("HTTPS_PROXY holds a password") for text in log.said)
    assert "hunter2" not in str(log.said) + str(tools)


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    installed = Installed(tmp_path / "file" / "tools", bare(tmp_path))
    with pytest.raises(ToolsUnavailable, match=r"cannot be used: Not a directory.*Next: make room"):
        await installed.prepare(job(node="24"), Log())
