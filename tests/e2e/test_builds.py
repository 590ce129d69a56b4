"""Builds on the running platform: killed services, real cancels, secrets, and what is said.

The builder is the stack's own runner; its promises by themselves are the contract suite's.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psutil
import pytest

from infrastructure.local.runner.folders import RunFolder
from tests.services import api
from tests.services.stack import Stack

SECONDS = 120
SECRET = "sk_live_51Habcdefghij0123456789"
SETTINGS = 'install = false\noutput = "dist"\n'
if os.environ.get("ASTROCLOUD_RUNNER") == "containers":
    SETTINGS += 'node = "22"\n'  # of which a registry for tests has an image
PACKAGE = '{"scripts": {"build": "sh build.sh"}}'
PAGE = "mkdir -p dist; echo '<h1>built</h1>' > dist/index.html\n"


def source(script: str) -> bytes:
    """A project whose build is a shell script."""
    return api.zip_of({"package.json": PACKAGE, "astrocloud.toml": SETTINGS, "build.sh": script})


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A signed-in client of the API, through the gateway."""
    async with api.signed_in(stack) as made:
        yield made


async def begin(client: httpx.AsyncClient, stack: Stack, slug: str, script: str) -> dict[str, Any]:
    """Ask for the first deployment of a new project."""
    project = (await client.post("projects", json={"slug": slug})).json()
    wanted = await api.upload(client, stack, project["id"], source(script))
    answer = await client.post(f"projects/{project['id']}/deployments", json=wanted)
    assert answer.status_code == 202, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def look(client: httpx.AsyncClient, deployment: dict[str, Any]) -> dict[str, Any]:
    """The deployment now; a gateway or API that is being restarted is asked again."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                answer = await client.get(f"deployments/{deployment['id']}")
                if answer.status_code == 200:
                    found: dict[str, Any] = answer.json()
                    return found
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)


async def ended(client: httpx.AsyncClient, deployment: dict[str, Any]) -> dict[str, Any]:
    """How it ended."""
    async with asyncio.timeout(SECONDS):
        while True:
            found = await look(client, deployment)
            if found["finished_at"]:
                return found
            await asyncio.sleep(0.2)


async def until_said(client: httpx.AsyncClient, deployment: dict[str, Any], text: str) -> str:
    """The log, once it holds a text."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                log = (await client.get(f"deployments/{deployment['id']}/logs/download")).text
            except httpx.TransportError:
                log = ""
            if text in log:
                return log
            await asyncio.sleep(0.2)


def sleeping(seconds: int) -> list[psutil.Process]:
    """The build's processes, known by how long they sleep."""
    words = ["sleep", str(seconds)]
    found = psutil.process_iter(["cmdline"])
    return [one for one in found if (one.info["cmdline"] or [])[-2:] == words]


@pytest.mark.parametrize("service", ["worker", "runner", "api", "valkey", "kafka"])
async def test_a_killed_service_while_building_changes_nothing(
    client: httpx.AsyncClient, stack: Stack, service: str
) -> None:
    """Ready once, its log whole: each line of the build once and in order."""
    script = "for n in $(seq 1 40); do echo line-$n-end; sleep 0.1; done\n" + PAGE
    deployment = await begin(client, stack, f"build-{service}", script)
    await until_said(client, deployment, "line-3-end")
    killed = stack.service(service).kill()
    await stack.service(service).until_back(killed)
    found = await ended(client, deployment)
    assert found["state"] == "ready", found["failure"]
    log = await until_said(client, deployment, "1 of 1 files uploaded")
    told = [line.split()[-1] for line in log.splitlines() if "line-" in line]
    assert told == [f"line-{n}-end" for n in range(1, 41)]


async def test_a_killed_keeper_lets_the_build_begin_again(
    client: httpx.AsyncClient, stack: Stack
) -> None:
    """The run is lost, nothing of it is left, and another one ends well."""
    deployment = await begin(client, stack, "build-keeper", f"echo begun; sleep 7.31; {PAGE}")
    await until_said(client, deployment, "begun")
    runs = stack.embedded.paths.state / "runner" / "runs"
    [folder] = [one for one in map(RunFolder, runs.iterdir()) if one.is_kept()]
    keeper = folder.keeper()
    assert keeper is not None
    os.kill(keeper, signal.SIGKILL)
    found = await ended(client, deployment)
    assert found["state"] == "ready", found["failure"]
    log = await until_said(client, deployment, "The builder was interrupted")
    assert log.count("begun") == 2


async def test_canceling_while_installing_leaves_no_process(
    client: httpx.AsyncClient, stack: Stack
) -> None:
    deployment = await begin(client, stack, "build-cancel", "echo begun; sleep 98765 & sleep 98765")
    await until_said(client, deployment, "begun")
    assert sleeping(98765)
    await client.post(f"deployments/{deployment['id']}/cancel")
    found = await ended(client, deployment)
    assert found["state"] == "canceled"
    assert sleeping(98765) == []


async def test_a_secret_that_a_build_prints_or_publishes_gets_nowhere(
    client: httpx.AsyncClient, stack: Stack
) -> None:
    """Masked however it is split; and what holds it is not published."""
    project = (await client.post("projects", json={"slug": "build-leak"})).json()
    variable = {"name": "API_KEY", "value": SECRET, "environment": "production"}
    await client.post(f"projects/{project['id']}/variables", json=variable)
    script = (
        'printf "%s" "$API_KEY" | cut -c1-12; sleep 0.3; printf "%s" "$API_KEY" | cut -c13-\n'
        f'echo "whole $API_KEY"; {PAGE} echo "x" > dist/app.js; echo "$API_KEY" >> dist/app.js\n'
    )
    wanted = await api.upload(client, stack, project["id"], source(script))
    answer = await client.post(f"projects/{project['id']}/deployments", json=wanted)
    found = await ended(client, answer.json())
    failure = found["failure"]
    assert (found["state"], failure["code"]) == ("failed", "secret_in_output")
    assert "app.js" in failure["detail"]
    assert "line 2" in failure["detail"]
    log = await until_said(client, found, "API_KEY")
    assert SECRET not in log
    assert SECRET[12:] not in log
    assert SECRET not in answer.text + str(found)
    assert (await api.visit(stack, "build-leak", "/app.js")).status_code == 404


async def test_a_failed_build_says_why_and_what_to_do(
    client: httpx.AsyncClient, stack: Stack
) -> None:
    deployment = await begin(client, stack, "build-broken", "echo before; vite build")
    found = await ended(client, deployment)
    failure = found["failure"]
    assert (failure["code"], failure["cause"]) == ("build_failed", "command-not-found")
    assert any("vite" in line["text"] for line in failure["lines"])
    assert failure["try"]
