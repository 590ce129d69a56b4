"""Servers on the running platform: live, replaced, rolled back, asleep, killed, broken.

Cluster and builder are the stack's own runner; their promises by themselves are the contract
suites'. With ``ASTROCLOUD_CLUSTER=kubernetes``, ``ASTROCLOUD_RUNNER=containers`` and
``ASTROCLOUD_REGISTRY`` the same holds on a real cluster.
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from tests.cluster import machine
from tests.services import api
from tests.services.stack import Stack

SECONDS = 120
IS_ON_KUBERNETES = os.environ.get("ASTROCLOUD_CLUSTER") == "kubernetes"
# A registry for tests has an image of this version.
SETTINGS = 'kind = "dynamic"\ninstall = false\nnode = "22"\nstart = "node server.js"\n'
SERVER = """
const { createServer } = require("node:http");
const server = createServer((request, answer) => {
  if (request.url === "/exit") process.exit(3);
  answer.setHeader("X-Release", process.env.ASTROCLOUD_RELEASE_ID);
  answer.end(%s);
});
process.on("SIGTERM", () => server.close(() => process.exit(0)));
server.listen(process.env.PORT, () => console.log("listening"));
"""


def app(text: str, *, server: str = SERVER, settings: str = "") -> bytes:
    """A server that says this; it needs no package."""
    code = server % json.dumps(text) if "%s" in server else server
    return api.zip_of(
        {"package.json": "{}", "server.js": code, "astrocloud.toml": SETTINGS + settings}
    )


@pytest.fixture(scope="module", autouse=True)
def addresses_of_services() -> Iterator[None]:
    """On a cluster of this machine they lead to pods or nowhere."""
    if not IS_ON_KUBERNETES:
        yield
        return
    with machine.services_stay_inside():
        yield


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


async def project_of(client: httpx.AsyncClient, slug: str) -> str:
    """A new project's id."""
    return str((await client.post("projects", json={"slug": slug})).json()["id"])


async def begin(
    client: httpx.AsyncClient, stack: Stack, project: str, archive: bytes
) -> dict[str, Any]:
    """Ask for a deployment."""
    wanted = await api.upload(client, stack, project, archive)
    answer = await client.post(f"projects/{project}/deployments", json=wanted)
    assert answer.status_code == 202, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def deploy(
    client: httpx.AsyncClient, stack: Stack, project: str, archive: bytes
) -> dict[str, Any]:
    """Deploy and wait for the end, whatever is restarted meanwhile."""
    created = await begin(client, stack, project, archive)
    return await ended(client, created)


async def ended(client: httpx.AsyncClient, deployment: dict[str, Any]) -> dict[str, Any]:
    """How it ended; a gateway or API that is being restarted is asked again."""
    async with asyncio.timeout(SECONDS):
        while True:
            found = await asked(client, f"deployments/{deployment['id']}")
            if found and found["finished_at"]:
                return found
            await asyncio.sleep(0.2)


async def asked(client: httpx.AsyncClient, path: str) -> dict[str, Any] | None:
    """What the API answers; None while it is away."""
    try:
        answer = await client.get(path)
    except httpx.TransportError:
        return None
    found: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
    return found


async def until_says(stack: Stack, slug: str, text: str) -> httpx.Response:
    """The app's answer, once it says this."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                answer = await api.visit(stack, slug)
            except httpx.TransportError:
                continue
            if answer.text == text:
                return answer
            await asyncio.sleep(0.1)


def replicas_of(release: str) -> list[psutil.Process]:
    """The processes that carry a release's id, by their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("ASTROCLOUD_RELEASE_ID") == release:
                found.append(process)
        except psutil.Error:
            continue
    return found


async def test_a_server_is_live_replaced_and_rolled_back(
    client: httpx.AsyncClient, stack: Stack
) -> None:
    project = await project_of(client, "turns")
    first = await deploy(client, stack, project, app("one"))
    assert first["state"] == "ready", first["failure"]
    answer = await until_says(stack, "turns", "one")
    assert answer.headers["x-release"] == first["release_id"]
    second = await deploy(client, stack, project, app("two"))
    await until_says(stack, "turns", "two")
    await client.post(f"projects/{project}/rollback", json={})
    answer = await until_says(stack, "turns", "one")
    assert answer.headers["x-release"] == first["release_id"]
    permalink = await api.visit(stack, f"turns--{second['number']}")
    assert permalink.text == "two", "a release that rests is woken by its own address"


@pytest.mark.parametrize("service", ["worker", "runner", "api", "valkey", "kafka"])
async def test_a_killed_service_while_rolling_out_changes_nothing(
    client: httpx.AsyncClient, stack: Stack, service: str
) -> None:
    slug = f"rollout-{service}"
    project = await project_of(client, slug)
    slow = SERVER.replace("server.listen", "setTimeout(() => server.listen").replace(
        'console.log("listening"))', 'console.log("listening")), 3000)'
    )
    created = await begin(client, stack, project, app("up", server=slow))
    async with asyncio.timeout(SECONDS):
        while (await asked(client, f"deployments/{created['id']}") or {}).get(
            "state"
        ) != "rolling_out":
            await asyncio.sleep(0.05)
    killed = stack.service(service).kill()
    await stack.service(service).until_back(killed)
    found = await ended(client, created)
    assert found["state"] == "ready", found["failure"]
    await until_says(stack, slug, "up")
    assert len(replicas_of(found["release_id"])) <= 2, "one replica and its sandbox"


async def test_a_killed_runner_leaves_what_is_live_answering(
    client: httpx.AsyncClient, stack: Stack
) -> None:
    project = await project_of(client, "survivor")
    await deploy(client, stack, project, app("here"))
    await until_says(stack, "survivor", "here")
    killed = stack.service("runner").kill()
    answers = [(await api.visit(stack, "survivor")).text for _ in range(20)]
    assert set(answers) == {"here"}
    await stack.service("runner").until_back(killed)
    await until_says(stack, "survivor", "here")


