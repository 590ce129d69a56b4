"""Dynamic releases through the API and the worker: what the cluster is told, what comes of it.

The cluster and the builder are scripted ones; that real ones keep their ports' promises is the
contract suites' business.
"""

import asyncio
import json
import random
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet

from shared.clusters.port import Problem, TaskStatus
from shared.crypto import Crypto
from shared.sources.guard import Guard
from shared.variables.service import VariableService
from tests.fakes import builder as builders
from tests.fakes import cluster as clusters
from tests.fakes.builder import ScriptedBuilder
from tests.fakes.cluster import ScriptedCluster, address_of
from tests.integration.control_plane.archives import site
from tests.services.platform import Platform
from tests.services.registry_server import RegistryServer

EXPRESS = {
    "package.json": json.dumps(
        {"scripts": {"start": "node server.js"}, "dependencies": {"express": "^5.0.0"}}
    ),
    "package-lock.json": json.dumps({"lockfileVersion": 3, "packages": {}}),
    "server.js": "require('express')().listen(process.env.PORT)",
}


@pytest.fixture
def builder(platform: Platform) -> ScriptedBuilder:
    """The worker's builder."""
    return builders.install(platform.worker, ScriptedBuilder())


@pytest.fixture
def cluster(platform: Platform, builder: ScriptedBuilder) -> ScriptedCluster:
    """The platform's cluster."""
    return clusters.install(platform, ScriptedCluster())


@pytest.fixture
async def project(client: httpx.AsyncClient, cluster: ScriptedCluster) -> dict[str, Any]:
    """A project without a deployment."""
    created: dict[str, Any] = (await client.post("projects", json={"slug": "shop"})).json()
    return created


def app(**settings: str) -> bytes:
    """The archive of a server with these lines in its ``astrocloud.toml``."""
    lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
    return site({**EXPRESS, "astrocloud.toml": lines})


async def route_of(platform: Platform, host: str) -> dict[str, Any]:
    """The document that the gateway reads for a host."""
    found = await platform.services.blobs.read("routes", f"{host}.json")
    assert found is not None, f"{host} has no route"
    document: dict[str, Any] = json.loads(found.data)
    return document


def host_of(url: str) -> str:
    return httpx.URL(url).host


async def settled(platform: Platform) -> None:
    """Until nothing is due."""
    await platform.worker.workload_hints.sweep()
    await platform.work_workloads()
    await platform.worker.deliveries.sweep()
    await platform.work_deliveries()


async def test_a_server_is_built_rolled_out_and_live(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
    builder: ScriptedBuilder,
) -> None:
    deployment = await platform.deploy(client, project["id"], app())
    assert deployment["state"] == "ready", deployment["failure"]
    states = [event["state"] for event in deployment["events"]]
    assert states == ["queued", "fetching", "building", "rolling_out", "ready"]
    [run] = cluster.workloads.values()
    assert run.workload.image == f"registry/projects/{project['id']}@{deployment['id']}-1"
    assert run.workload.start is None, "an image that we made starts by itself"
    assert run.workload.environment["ASTROCLOUD_ENVIRONMENT"] == "production"
    route = await route_of(platform, host_of(deployment["url"]))
    assert route["kind"] == "dynamic"
    assert route["addresses"] == [address_of(run.workload.release)]
    permalink = await route_of(platform, host_of(deployment["permalink"]))
    assert (permalink["kind"], permalink["noindex"]) == ("dynamic", True)


async def test_the_old_release_answers_until_the_new_one_is_ready_then_rests(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
) -> None:
    first = await platform.deploy(client, project["id"], app())
    second = await platform.deploy(client, project["id"], app(port="4000"))
    assert second["live"]
    await settled(platform)
    # The old one is told to sleep, and what sleeps is looked at once its routes are old.
    await platform.execute("UPDATE workloads SET due_at = now() WHERE state = 'kept'")
    await platform.worker.workload_hints.sweep()
    await settled(platform)
    releases = {str(one): count for one, count in cluster.running().items()}
    assert releases == {second["release_id"]: 1}
    permalink = await route_of(platform, host_of(first["permalink"]))
    assert (permalink["kind"], permalink["asleep"]) == ("dynamic", True)


