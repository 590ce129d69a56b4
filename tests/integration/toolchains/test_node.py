"""Node and every package manager work in a sandbox that sees only what ``Tools`` names."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from infrastructure.local.paths import ROOT
from infrastructure.local.runner.executor import ToolsUnavailable
from infrastructure.local.runner.toolchains import Installed, caches, packages, versions
from tests.integration.toolchains.conftest import Prepared
from tests.integration.toolchains.sandbox import Log, job, sandboxed


def project(source: Path, **more: Any) -> None:
    described = {"name": "x", "private": True, "dependencies": {"mime": "4.0.4"}, **more}
    described["scripts"] = {"build": "mime --version && node -p 'process.version'"}
    (source / "package.json").write_text(json.dumps(described))


@pytest.mark.parametrize("line", ["20", "22", "24"])
async def test_node_of_each_line_runs_with_its_npm(
    prepare: Prepared, source: Path, line: str
) -> None:
    tools = await prepare(job(node=line, package_manager="npm"))
    done = await sandboxed(tools, source, "node --version && npm --version && npx --version")
    version, npm, npx = done.text.split()
    release = versions.node_release(line)
    assert version == f"v{release.version(versions.node_program())}"
    assert npm == npx
    assert release.npm in {None, npm}


@pytest.mark.parametrize(
    ("name", "asked", "line", "says"),
    [
        ("npm", None, "20", "20."),
        ("npm", "10.8.1", "24", "10.8.1"),
        ("pnpm", "8", "20", "8.15.9"),
        ("pnpm", "10", "22", "10.34.9"),
        ("pnpm", "11", "24", "11.28.11"),
        ("pnpm", "12", "24", "12.21.0"),
        ("yarn", "1", "20", "1.22.22"),
        ("yarn", "3", "20", "3.8.7"),
        ("yarn", "4", "24", "4.18.1"),
        ("bun", "1", "24", "1.4.5"),
    ],
)
async def test_each_manager_installs_builds_and_installs_again_from_its_cache(
    prepare: Prepared, source: Path, tmp_path: Path, name: str, asked: str | None,
    line: str, says: str,
) -> None:  # fmt: skip
    project(source)
    run = job(
        node=line,
        package_manager=name,
        package_manager_version=asked,
        framework="vite",
        cache="shop/production",
    )
    tools = await prepare(run)
    found = [m for m in caches.mounts(run, tmp_path / "caches") if m.target.startswith("/")]
    try:
        version = await sandboxed(tools, source, f"{name} --version")
        if name != "npm" or asked:
            assert version.text.strip().endswith(says)
        install = "yarn install --no-immutable" if asked in {"3", "4"} else f"{name} install"
        done = await sandboxed(tools, source, f"{install} && {name} run build", found)
        assert done.code == 0, done.text
        assert "4.0.4" in done.text
        assert f"v{line}." in done.text
        assert caches.size(found[0].folder) > 10_000
        again = await sandboxed(tools, source, f"rm -rf node_modules && {install}", found)
        assert again.code == 0, again.text
    finally:
        caches.release()


async def test_the_same_lock_file_puts_the_same_packages_back(
    prepare: Prepared, source: Path, tmp_path: Path
) -> None:
    project(source)
    run = job(node="24", package_manager="npm", install="npm ci", cache="shop/production")
    tools = await prepare(run)
    found = [m for m in caches.mounts(run, tmp_path / "caches") if m.target.startswith("/")]
    try:
        locked = await sandboxed(tools, source, "npm install --package-lock-only", found)
        assert locked.code == 0, locked.text
        command = packages.install_command(run, source)
        said = [
            await sandboxed(tools, source, f"{command}\nnpm run build", found) for _ in range(2)
        ]
        assert ["from the cache" in done.text for done in said] == [False, True]
        assert all("4.0.4" in done.text for done in said)
    finally:
        caches.release()


@pytest.mark.parametrize(("name", "version"), [("pnpm", "10.20.0"), ("yarn", "4.9.0")])
async def test_the_exact_version_of_a_project_is_used_and_nothing_else_is_loaded(
    prepare: Prepared, source: Path, name: str, version: str
) -> None:
    project(source, packageManager=f"{name}@{version}")
    tools = await prepare(job(node="22", package_manager=name, package_manager_version=version))
    done = await sandboxed(tools, source, f"{name} --version")
    assert done.text.strip() == version


async def test_a_package_manager_that_a_person_chose_works_against_the_field(
    prepare: Prepared, source: Path
) -> None:
    project(source, packageManager="yarn@4.9.0")
    tools = await prepare(job(node="24", package_manager="pnpm", package_manager_version="10"))
    done = await sandboxed(tools, source, "pnpm install && pnpm run build")
    assert done.code == 0, done.text


async def test_a_version_that_does_not_exist_is_told_with_the_registrys_words(
    prepare: Prepared,
) -> None:
    with pytest.raises(ToolsUnavailable, match=r"(?s)pnpm 9\.99\.99 could not.*No matching.*Next"):
        await prepare(job(node="24", package_manager="pnpm", package_manager_version="9.99.99"))
    assert not (prepare.folder / "managers" / "pnpm-9.99.99").exists()


async def test_several_at_once_install_once(prepare: Prepared, tmp_path: Path) -> None:
    await prepare(job(node="24", package_manager="npm"))
    keepers = [Installed(tmp_path / "tools") for _ in range(4)]
    logs = [Log() for _ in keepers]
    run = job(node="24", package_manager="yarn", package_manager_version="1")
    found = await asyncio.gather(
        *(keeper.prepare(run, log) for keeper, log in zip(keepers, logs, strict=True))
    )
    assert all(tools == found[0] for tools in found)
    said = [text for log in logs for text in log.said if text.startswith("Installing")]
    assert sorted(said) == [
        "Installing Node 24.19.0, once for all builds.",
        "Installing yarn 1.22.22, once for all builds.",
    ]


async def test_a_keeper_that_is_killed_while_it_installs_leaves_nothing_half(
    prepare: Prepared, tmp_path: Path
) -> None:
    await prepare(job(node="24", package_manager="npm"))
    text = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from infrastructure.local.runner.toolchains import Installed\n"
        "from tests.integration.toolchains.sandbox import Log, job\n"
        "asyncio.run(Installed(Path(sys.argv[1])).prepare(job(node='24',"
        " package_manager='npm'), Log()))\n"
    )
    folder = tmp_path / "tools"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", text, str(folder), cwd=ROOT
    )
    async with asyncio.timeout(60):
        while not list(folder.glob("node/.*.new-*")) and process.returncode is None:
            await asyncio.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    whole = folder / "node" / "24.19.0"
    assert not whole.exists() or (whole / "bin" / "npm").exists()
    tools = await Installed(folder).prepare(job(node="24", package_manager="npm"), Log())
    assert (tools.path[0] / "node").exists()
    assert not list(folder.glob("node/.*.new-*"))
