"""What a bundle holds of packages: those of production, with every package manager."""

import asyncio
import io
import json
import tempfile
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infrastructure.local.runner import bundles
from infrastructure.local.runner.bundles import Bundle
from shared.builders.port import BuildJob
from shared.detection.build_spec import BuildSpec
from tests.contract.clusters import runner_place
from tests.services.runner import RunnerDaemon

SECONDS = 240
USED, DEVELOPMENT = "ms", "mime"
PACKAGE = {
    "name": "x",
    "private": True,
    "dependencies": {USED: "2.1.3"},
    "devDependencies": {DEVELOPMENT: "4.0.4"},
}


@pytest.fixture(scope="module")
async def daemon() -> AsyncIterator[RunnerDaemon]:
    """A runner that builds in a sandbox."""
    if reason := runner_place.unavailable():
        pytest.skip(reason)
    async with runner_place.opened() as place:
        yield place.daemon


async def _built(daemon: RunnerDaemon, key: str, **spec: object) -> tuple[Bundle, str]:
    """The bundle of a server with this spec, and its build's log."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("package.json", json.dumps(PACKAGE))
    values = {"framework": "node", "kind": "dynamic", "node": "22", "reasons": {}, **spec}
    made = BuildSpec.model_validate({"start": "node server.js", **values})
    job = BuildJob(key=key, source_format="zip", spec=made, image="bundles/app")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "source.zip")
        path.write_bytes(data.getvalue())
        await daemon.builder.start(job, path)
    async with asyncio.timeout(SECONDS):
        while not (status := await daemon.builder.status(key)) or not status.has_ended:
            await asyncio.sleep(0.1)
    frames = await daemon.builder.log(key, 0)
    said = "\n".join(line.text for frame in frames for line in frame.lines)
    assert status.image is not None, said
    return bundles.find(daemon.state / "bundles", status.image), said


@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize(
    ("manager", "version", "install"),
    [
        ("npm", None, "npm install"),
        ("pnpm", "10", "pnpm install"),
        ("yarn", "1", "yarn install"),
        ("yarn", "4", "yarn install --no-immutable"),
        ("bun", "1", "bun install"),
    ],
)
async def test_development_packages_are_there_while_it_is_built_and_then_gone(
    daemon: RunnerDaemon, manager: str, version: str | None, install: str
) -> None:
    bundle, said = await _built(
        daemon,
        f"prune-{manager}{version or ''}",
        package_manager=manager,
        package_manager_version=version,
        install=install,
        build=f"test -e node_modules/{DEVELOPMENT} && echo built > built.txt",
    )
    packages = bundle.app / "node_modules"
    assert (packages / USED / "package.json").exists(), said
    assert not (packages / DEVELOPMENT).exists(), said
    assert (bundle.app / "built.txt").exists()


async def test_they_stay_where_the_start_command_needs_them(daemon: RunnerDaemon) -> None:
    bundle, said = await _built(
        daemon,
        "prune-never",
        package_manager="npm",
        install="npm install",
        needs_development=True,
    )
    assert (bundle.app / "node_modules" / DEVELOPMENT).exists()
    assert "prune" not in said