async def test_a_release_that_crashes_leaves_the_old_one_live_and_says_why(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
) -> None:
    first = await platform.deploy(client, project["id"], app())
    good = first["release_id"]
    cluster.becomes_ready = lambda workload: str(workload.release) == good
    cluster.problem = Problem(
        reason="crashing",
        detail="It ended with exit code 1.",
        exit_code=1,
        last_lines=("Error: Cannot find module 'express'", "  code: 'MODULE_NOT_FOUND'"),
    )
    second = await platform.deploy(client, project["id"], app(port="4000"))
    assert second["state"] == "failed"
    assert second["failure"]["code"] == "rollout_crashing"
    assert "exit code 1" in second["failure"]["detail"]
    assert second["failure"]["lines"]
    await settled(platform)
    assert [str(one) for one in cluster.running()] == [good]
    route = await route_of(platform, host_of(first["url"]))
    assert route["release"] == good


async def test_the_image_of_a_release_that_failed_is_deleted(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
    builder: ScriptedBuilder,
) -> None:
    cluster.becomes_ready = lambda _: False
    cluster.problem = Problem(reason="start_failed", detail="There is no such command.")
    failed = await platform.deploy(client, project["id"], app())
    assert failed["failure"]["code"] == "rollout_start_failed"
    await settled(platform)
    assert builder.deleted_images == [f"registry/projects/{project['id']}@{failed['id']}-1"]


async def test_a_changed_variable_is_a_new_release_of_the_same_image(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
    builder: ScriptedBuilder,
) -> None:
    first = await platform.deploy(client, project["id"], app())
    variable = {"name": "GREETING", "value": "hello", "environment": "production", "scope": "run"}
    answer = await client.post(f"projects/{project['id']}/variables", json=variable)
    assert answer.is_success, answer.text
    second = await platform.deploy(client, project["id"], app())
    assert (second["state"], second["reused_from"]) == ("ready", 1)
    assert len(builder.begun) == 1
    images = {run.workload.image for run in cluster.workloads.values()}
    assert images == {f"registry/projects/{project['id']}@{first['id']}-1"}
    newest = cluster.workloads[UUID(second["release_id"])].workload
    assert {**newest.environment, **newest.secrets}["GREETING"] == "hello"


async def test_the_release_command_runs_once_before_the_replicas(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
) -> None:
    cluster.task_text = ("migrated",)
    deployment = await platform.deploy(client, project["id"], app(release='"npm run migrate"'))
    assert deployment["state"] == "ready", deployment["failure"]
    [task] = cluster.tasks.values()
    assert task.command == "npm run migrate"
    assert task.workload is not None
    assert str(task.workload.release) == deployment["release_id"]


async def test_a_release_command_that_fails_keeps_the_old_release(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
) -> None:
    cluster.then = TaskStatus(state="failed", exit_code=3)
    deployment = await platform.deploy(client, project["id"], app(release='"npm run migrate"'))
    assert deployment["failure"]["code"] == "release_command_failed"
    assert "exit code 3" in deployment["failure"]["detail"]
    assert not cluster.running()


async def test_a_rollback_starts_the_old_release_and_then_moves_the_pointer(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
    builder: ScriptedBuilder,
) -> None:
    first = await platform.deploy(client, project["id"], app())
    second = await platform.deploy(client, project["id"], app(port="4000"))
    await rest(platform)
    assert [str(one) for one in cluster.running()] == [second["release_id"]]
    answer = await client.post(f"projects/{project['id']}/rollback", json={})
    asked = answer.json()
    assert (asked["number"], asked["live"], asked["going_live"]) == (1, False, True)
    route = await route_of(platform, host_of(first["url"]))
    assert route["release"] == second["release_id"]
    await settled(platform)
    found = (await client.get(f"deployments/{first['id']}")).json()
    assert (found["live"], found["going_live"]) == (True, False)
    route = await route_of(platform, host_of(first["url"]))
    assert (route["release"], route["asleep"]) == (first["release_id"], False)
    assert len(builder.begun) == 2
    assert (await client.get(f"projects/{project['id']}")).json()["pinned"]


async def test_a_rollback_to_a_release_that_does_not_start_keeps_what_is_live(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
) -> None:
    await platform.deploy(client, project["id"], app())
    second = await platform.deploy(client, project["id"], app(port="4000"))
    await rest(platform)
    cluster.becomes_ready = lambda workload: str(workload.release) == second["release_id"]
    cluster.problem = Problem(reason="start_failed", detail="The image is broken.")
    await client.post(f"projects/{project['id']}/rollback", json={})
    await settled(platform)
    found = (await client.get(f"projects/{project['id']}/workload")).json()
    assert found["release_id"] == second["release_id"]
    assert found["next"]["failure"]["detail"] == "The image is broken."


