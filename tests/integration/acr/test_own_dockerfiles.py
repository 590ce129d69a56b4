"""A user's own Dockerfile on ACR Tasks: what Azure is asked for, and what is refused before."""

import base64
import io
import json
import shlex
import tarfile
from typing import Any

import pytest

from shared.builders.port import BuildJob
from tests.fakes.azure.tasks import StepCall
from tests.integration.acr.conftest import Acr, fails, job, prints, says_and_fails, spec
from tests.unit.sites.archives import zip_bytes

HIDDEN = "sk_live_very_secret_value"
TWO_STAGES = """\
FROM node:22-slim AS base
ARG PLAIN
ARG HIDDEN
RUN --mount=type=secret,id=HIDDEN echo $PLAIN
FROM base AS prod
USER 10001
FROM base AS other
RUN exit 9
"""


def own(files: dict[str, str], acr: Acr, **values: Any) -> BuildJob:
    """A job of a project with these files and a Dockerfile of its own."""
    acr.archive.write_bytes(zip_bytes({name: text.encode() for name, text in files.items()}))
    about = {name: values.pop(name) for name in ("environment", "secrets", "bounds", "fresh")
             if name in values}  # fmt: skip
    made = spec(kind="dynamic", output=None, build=None, **{"dockerfile": "Dockerfile", **values})
    return job(spec=made, image="projects/p1", **about)


def task(acr: Acr) -> dict[str, Any]:
    """What the run was told to do."""
    request = acr.fake.management.requests["run-0001"]["properties"]["runRequest"]
    told: dict[str, Any] = json.loads(base64.b64decode(request["encodedTaskContent"]))
    return told


def uploaded(acr: Acr) -> dict[str, str]:
    """The files that were sent to Azure."""
    (source,) = acr.fake.storage.sources.values()
    with tarfile.open(fileobj=io.BytesIO(source), mode="r:gz") as tar:
        return {one.name: _content(tar, one) for one in tar.getmembers()}


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = tar.extractfile(member)
    assert file is not None
    return file.read().decode()


async def test_it_is_built_as_it_is_at_its_place_and_to_its_target(acr: Acr) -> None:
    files = {"web/docker/Dockerfile.prod": TWO_STAGES, "web/index.js": "1", "README.md": "x"}
    acr.steps(build=prints("hello"))
    status = await acr.run(
        own(files, acr, root="web", dockerfile="docker/Dockerfile.prod", target="prod")
    )
    assert status.state == "succeeded", status
    assert status.image is not None
    assert status.image.startswith(f"{acr.fake.host}/projects/p1@sha256:")
    build, push = task(acr)["steps"]
    image = f"{acr.fake.host}/projects/p1:run-0001"
    words = shlex.split(build["build"])
    assert words[-1] == "context/source/web"
    assert words[words.index("--file") + 1] == "Dockerfile.own"
    assert {"--target=prod", f"--tag={image}"} <= set(words)
    assert push["push"] == [image]
    assert all(("build" in step) != ("push" in step) for step in (build, push))
    sent = uploaded(acr)
    assert sent.pop("Dockerfile.own") == TWO_STAGES
    assert sent == {f"context/source/{name}": text for name, text in files.items()}
    texts = [line.text for frame in await acr.frames("run-0001") for line in frame.lines]
    assert texts[0] == "$ docker build --file docker/Dockerfile.prod"
    assert "hello" in texts


async def test_it_gets_plain_variables_that_it_asks_for_and_secrets_as_files(acr: Acr) -> None:
    seen: dict[str, str] = {}

    async def build(call: StepCall) -> None:
        (folder,) = call.volumes.values()
        seen["words"] = call.step["build"]
        seen["secret"] = (folder / "v_HIDDEN").read_text()

    acr.steps(build=build)
    await acr.run(
        own(
            {"Dockerfile": TWO_STAGES},
            acr,
            environment={"PLAIN": "{{.Run.ID}}", "UNASKED": "x"},
            secrets={"HIDDEN": HIDDEN},
        )
    )
    words = shlex.split(seen["words"])
    assert [word for word in words if word.startswith("--build-arg")] == [
        "--build-arg=PLAIN={{.Run.ID}}"
    ]
    assert "--secret=id=HIDDEN,src=/run/astrocloud/v_HIDDEN" in words
    assert seen["secret"] == f"{HIDDEN}\n"
    assert HIDDEN not in json.dumps(task(acr))
    assert HIDDEN.encode() not in acr.everything()


@pytest.mark.parametrize("fresh", [False, True])
async def test_without_a_cache_nothing_is_taken_from_one(acr: Acr, fresh: bool) -> None:
    await acr.run(own({"Dockerfile": "FROM node:22-slim"}, acr, fresh=fresh))
    words = shlex.split(task(acr)["steps"][0]["build"])
    assert ("--no-cache" in words) is fresh


