"""Runtime logs and metrics through the API, and what gateways report."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared import config, services
from shared.clusters.port import ReplicaStatus
from shared.logs.lines import Line, Record
from shared.logs.runtime.writer_store import Arrival
from tests.integration.control_plane.archives import site
from tests.services.platform import Platform

KEY = "key-of-the-gateway"


@dataclass(frozen=True, slots=True)
class Running:
    """A project with a release that runs."""

    project: str
    account: UUID
    release: UUID


@pytest.fixture
def keyed(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API knows the gateway's key."""
    monkeypatch.setenv("GATEWAY_KEY", KEY)
    config.settings.cache_clear()
    services.services().settings = config.settings()


@pytest.fixture
async def running(platform: Platform, client: httpx.AsyncClient) -> Running:
    project = (await client.post("projects", json={"slug": "shop"})).json()
    deployment = await platform.deploy(client, project["id"], site())
    release = uuid4()
    (row,) = await platform.execute(
        "INSERT INTO workloads (release_id, account_id, project_id, environment_id, deployment_id,"
        " environment, number, document, image, image_is_ours, scaling)"
        " SELECT %s, account_id, project_id, environment_id, id, environment, number, '', 'x',"
        """ true, '{"requests_per_replica": 20}' FROM deployments WHERE id = %s"""
        " RETURNING account_id",
        release,
        deployment["id"],
    )
    return Running(project["id"], row[0], release)


async def write(platform: Platform, running: Running, *texts: str) -> None:
    """Store lines as the worker does."""
    lines = tuple(
        Line(source="runtime", time="2026-11-24T07:20:00Z", stream="stdout", text=text)
        for text in texts
    )
    record = Record(
        stream=running.release,
        account=running.account,
        writer=uuid4().hex,
        sequence=1,
        lines=lines,
    )
    logs = platform.worker.runtime_logs
    await logs.store([Arrival(record)], await logs.places([running.release]))


def report(of: UUID, sequence: int = 1, **wanted: Any) -> dict[str, Any]:
    """What a gateway sends."""
    one = {
        "release": str(of),
        "requests": 10,
        "errors": 1,
        "in_flight": 2.5,
        "latency_ms": {"le_25": 9, "more": 1},
    }
    return {
        "gateway": "g-1",
        "sequence": sequence,
        "period_ms": 5_000,
        "releases": [one | wanted],
    }


async def send(platform: Platform, body: Any, key: str = KEY) -> httpx.Response:
    """Report as the gateway does: beside the versions of the API."""
    async with platform.client() as gateway:
        address = f"{platform.settings.platform_url}/api/gateway/traffic"
        return await gateway.post(address, json=body, headers={"Authorization": f"Bearer {key}"})


async def test_lines_are_read_searched_and_downloaded(
    platform: Platform, client: httpx.AsyncClient, running: Running
) -> None:
    await write(platform, running, "ERROR no", '{"level":"info","msg":"yes","n":1}')
    path = f"projects/{running.project}/logs"
    page = (await client.get(path)).json()
    assert [(i["n"], i["level"], i["text"]) for i in page["items"]] == [
        (2, "info", "yes"),
        (1, "error", "ERROR no"),
    ]
    assert page["items"][0]["fields"] == {"n": 1}
    assert (page["live_cursor"], page["next_cursor"], page["complete"]) == (2, None, True)
    found = (await client.get(path, params={"level": "error,fatal", "q": "NO"})).json()
    assert [item["n"] for item in found["items"]] == [1]
    assert (await client.get(path, params={"environment": "preview"})).json()["items"] == []
    text = (await client.get(f"{path}/download")).text
    assert text.splitlines()[0] == "2026-11-24T07:20:00Z  ERROR no"


@pytest.mark.parametrize(
    "wanted",
    [
        {"level": "loud"},
        {"since": "2026-11-24T07:20:00"},
        {"after": "-1"},
        {"q": "x" * 201},
        {"environment": "staging"},
        {"limit": "1001"},
    ],
)
async def test_what_cannot_be_asked_is_refused(
    client: httpx.AsyncClient, running: Running, wanted: dict[str, str]
) -> None:
    answer = await client.get(f"projects/{running.project}/logs", params=wanted)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_a_project_can_be_watched_by_its_members_only(
    platform: Platform, client: httpx.AsyncClient, running: Running
) -> None:
    wanted = {"project_id": running.project, "environment": "preview"}
    groups = (await client.post("negotiate", json=wanted)).json()["groups"]
    assert f"runtime-{running.project}-preview" in groups
    async with await platform.stranger() as stranger:
        assert (await stranger.post("negotiate", json=wanted)).status_code == 404


