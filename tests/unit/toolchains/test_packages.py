"""Packages are only put back where an install brings nothing but packages."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infrastructure.local.runner.toolchains.packages import VARIABLE, install_command
from shared.builders.port import BuildJob
from shared.detection.build_spec import BuildSpec

PLAIN: dict[str, Any] = {"integrity": "sha512-x", "version": "1.0.0"}


def job(environment: dict[str, str] | None = None, **spec: Any) -> BuildJob:
    values = {"framework": "vite", "kind": "static", "reasons": {}, "node": "24"}
    values |= {"package_manager": "npm", "install": "npm ci", **spec}
    return BuildJob(
        key="shop-1",
        source_format="zip",
        spec=BuildSpec.model_validate(values),
        environment=environment or {},
    )


def project(
    source: Path, package: dict[str, Any] | None = None, entries: dict[str, Any] | None = None
) -> None:
    source.mkdir(exist_ok=True)
    (source / "package.json").write_text(json.dumps({"name": "x", **(package or {})}))
    packages = {"": {"name": "x"}, "node_modules/vite": PLAIN, **(entries or {})}
    lock = {"lockfileVersion": 3, "packages": packages}
    (source / "package-lock.json").write_text(json.dumps(lock))


@pytest.mark.parametrize(
    ("package", "entries"),
    [
        ({"scripts": {"build": "vite build", "postbuild": "x"}}, {}),
        ({}, {"node_modules/esbuild": {**PLAIN, "hasInstallScript": True}}),
        ({}, {"node_modules/a/node_modules/@swc/core": {**PLAIN, "hasInstallScript": True}}),
        ({}, {"node_modules/a": {"inBundle": True}}),
    ],
)
def test_an_install_that_only_installs_is_left_out(
    tmp_path: Path, package: dict[str, Any], entries: dict[str, Any]
) -> None:
    project(tmp_path, package, entries)
    assert VARIABLE in (install_command(job(), tmp_path) or "")


@pytest.mark.parametrize(
    ("package", "entries"),
    [
        ({"scripts": {"postinstall": "nuxt prepare"}}, {}),
        ({"scripts": {"prepare": "husky"}}, {}),
        ({"workspaces": ["packages/*"]}, {}),
        ({}, {"node_modules/puppeteer": {**PLAIN, "hasInstallScript": True}}),
        ({}, {"packages/a": {"version": "1.0.0"}}),
        ({}, {"node_modules/a": {"resolved": "packages/a", "link": True}}),
        ({}, {"node_modules/a": {"resolved": "git+ssh://git@github.com/a/a.git#1"}}),
        # Under another name it is what it is.
        ({}, {"node_modules/esbuild": {**PLAIN, "name": "evil", "hasInstallScript": True}}),
    ],
)
def test_an_install_that_does_more_is_done(
    tmp_path: Path, package: dict[str, Any], entries: dict[str, Any]
) -> None:
    project(tmp_path, package, entries)
    assert install_command(job(), tmp_path) == "npm ci"


@pytest.mark.parametrize("install", ["npm install", "npm ci && ./fetch-data", "pnpm install", None])
def test_another_command_stays_as_it_is(tmp_path: Path, install: str | None) -> None:
    project(tmp_path)
    assert install_command(job(install=install), tmp_path) == install


@pytest.mark.parametrize("content", ["{", "[]", "null", '{"lockfileVersion": 1}', "[" * 100_000])
def test_a_lock_file_that_is_odd_is_left_to_npm(tmp_path: Path, content: str) -> None:
    project(tmp_path)
    (tmp_path / "package-lock.json").write_text(content)
    assert install_command(job(), tmp_path) == "npm ci"


def test_neither_links_nor_pipes_are_read(tmp_path: Path) -> None:
    project(tmp_path / "one")
    lock = tmp_path / "one" / "package-lock.json"
    lock.rename(tmp_path / "elsewhere")
    lock.symlink_to(tmp_path / "elsewhere")
    assert install_command(job(), tmp_path / "one") == "npm ci"
    lock.unlink()
    os.mkfifo(lock)
    assert install_command(job(), tmp_path / "one") == "npm ci"


def test_whatever_changes_the_packages_changes_the_key(tmp_path: Path) -> None:
    project(tmp_path)
    found = {install_command(job(), tmp_path), install_command(job(node="22"), tmp_path)}
    found.add(install_command(job({"NODE_ENV": "production"}), tmp_path))
    found.add(install_command(job({"npm_config_omit": "dev"}), tmp_path))
    found.add(install_command(job(package_manager_version="10.8.1"), tmp_path))
    (tmp_path / ".npmrc").write_text("legacy-peer-deps=true")
    found.add(install_command(job(), tmp_path))
    project(tmp_path, entries={"node_modules/b": PLAIN})
    found.add(install_command(job(), tmp_path))
    assert len(found) == 7
    assert install_command(job({"OTHER": "x"}), tmp_path) in found


class Machine:
    """Runs the command with an npm that counts how often it installs."""

    def __init__(self, folder: Path) -> None:
        self.source, self.cache, self.programs = folder / "s", folder / "c", folder / "bin"
        self.cache.mkdir()
        self.programs.mkdir()
        self.npm(
            "mkdir -p node_modules/.bin; echo one > node_modules/a; ln -s ../a node_modules/.bin/a"
        )

    def npm(self, text: str) -> None:
        program = self.programs / "npm"
        program.write_text(f"#!/bin/sh\necho >> {self.programs}/count\n{text}\n")
        program.chmod(0o755)

    @property
    def installs(self) -> int:
        count = self.programs / "count"
        return len(count.read_text()) if count.exists() else 0

    def run(self, *, with_cache: bool = True) -> int:
        command = install_command(job(), self.source)
        environment = {"PATH": f"{self.programs}:/usr/bin:/bin"}
        if with_cache:
            environment[VARIABLE] = str(self.cache)
        words = ["sh", "-c", command or ""]
        return subprocess.run(
            words, cwd=self.source, env=environment, capture_output=True, check=False
        ).returncode


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    project(tmp_path / "s")
    return Machine(tmp_path)


def test_what_a_build_changes_does_not_reach_the_next_one(machine: Machine) -> None:
    assert machine.run() == 0
    (machine.source / "node_modules" / "a").write_text("changed by the build")
    (machine.source / "node_modules" / "more").write_text("left by the build")
    assert machine.run() == 0
    assert machine.installs == 1
    assert (machine.source / "node_modules" / ".bin" / "a").read_text() == "one\n"
    assert not (machine.source / "node_modules" / "more").exists()


def test_only_the_newest_packages_are_kept(machine: Machine) -> None:
    machine.run()
    project(machine.source, entries={"node_modules/b": PLAIN})
    machine.run()
    assert machine.installs == 2
    assert len(list(machine.cache.iterdir())) == 1


def test_without_a_cache_npm_installs_as_ever(machine: Machine) -> None:
    assert machine.run(with_cache=False) == machine.run(with_cache=False) == 0
    assert machine.installs == 2


def test_a_failed_install_fails_and_is_not_kept(machine: Machine) -> None:
    machine.npm("mkdir -p node_modules; exit 7")
    assert machine.run() == 7
    assert list(machine.cache.iterdir()) == []


def test_a_cache_that_cannot_be_written_does_not_fail_the_build(machine: Machine) -> None:
    machine.cache.rmdir()
    assert machine.run() == 0
    assert (machine.source / "node_modules" / "a").exists()


def test_a_copy_that_was_cut_off_is_not_used(machine: Machine) -> None:
    (machine.cache / ".new").mkdir()
    (machine.cache / ".new" / "half").write_text("x")
    assert machine.run() == 0
    assert machine.installs == 1
    kept = list(machine.cache.iterdir())
    assert len(kept) == 1
    assert not (kept[0] / "half").exists()
