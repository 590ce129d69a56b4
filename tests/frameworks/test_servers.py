"""Each server as a new user has it: deployed by folder, visited, changed and deployed again.

It runs on the stack's own runner. With ``ASTROCLOUD_CLUSTER=kubernetes``,
``ASTROCLOUD_RUNNER=containers`` and ``ASTROCLOUD_REGISTRY`` it becomes an image and runs on a real
cluster. ``ASTROCLOUD_TEST_STARTERS`` names the servers, by commas, or is ``all``: then the results
are written for the documentation. Without it two quick ones are tried.
"""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.frameworks import results
from tests.frameworks.starters.make import make
from tests.frameworks.starters.servers import BY_NAME, ServerStarter
from tests.services import api
from tests.services.stack import Stack

CHOSEN = os.environ.get("ASTROCLOUD_TEST_STARTERS", "")
QUICK = ("server-node", "server-fastapi")
ASKED = tuple(name for name in CHOSEN.split(",") if name in BY_NAME)
NAMES = tuple(BY_NAME) if CHOSEN == "all" else ASKED if CHOSEN else QUICK
IS_ON_KUBERNETES = os.environ.get("ASTROCLOUD_CLUSTER") == "kubernetes"
PLACE: results.Place = "kubernetes" if IS_ON_KUBERNETES else "runner"
SECONDS = 600
# A registry for tests has base images of these versions only, and none with Go.
NODE, PYTHON = 'node = "22"\n', "3.11\n"
# An archive of these tests keeps no modes.
GO_DOCKERFILE = 'FROM debian:bookworm-slim\nCOPY --chmod=755 app /app\nCMD ["/app"]\n'
IMAGE = "server-image"
IS_IMAGE_WANTED = IS_ON_KUBERNETES and (CHOSEN == "all" or IMAGE in CHOSEN.split(","))


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A signed-in client of the API; its account's replicas are small, as the test cluster is."""
    async with api.signed_in(stack) as made:
        connection = await psycopg.AsyncConnection.connect(stack.owner_dsn, autocommit=True)
        async with connection:
            await connection.execute(
                "UPDATE accounts SET limits = limits || '{\"replica_cpu_millis\": 100}'"
            )
        yield made


@pytest.mark.timeout(3 * SECONDS)
@pytest.mark.parametrize("name", NAMES)
async def test_a_server_goes_live(
    name: str, client: httpx.AsyncClient, stack: Stack, tmp_path: Path
) -> None:
    """Its first page is shown, then that of its change; on the runner its lines are in the log."""
    server = BY_NAME[name]
    if server.needs_image and not IS_ON_KUBERNETES:
        pytest.skip(f"{server.note}: needs ASTROCLOUD_CLUSTER=kubernetes")
    folder = tmp_path / name
    await asyncio.to_thread(make, server, folder)
    if server.framework == "go" and not shutil.which("go"):
        pytest.skip("go is missing: no program can be built for the image")
    await asyncio.to_thread(for_this_place, server, folder)
    project = await project_id(client, name)

    first = await sent(client, stack, project, files_of(folder))
    spec = first["build_spec"]
    expected = "dockerfile" if server.framework == "go" else server.framework
    assert (spec["framework"], spec["kind"]) == (expected, "dynamic")
    await until_shows(stack, name, server.shows)

    await asyncio.to_thread(change, server, folder)
    await asyncio.to_thread(for_this_place, server, folder)
    second = await sent(client, stack, project, files_of(folder))
    await until_shows(stack, name, server.shows_next)
    await until_logged(client, project, {first["release_id"], second["release_id"]})
    await client.post(f"projects/{project}/workload/stop", json={})
    if CHOSEN:
        seconds = (first["build"] or {}).get("seconds", {})
        facts = {"framework": server.framework, "version": version(server, folder)}
        facts["manager"] = spec["package_manager"]
        results.write_server(name, facts, PLACE, {"seconds": seconds})


@pytest.mark.timeout(3 * SECONDS)
@pytest.mark.skipif(
    not IS_IMAGE_WANTED, reason=f"{IMAGE}: asked for by name, with ASTROCLOUD_CLUSTER=kubernetes"
)
async def test_an_image_goes_live(client: httpx.AsyncClient, stack: Stack, tmp_path: Path) -> None:
    """What a user has built and pushed is deployed by its tag, and so is the next one."""
    server, folder = BY_NAME["server-dockerfile"], tmp_path / IMAGE
    await asyncio.to_thread(make, server, folder)
    project = await project_id(client, IMAGE)
    releases = set()
    for tag, shown in (("1", server.shows), ("2", server.shows_next)):
        reference = await asyncio.to_thread(pushed, folder, tag)
        wanted = {"source": {"type": "image", "reference": reference}}
        found = await deployed(client, project, wanted)
        await until_shows(stack, IMAGE, shown)
        releases.add(found["release_id"])
        if tag == "1":
            await asyncio.to_thread(change, server, folder)
    await until_logged(client, project, releases)
    await client.post(f"projects/{project}/workload/stop", json={})