@pytest.mark.usefixtures("keyed")
async def test_traffic_and_usage_become_series(
    platform: Platform, client: httpx.AsyncClient, running: Running
) -> None:
    unknown = report(uuid4())["releases"]
    body = report(running.release)
    body["releases"] += unknown
    assert (await send(platform, body)).status_code == 204
    assert (await send(platform, body)).status_code == 204
    assert (await send(platform, report(running.release, 2))).status_code == 204
    replica = ReplicaStatus(name="pod-1", ready=True, cpu_millis=100, memory_bytes=1_000)
    busier = replica.model_copy(update={"cpu_millis": 300, "memory_bytes": 900})
    unmeasured = ReplicaStatus(name="pod-2", ready=False)
    for replicas in ([replica, unmeasured], [busier]):
        await platform.worker.metrics.record_usage(running.release, replicas)
    for table in ("traffic_minutes", "usage_minutes"):
        await platform.execute(f"UPDATE {table} SET minute = minute - interval '2 minutes'")

    path = f"projects/{running.project}/metrics"
    found = (await client.get(path, params={"minutes": 5})).json()
    assert len(found["traffic"]) == 5
    (point,) = [p for p in found["traffic"] if p["requests"]]
    assert (point["requests"], point["errors"], point["error_rate"]) == (20, 2, 0.1)
    assert (point["p99_ms"], point["in_flight_max"]) == (10_000, 2.5)
    assert 10 < point["p50_ms"] < 25
    assert point["in_flight"] == round(2 * 2.5 * 5_000 / 60_000, 3)
    (series,) = found["replicas"]
    assert (series["replica"], series["deployment_number"]) == ("pod-1", 1)
    measured = [(p["cpu_millis"], p["memory_bytes"]) for p in series["points"]]
    assert sorted(measured, key=str) == [(200, 1_000)] + [(None, None)] * 4
    day = (await client.get(path, params={"minutes": 1440})).json()
    assert (len(day["traffic"]), day["resolution_seconds"]) == (96, 900)
    assert sum(p["requests"] for p in day["traffic"]) == 20
    (load,) = await platform.execute("SELECT in_flight FROM gateway_loads")
    assert load == (2.5,)


@pytest.mark.usefixtures("keyed")
async def test_only_the_gateway_reports(platform: Platform, running: Running) -> None:
    for key in ("", "wrong", KEY + "x", "schlüssel"):
        body = report(running.release)
        async with platform.client() as other:
            address = f"{platform.settings.platform_url}/api/gateway/traffic"
            headers = {"Authorization": f"Bearer {key}".encode()}
            answer = await other.post(address, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert await platform.execute("SELECT 1 FROM traffic_minutes") == []


async def test_without_a_key_nobody_is_the_gateway(platform: Platform, running: Running) -> None:
    assert (await send(platform, report(running.release), key="")).status_code == 401


@pytest.mark.usefixtures("keyed")
@pytest.mark.parametrize(
    "wanted",
    [
        {"requests": -1},
        {"in_flight": -1},
        {"latency_ms": {"le_7": 1}},
        {"latency_ms": {"le_5": "x"}},
        {"release": "x"},
    ],
)
async def test_a_malformed_report_is_refused(
    platform: Platform, running: Running, wanted: dict[str, Any]
) -> None:
    answer = await send(platform, report(running.release, **wanted))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_metrics_are_kept_for_a_day(
    platform: Platform, client: httpx.AsyncClient, running: Running
) -> None:
    replica = ReplicaStatus(name="pod-1", ready=True, cpu_millis=1)
    await platform.worker.metrics.record_usage(running.release, [replica])
    await platform.execute("UPDATE usage_minutes SET minute = minute - interval '26 hours'")
    await platform.worker.metrics.record_usage(running.release, [replica])
    assert await platform.worker.metrics.clean() == 1
    assert len(await platform.execute("SELECT 1 FROM usage_minutes")) == 1


async def test_row_level_security_holds_beneath(
    platform: Platform, client: httpx.AsyncClient, running: Running
) -> None:
    await write(platform, running, "private")
    replica = ReplicaStatus(name="pod-1", ready=True, cpu_millis=1)
    await platform.worker.metrics.record_usage(running.release, [replica])
    async with platform.services.database.transaction() as connection:
        for table in ("runtime_logs", "runtime_chunks", "usage_minutes", "traffic_minutes"):
            found = await connection.execute(f"SELECT count(*) AS n FROM {table}".encode())
            assert await found.fetchone() == {"n": 0}