async def test_stop_start_and_restart(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
) -> None:
    deployment = await platform.deploy(client, project["id"], app())
    path = f"projects/{project['id']}/workload"
    await settled(platform)
    assert (await client.get(path)).json()["state"] == "running"
    restarting = await client.post(f"{path}/restart", json={})
    assert (restarting.status_code, restarting.json()["current"]) == (202, False)
    await settled(platform)
    assert (await client.get(path)).json()["current"] is True
    [run] = cluster.workloads.values()
    assert run.restarts == 1
    stopped = (await client.post(f"{path}/stop", json={})).json()
    assert stopped["state"] == "stopped"
    route = await route_of(platform, host_of(deployment["url"]))
    assert route["kind"] == "stopped"
    await rest(platform)
    assert not cluster.running()
    assert (await client.post(f"{path}/restart", json={})).status_code == 409
    await client.post(f"{path}/start", json={})
    await settled(platform)
    assert (await client.get(path)).json()["state"] == "running"
    route = await route_of(platform, host_of(deployment["url"]))
    assert (route["kind"], route["asleep"]) == ("dynamic", False)


async def test_scaling_is_bounded_by_the_plan_and_applied_at_once(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
) -> None:
    await platform.deploy(client, project["id"], app())
    path = f"projects/{project['id']}/workload/scaling"
    above = await client.put(path, json={"minimum": 1, "maximum": 99})
    assert (above.status_code, above.json()["code"]) == (422, "above_plan")
    crossed = await client.put(path, json={"minimum": 3, "maximum": 2})
    assert crossed.status_code == 400
    answer = await client.put(path, json={"minimum": 2, "maximum": 4})
    assert answer.status_code == 202, answer.text
    await settled(platform)
    assert list(cluster.running().values()) == [2]
    second = await platform.deploy(client, project["id"], app(port="4000"))
    assert cluster.running()[UUID(second["release_id"])] == 2


async def test_requests_in_flight_add_replicas(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
) -> None:
    deployment = await platform.deploy(client, project["id"], app())
    await client.put(
        f"projects/{project['id']}/workload/scaling",
        json={"minimum": 1, "maximum": 5, "requests_per_replica": 10},
    )
    await settled(platform)
    release = UUID(deployment["release_id"])
    await platform.services.gateway.report_load("one", {release: 15.0})
    await platform.services.gateway.report_load("two", {release: 12.0})
    await settled(platform)
    assert cluster.running() == {release: 3}
    await platform.services.gateway.report_load("one", {release: 0.0})
    await settled(platform)
    assert cluster.running() == {release: 3}, "it must not go down before its time"


async def test_an_idle_release_sleeps_and_is_woken_by_a_request(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
) -> None:
    toml = "{ minimum = 1, maximum = 1, idle_minutes = 5 }"
    deployment = await platform.deploy(client, project["id"], app(scaling=toml))
    release = UUID(deployment["release_id"])
    await settled(platform)
    await platform.execute(
        "UPDATE workloads SET last_request_at = now() - interval '6 minutes', due_at = now()"
    )
    await rest(platform)
    assert not cluster.running()
    host = host_of(deployment["url"])
    assert (await route_of(platform, host))["asleep"] is True
    woken = await platform.services.gateway.wake(release)
    assert not woken.ready
    await settled(platform)
    woken = await platform.services.gateway.wake(release)
    assert (woken.ready, woken.addresses) == (True, [address_of(release)])
    assert (await route_of(platform, host))["asleep"] is False


async def test_old_releases_are_deleted_with_their_images(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
    builder: ScriptedBuilder,
) -> None:
    await platform.execute("""UPDATE accounts SET limits = '{"kept_releases": 1}'""")
    made = [
        await platform.deploy(client, project["id"], site({**EXPRESS, "n.txt": str(n)}))
        for n in range(4)
    ]
    await rest(platform)
    await rest(platform)
    kept = {str(one) for one in cluster.workloads}
    assert kept == {made[2]["release_id"], made[3]["release_id"]}
    assert len(builder.deleted_images) == 2
    gone = await client.post(
        f"projects/{project['id']}/rollback", json={"deployment_id": made[0]["id"]}
    )
    assert (gone.status_code, gone.json()["code"]) == (409, "release_gone")