def pushed(folder: Path, tag: str) -> str:
    """Build the folder's image and push it, as a user's own pipeline does."""
    reference = f"{os.environ['ASTROCLOUD_REGISTRY']}/starters/my-app:{tag}"
    build = ("buildah", "bud", "--quiet", "--tag", reference, str(folder))
    push = ("buildah", "push", "--quiet", "--tls-verify=false", reference)
    for command in (build, push):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return reference


def for_this_place(server: ServerStarter, folder: Path) -> None:
    """Ask for versions that the tests' registry has images of; on the runner change nothing."""
    if not IS_ON_KUBERNETES:
        return
    if (folder / "package.json").exists() and server.framework != "dockerfile":
        settings = folder / "astrocloud.toml"
        settings.write_text(NODE, "utf-8")
    if (folder / "requirements.txt").exists():
        (folder / ".python-version").write_text(PYTHON, "utf-8")
    if server.framework == "go":
        environment = {**os.environ, "CGO_ENABLED": "0"}
        build = ("go", "build", "-o", "app", ".")
        subprocess.run(build, cwd=folder, env=environment, check=True, capture_output=True)
        (folder / "Dockerfile").write_text(GO_DOCKERFILE, "utf-8")


def change(server: ServerStarter, folder: Path) -> None:
    """What a user edits before the second deployment."""
    for edit in server.edits:
        path = folder / edit.file
        text = path.read_text("utf-8")
        assert edit.old in text, f"{edit.file} of {server.name} has no {edit.old!r}"
        path.write_text(text.replace(edit.old, edit.new), "utf-8")


def files_of(folder: Path) -> dict[str, str | bytes]:
    """The folder as the command line sends it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


async def project_id(client: httpx.AsyncClient, slug: str) -> str:
    """A new project's id."""
    answer = await client.post("projects", json={"slug": slug})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def sent(
    client: httpx.AsyncClient, stack: Stack, project: str, files: Mapping[str, str | bytes]
) -> dict[str, Any]:
    """The deployment of these files once it is ready and live."""
    wanted = await api.upload(client, stack, project, api.zip_of(files))
    return await deployed(client, project, wanted)


async def deployed(
    client: httpx.AsyncClient, project: str, wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """The deployment of that source once it is ready and live."""
    answer = await client.post(f"projects/{project}/deployments", json=wanted)
    assert answer.status_code == 202, answer.text
    address = f"deployments/{answer.json()['id']}"
    async with asyncio.timeout(SECONDS):
        while True:
            answer = await client.get(address)
            assert answer.status_code == 200, answer.text
            if (found := answer.json())["finished_at"]:
                break
            await asyncio.sleep(0.5)  # more often, and a long build reaches the rate limit
    if found["state"] != "ready":
        log = (await client.get(f"{address}/logs/download")).text
        pytest.fail(f"{found['state']}: {found['failure']}\n{log[-4000:]}")
    assert found["live"]
    return dict(found)


async def until_shows(stack: Stack, slug: str, text: str) -> None:
    """Visit it through the gateway until the page says this."""
    answer: httpx.Response | None = None
    try:
        async with asyncio.timeout(60):
            while answer is None or text not in answer.text:
                answer = await api.visit(stack, slug)
                await asyncio.sleep(0.1)
    except TimeoutError:
        said = f"{answer.status_code}: {answer.text[:2000]}" if answer else "nothing"
        pytest.fail(f"{slug} does not show {text!r}, but {said}")
    assert answer.status_code == 200


async def until_logged(client: httpx.AsyncClient, project: str, releases: set[str]) -> None:
    """Wait until the project's log has lines of each release.

    The cluster for tests has no Fluent Bit, which ships lines of pods: there nothing is asked.
    """
    if IS_ON_KUBERNETES:
        return
    missing = releases
    async with asyncio.timeout(60):
        while missing:
            page = (await client.get(f"projects/{project}/logs")).json()
            lines = [item for item in page["items"] if item["text"].strip()]
            missing = releases - {item["release_id"] for item in lines}
            await asyncio.sleep(0.2)


def version(server: ServerStarter, folder: Path) -> str:
    """The version of the framework that the server has locked."""
    if not server.package:
        return results.NOTHING
    requirements = folder / "requirements.txt"
    if requirements.exists():
        return requirements.read_text("utf-8").strip().partition("==")[2]
    lock = json.loads((folder / "package-lock.json").read_text("utf-8"))
    return str(lock["packages"][f"node_modules/{server.package}"]["version"])