async def test_a_killed_replica_is_started_again(client: httpx.AsyncClient, stack: Stack) -> None:
    project = await project_of(client, "healer")
    deployment = await deploy(client, stack, project, app("well"))
    await until_says(stack, "healer", "well")
    before = replicas_of(deployment["release_id"])
    assert before
    for process in before:
        os.kill(process.pid, signal.SIGKILL)
    await until_says(stack, "healer", "well")
    assert not {one.pid for one in before} & {
        one.pid for one in replicas_of(deployment["release_id"])
    }


@pytest.mark.parametrize(
    ("name", "server", "code", "said"),
    [
        ("exits", "console.error('no database'); process.exit(4)", "rollout_crashing", "4"),
        ("ends", "console.log('done')", "rollout_exited", ""),
        ("missing", "require('not-there')", "rollout_crashing", "not-there"),
    ],
)
async def test_a_server_that_does_not_start_leaves_the_old_one_and_says_why(
    client: httpx.AsyncClient, stack: Stack, name: str, server: str, code: str, said: str
) -> None:
    project = await project_of(client, f"broken-{name}")
    await deploy(client, stack, project, app("good"))
    failed = await deploy(client, stack, project, app("bad", server=server))
    assert failed["state"] == "failed"
    assert failed["failure"]["code"] == code, failed["failure"]
    assert said in json.dumps(failed["failure"])
    assert (await api.visit(stack, f"broken-{name}")).text == "good"


async def test_a_server_at_another_port_is_told_which(
    client: httpx.AsyncClient, stack: Stack
) -> None:
    project = await project_of(client, "ignores-port")
    server = SERVER.replace("process.env.PORT", "0")
    settings = "[readiness]\ngrace_seconds = 3\n"
    failed = await deploy(client, stack, project, app("lost", server=server, settings=settings))
    assert failed["failure"]["code"] == "rollout_not_listening", failed["failure"]
    assert "PORT" in failed["failure"]["detail"]


async def test_a_task_runs_with_the_releases_variables_and_its_log_is_whole(
    client: httpx.AsyncClient, stack: Stack
) -> None:
    project = await project_of(client, "tasks")
    deployment = await deploy(client, stack, project, app("ok"))
    assert deployment["state"] == "ready", deployment["failure"]
    command = 'echo "release $ASTROCLOUD_RELEASE_ID"; for n in 1 2 3; do echo n$n; done; exit 5'
    task = (await client.post(f"projects/{project}/tasks", json={"command": command})).json()
    async with asyncio.timeout(SECONDS):
        while True:
            found = (await client.get(f"tasks/{task['id']}")).json()
            if found["finished_at"]:
                break
            await asyncio.sleep(0.1)
    assert (found["state"], found["exit_code"]) == ("failed", 5)
    async with asyncio.timeout(SECONDS):
        while True:
            query = {"replica": found["replica"], "order": "oldest"}
            page = (await client.get(f"projects/{project}/logs", params=query)).json()
            texts = [item["text"] for item in page["items"]]
            if texts and texts[-1].startswith("Ended"):
                break
            await asyncio.sleep(0.2)
    wanted = [f"release {deployment['release_id']}", "n1", "n2", "n3"]
    assert texts[-5:] == [*wanted, "Ended with exit code 5"]


@pytest.mark.skipif(
    IS_ON_KUBERNETES, reason="Fluent Bit ships the lines of pods, and clusters for tests have none"
)
async def test_what_a_server_writes_is_in_the_projects_log(
    client: httpx.AsyncClient, stack: Stack
) -> None:
    project = await project_of(client, "talker")
    deployment = await deploy(client, stack, project, app("ok"))
    async with asyncio.timeout(SECONDS):
        while True:
            page = (await client.get(f"projects/{project}/logs")).json()
            mine = [item for item in page["items"] if item["text"] == "listening"]
            if mine:
                break
            await asyncio.sleep(0.2)
    assert mine[0]["release_id"] == deployment["release_id"]


async def test_an_idle_server_sleeps_and_the_first_request_waits_for_it(
    client: httpx.AsyncClient, stack: Stack
) -> None:
    project = await project_of(client, "sleeper")
    settings = "[scaling]\nidle_minutes = 1\n"
    deployment = await deploy(client, stack, project, app("awake", settings=settings))
    await until_says(stack, "sleeper", "awake")
    connection = await psycopg.AsyncConnection.connect(stack.owner_dsn, autocommit=True)
    async with connection, asyncio.timeout(SECONDS):
        while replicas_of(deployment["release_id"]):
            await connection.execute(
                "UPDATE workloads SET last_request_at = now() - interval '1 hour', due_at = now(),"
                " awake_until = NULL WHERE release_id = %s AND wanted > 0",
                [deployment["release_id"]],
            )
            await asyncio.sleep(1)
    answers = await asyncio.gather(*(api.visit(stack, "sleeper") for _ in range(10)))
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, "awake")}


async def test_stopped_means_that_nothing_runs_until_it_is_started(
    client: httpx.AsyncClient, stack: Stack
) -> None:
    project = await project_of(client, "stopper")
    deployment = await deploy(client, stack, project, app("on"))
    await until_says(stack, "stopper", "on")
    await client.post(f"projects/{project}/workload/stop", json={})
    async with asyncio.timeout(SECONDS):
        while replicas_of(deployment["release_id"]):
            await asyncio.sleep(0.2)
    assert (await api.visit(stack, "stopper")).status_code == 503
    await client.post(f"projects/{project}/workload/start", json={})
    await until_says(stack, "stopper", "on")