async def test_a_deleted_project_leaves_nothing_running(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
) -> None:
    await platform.deploy(client, project["id"], app())
    await platform.deploy(client, project["id"], app(port="4000"))
    await rest(platform)
    assert len(cluster.workloads) == 2, "one of them is kept at rest, and nothing looks at it"
    assert (await client.delete(f"projects/{project['id']}")).is_success
    await settled(platform)
    assert not cluster.workloads
    assert str(cluster.deleted_projects[0]) == project["id"]
    states = await platform.execute("SELECT DISTINCT state FROM workloads")
    assert states == [("deleted",)]


async def test_a_canceled_rollout_leaves_nothing(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
) -> None:
    cluster.becomes_ready = lambda _: False
    created = await platform.start(client, project["id"], app())
    await platform.work_once()
    while (await client.get(f"deployments/{created['id']}")).json()["state"] != "rolling_out":
        await platform.work_once()
    await client.post(f"deployments/{created['id']}/cancel")
    await platform.work()
    found = (await client.get(f"deployments/{created['id']}")).json()
    assert found["state"] == "canceled"
    assert not cluster.workloads


async def test_a_server_without_a_cluster_is_refused(
    platform: Platform, client: httpx.AsyncClient, builder: ScriptedBuilder
) -> None:
    created = (await client.post("projects", json={"slug": "shop"})).json()
    deployment = await platform.deploy(client, created["id"], app())
    assert deployment["failure"]["code"] == "needs_server"


