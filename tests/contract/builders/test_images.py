"""What a builder with containers promises of servers: an image by digest, or a reason."""

import json
import re
import secrets
import tempfile
from pathlib import Path
from typing import Any

import pytest

from shared.builders.port import BuildBounds, BuildJob, RunStatus
from shared.detection.build_spec import BuildSpec
from shared.errors import AstroCloudError, Unavailable
from tests.contract.builders.conftest import Runner
from tests.unit.sites.archives import zip_bytes

PACKAGE = json.dumps({"name": "x", "version": "1.0.0", "scripts": {"start": "node server.js"}})
LOCK = json.dumps(
    {"name": "x", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": {"name": "x"}}}
)
NODE = {"node": "22", "package_manager": "npm", "install": "npm ci", "start": "npm start"}
PYTHON = {
    "python": "3.11", "package_manager": "pip", "install": "pip install -r requirements.txt",
    "start": "python main.py",
}  # fmt: skip
BY_DIGEST = re.compile(r"\S+/projects/[0-9a-f]+@sha256:[0-9a-f]{64}")
HIDDEN = "sk_live_very_secret_value"


def _needs_images(runner: Runner) -> None:
    if runner.executor not in ("containers", "acr"):
        pytest.skip("this one makes no images: its own tests say what it leaves")


async def _run(runner: Runner, files: dict[str, str], **spec: Any) -> tuple[str, RunStatus]:
    key = f"run-{secrets.token_hex(6)}"
    bounds = BuildBounds(seconds=110, **spec.pop("bounds", {}))
    made = BuildJob(
        key=key,
        source_format="zip",
        spec=BuildSpec(framework="other", kind="dynamic", reasons={}, **spec),
        secrets={"HIDDEN": HIDDEN},
        image=f"projects/{secrets.token_hex(8)}",
        bounds=bounds,
    )
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "source.zip")
        archive.write_bytes(zip_bytes({name: text.encode() for name, text in files.items()}))
        await runner.builder.start(made, archive)
    return key, await runner.ended(key)


@pytest.mark.parametrize(
    ("files", "spec"),
    [
        ({"package.json": PACKAGE, "package-lock.json": LOCK, "server.js": "1"}, NODE),
        ({"requirements.txt": "\n", "main.py": "print(1)"}, PYTHON),
        ({"Dockerfile": "FROM node:22-slim\nUSER 10001\n"}, {"dockerfile": "Dockerfile"}),
        (
            {"Dockerfile": "FROM node:22-slim AS a\nUSER 10001\nFROM a\nRUN exit 1\n"},
            {"dockerfile": "Dockerfile", "target": "a"},
        ),
    ],
)
async def test_a_server_is_an_image_by_digest_until_it_is_deleted(
    runner: Runner, files: dict[str, str], spec: dict[str, Any]
) -> None:
    _needs_images(runner)
    key, status = await _run(runner, files, **spec)
    assert status.state == "succeeded", (status, await runner.text(key))
    assert status.image is not None
    assert BY_DIGEST.fullmatch(status.image)
    assert (status.image_bytes or 0) > 0
    assert HIDDEN not in await runner.text(key)
    await runner.builder.delete_image(status.image)
    await runner.builder.delete_image(status.image)


@pytest.mark.parametrize(
    ("dockerfile", "spec", "reason", "words"),
    [
        ("FROM node:22-slim\nINSTALL x", {}, "dockerfile_refused", "line 2"),
        ("", {}, "dockerfile_refused", "no FROM"),
        ("FROM x", {"dockerfile": "No"}, "dockerfile_refused", "no file No"),
        ("FROM x", {"target": "no"}, "dockerfile_refused", "no stage"),
        ("FROM node:22-slim\nCOPY no /x", {}, "dockerfile_refused", "no"),
        ("FROM node:no-such", {}, "base_image_unavailable", "node:no-such"),
        ("FROM node:22-slim", {"bounds": {"image_bytes": 10}}, "image_too_large", "MiB"),
        ("FROM node:22-slim\nRUN exit 3", {}, "command", ""),
    ],
)
async def test_what_cannot_become_an_image_says_why(
    runner: Runner, dockerfile: str, spec: dict[str, Any], reason: str, words: str
) -> None:
    _needs_images(runner)
    key, status = await _run(
        runner, {"Dockerfile": dockerfile, "x": ""}, **{"dockerfile": "Dockerfile", **spec}
    )
    assert (status.state, status.reason) == ("failed", reason), await runner.text(key)
    assert words in status.detail
    assert status.image is None


@pytest.mark.parametrize("dockerfile", ["Dockerfile", "docker/No"])
async def test_a_builder_of_processes_says_that_a_dockerfile_needs_containers(
    runner: Runner, dockerfile: str
) -> None:
    if runner.executor in ("containers", "acr"):
        pytest.skip("this one builds it")
    key, status = await _run(runner, {"Dockerfile": "FROM x"}, dockerfile=dockerfile)
    assert (status.state, status.reason, status.image) == ("failed", "needs_containers", None)
    assert dockerfile in status.detail
    assert "Next:" in status.detail
    assert "$ " not in await runner.text(key)


async def test_what_a_builder_of_processes_leaves_is_bounded_as_images_are(runner: Runner) -> None:
    if runner.executor in ("containers", "acr"):
        pytest.skip("this one leaves images")
    files, start = {"main.sh": "#" * 1000}, "sh main.sh"
    _, status = await _run(runner, files, start=start, bounds={"image_bytes": 500})
    assert (status.state, status.reason, status.image) == ("failed", "image_too_large", None)
    assert "Next:" in status.detail
    key, status = await _run(runner, files, start=start)
    assert status.state == "succeeded", (status, await runner.text(key))
    assert status.image is not None
    await runner.builder.delete_image(status.image)


async def test_an_image_of_a_registry_that_is_not_ours_is_not_deleted(runner: Runner) -> None:
    _needs_images(runner)
    if runner.executor == "acr":
        pytest.skip("a registry of Azure knows that it is not its own, and says nothing")
    with pytest.raises(AstroCloudError, match="no image by digest") as refused:
        await runner.builder.delete_image("example.com/x@sha256:" + "0" * 64)
    assert not isinstance(refused.value, Unavailable)