async def test_an_ignore_command_is_asked_before_it(acr: Acr) -> None:
    acr.steps(ignore=fails(77, stage="ignore"))
    status = await acr.run(own({"Dockerfile": "FROM node:22-slim"}, acr, ignore="true"))
    assert (status.state, status.reason) == ("failed", "ignored")
    ignore, build, _ = task(acr)["steps"]
    assert "--target=ignore" in ignore["build"]
    assert "--file Dockerfile " in ignore["build"]
    assert "Dockerfile.own" in build["build"]
    assert "FROM docker.io/library/" in uploaded(acr)["Dockerfile"]


@pytest.mark.parametrize(
    ("text", "values", "words"),
    [
        ("FROM node:22-slim\nINSTALL x", {}, "line 2"),
        ("", {}, "no FROM"),
        ("RUN x", {}, "line 1"),
        ("FROM node:22-slim", {"dockerfile": "docker/No"}, "docker/No"),
        ("FROM node:22-slim", {"dockerfile": "../../etc/passwd"}, "no file"),
        ("FROM node:22-slim", {"root": "web"}, "no file"),
        ("FROM node:22-slim", {"target": "prod"}, "no stage 'prod'"),
        ("FROM node:22-slim\nRUN --network=host x", {}, "beyond the build"),
        ("FROM {host}/projects/other:1", {}, "own registry"),
        ("FROM node:22-slim\nCOPY --from={host}/astrocloud/outputs/x:run / /", {}, "own registry"),
    ],
)
async def test_what_cannot_be_built_begins_no_run(
    acr: Acr, text: str, values: dict[str, str], words: str
) -> None:
    text = text.replace("{host}", acr.fake.host)
    status = await acr.run(own({"Dockerfile": text, "x": "x"}, acr, **values))
    assert (status.state, status.reason) == ("failed", "dockerfile_refused")
    assert words in status.detail
    assert (acr.runs, acr.fake.storage.sources) == (0, {})


@pytest.mark.parametrize("folder", ["a b", "a$(id)"])
async def test_a_folder_that_a_shell_would_read_begins_no_run(acr: Acr, folder: str) -> None:
    files = {f"{folder}/Dockerfile": "FROM node:22-slim"}
    status = await acr.run(own(files, acr, root=folder))
    assert (status.reason, acr.runs) == ("dockerfile_refused", 0)
    assert "Next:" in status.detail


@pytest.mark.parametrize(
    ("said", "reason", "words"),
    [
        (
            "ERROR: failed to solve: node:no-such: failed to resolve source metadata for"
            " docker.io/library/node:no-such: docker.io/library/node:no-such: not found",
            "base_image_unavailable",
            "node:no-such",
        ),
        (
            "ERROR: failed to solve: nobody/x: pull access denied, repository does not exist or may"
            " require authorization: server message: insufficient_scope: authorization failed",
            "base_image_unavailable",
            "nobody/x",
        ),
        (
            "ERROR: failed to solve: failed to compute cache key: failed to calculate checksum of"
            ' ref 8v::z1: "/no": not found',
            "dockerfile_refused",
            '"/no": not found',
        ),
        (
            "ERROR: failed to solve: dockerfile parse error on line 3: unknown flag: --link2",
            "dockerfile_refused",
            "line 3",
        ),
        (
            "ERROR: failed to solve: unable to find user shop: no matching entries in passwd file",
            "dockerfile_refused",
            "unable to find user shop",
        ),
        (
            "ERROR: failed to solve: failed to copy: read tcp 10.0.0.1: connection reset by peer",
            "tools_unavailable",
            "connection reset",
        ),
        ("ERROR: failed to solve: write /x: no space left on device", "disk_full", "full"),
    ],
)
async def test_what_buildkit_refuses_is_told(acr: Acr, said: str, reason: str, words: str) -> None:
    acr.steps(build=says_and_fails("------", said))
    status = await acr.run(own({"Dockerfile": "FROM node:22-slim"}, acr))
    assert (status.state, status.reason) == ("failed", reason), status
    assert words in status.detail
    assert status.image is None


async def test_a_command_that_fails_tells_its_code(acr: Acr) -> None:
    acr.steps(build=fails(23, "oh no", stage="prod"))
    status = await acr.run(own({"Dockerfile": TWO_STAGES}, acr))
    assert (status.phase, status.reason, status.exit_code) == ("build", "command", 23)


async def test_an_image_that_is_too_large_is_deleted(acr: Acr) -> None:
    made = own({"Dockerfile": "FROM node:22-slim"}, acr, bounds={"image_bytes": 10})
    status = await acr.run(made)
    assert (status.state, status.reason) == ("failed", "image_too_large")
    assert "Next:" in status.detail
    assert acr.fake.registry.repositories["projects/p1"].manifests == {}


async def test_a_push_that_fails_says_so(acr: Acr) -> None:
    acr.steps(push=says_and_fails("denied"))
    status = await acr.run(own({"Dockerfile": "FROM node:22-slim"}, acr))
    assert (status.state, status.reason) == ("failed", "image_not_pushed")
    assert "Next:" in status.detail