async def test_more_replicas_than_the_plan_has_are_refused(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    toml = "{ minimum = 50, maximum = 60 }"
    deployment = await platform.deploy(client, project["id"], app(scaling=toml))
    assert deployment["failure"]["code"] == "above_plan"
    assert "scaling.minimum" in deployment["failure"]["detail"]


async def rest(platform: Platform) -> None:
    """Let what is to rest rest, without waiting for gateways that there are none of."""
    await settled(platform)
    for _ in range(3):
        await platform.execute("UPDATE workloads SET due_at = now() WHERE state <> 'deleted'")
        await platform.worker.workload_hints.sweep()
        await settled(platform)


@pytest.fixture
def registry(platform: Platform) -> Iterator[RegistryServer]:
    """A registry that the platform may ask."""
    server = RegistryServer()
    platform.worker.__dict__["guard"] = Guard(allowed=[server.host])
    yield server
    server.close()


async def deploy_image(
    platform: Platform, client: httpx.AsyncClient, project_id: str, reference: str
) -> dict[str, Any]:
    source = {"type": "image", "reference": reference}
    answer = await client.post(f"projects/{project_id}/deployments", json={"source": source})
    assert answer.status_code == 202, answer.text
    await platform.work()
    found: dict[str, Any] = (await client.get(f"deployments/{answer.json()['id']}")).json()
    return found


async def test_an_image_is_run_by_the_digest_that_its_tag_has_now(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
    builder: ScriptedBuilder,
    registry: RegistryServer,
) -> None:
    digest = registry.put_image("acme/shop:v1")
    await client.patch(f"projects/{project['id']}", json={"settings": {"port": 5000}})
    first = await deploy_image(platform, client, project["id"], f"{registry.host}/acme/shop:v1")
    assert first["state"] == "ready", first["failure"]
    assert first["source"]["digest"] == digest
    [run] = cluster.workloads.values()
    assert run.workload.image == f"{registry.host}/acme/shop@{digest}"
    assert (run.workload.start, run.workload.port) == (None, 5000)
    assert not builder.begun
    registry.put_image("acme/shop:v1", 9)
    body = {"source": {"type": "deployment", "deployment_id": first["id"]}}
    again = await client.post(f"projects/{project['id']}/deployments", json=body)
    await platform.work()
    second = (await client.get(f"deployments/{again.json()['id']}")).json()
    assert second["source"]["digest"] == digest


async def test_a_private_image_comes_with_the_projects_login_and_to_its_registry_alone(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
    registry: RegistryServer,
) -> None:
    registry.put_image("acme/shop:v1")
    registry.login = "robot:secret"
    login = {"registry": "ghcr.io", "username": "robot", "token": "secret"}
    await client.patch(f"projects/{project['id']}", json={"registry": login})
    reference = f"{registry.host}/acme/shop:v1"
    refused = await deploy_image(platform, client, project["id"], reference)
    assert refused["failure"]["code"] == "image_refused"
    answer = await client.patch(
        f"projects/{project['id']}", json={"registry": {**login, "registry": registry.host}}
    )
    assert answer.json()["registry"] == {
        "registry": registry.host,
        "username": "robot",
        "has_token": True,
    }
    ready = await deploy_image(platform, client, project["id"], reference)
    assert ready["state"] == "ready", ready["failure"]
    [run] = cluster.workloads.values()
    assert run.workload.pull_secret is not None
    assert run.workload.pull_secret.password == "secret"


async def test_an_image_that_is_not_there_or_too_large_is_refused(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    registry: RegistryServer,
) -> None:
    missing = await deploy_image(platform, client, project["id"], f"{registry.host}/acme/no:v1")
    assert missing["failure"]["code"] == "image_not_found"
    registry.put_image("acme/shop:v1", 10**12)
    large = await deploy_image(platform, client, project["id"], f"{registry.host}/acme/shop:v1")
    assert large["failure"]["code"] == "image_too_large"
    source = {"type": "image", "reference": "https://ghcr.io/acme/shop"}
    answer = await client.post(f"projects/{project['id']}/deployments", json={"source": source})
    assert (answer.status_code, answer.json()["code"]) == (422, "image_reference_refused")


async def test_a_cluster_without_images_says_so(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
    registry: RegistryServer,
) -> None:
    registry.put_image("acme/shop:v1")
    cluster.capabilities = frozenset()
    failed = await deploy_image(platform, client, project["id"], f"{registry.host}/acme/shop:v1")
    assert failed["failure"]["code"] == "needs_cluster"


async def test_a_task_runs_with_what_is_live_and_tells_its_end(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
) -> None:
    path = f"projects/{project['id']}/tasks"
    nothing = await client.post(path, json={"command": "npm run seed"})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_runs")
    deployment = await platform.deploy(client, project["id"], app())
    cluster.then, cluster.task_text = TaskStatus(state="failed", exit_code=4), ("seeding",)
    created = (await client.post(path, json={"command": "npm run seed"})).json()
    assert (created["state"], created["number"]) == ("queued", deployment["number"])
    await platform.work_workloads("tasks")
    task = (await client.get(f"tasks/{created['id']}")).json()
    assert (task["state"], task["exit_code"]) == ("failed", 4)
    assert [one["id"] for one in (await client.get(path)).json()["items"]] == [created["id"]]
    ended = await client.post(f"tasks/{created['id']}/cancel")
    assert (ended.status_code, ended.json()["code"]) == (409, "task_ended")


async def test_a_canceled_task_is_ended_in_the_cluster(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
) -> None:
    await platform.deploy(client, project["id"], app())
    cluster.then = None
    path = f"projects/{project['id']}/tasks"
    created = (await client.post(path, json={"command": "sleep 1000"})).json()
    await platform.work_workloads("tasks")
    assert (await client.get(f"tasks/{created['id']}")).json()["state"] == "running"
    asked = (await client.post(f"tasks/{created['id']}/cancel")).json()
    assert asked["cancel_requested"]
    await platform.work_workloads("tasks")
    assert (await client.get(f"tasks/{created['id']}")).json()["state"] == "canceled"
    [task] = cluster.tasks.values()
    assert task.end is not None


async def test_a_cluster_that_fails_now_and_then_harms_nothing(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
) -> None:
    cluster.failing = random.Random(3)
    created = await platform.start(client, project["id"], app())
    async with asyncio.timeout(60):
        while True:
            found = (await client.get(f"deployments/{created['id']}")).json()
            if found["finished_at"]:
                break
            await platform.execute("UPDATE deployments SET due_at = now() WHERE due_at > now()")
            await platform.worker.advancer.sweep()
            await platform.work_once()
    assert found["state"] == "ready", found["failure"]
    assert len(cluster.running()) == 1


async def test_a_rotation_of_keys_reaches_what_runs(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    cluster: ScriptedCluster,
) -> None:
    await platform.deploy(client, project["id"], app())
    login = {"registry": "ghcr.io", "username": "robot", "token": "secret"}
    await client.patch(f"projects/{project['id']}", json={"registry": login})
    (old,) = platform.settings.encryption_keys
    new = Fernet.generate_key().decode()
    rotating = VariableService(platform.worker.database, Crypto([new, old]))
    while await rotating.reseal(5):
        pass
    for services in (platform.services, platform.worker):
        services.__dict__["crypto"] = Crypto([new])
    cluster.workloads.clear()
    await settled(platform)
    assert len(cluster.running()) == 1, "what the cluster lost is made again from its row"
