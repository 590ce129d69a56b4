"""What a cluster says of a workload that does not get ready: the reason, in words to act on."""

from typing import Any

import pytest

from shared.clusters.port import PullSecret, ReplicaBounds, Workload, WorkloadStatus
from shared.detection.run_settings import HealthCheck, Worker
from shared.sites.models import MIB
from tests.contract.clusters.conftest import needs
from tests.contract.clusters.places import Bench

SOON = HealthCheck(grace_seconds=4, period_seconds=1)


async def _in_trouble(bench: Bench, **changes: Any) -> tuple[Workload, WorkloadStatus]:
    """Bring up what cannot get ready, and wait until it is known why."""
    workload = await bench.workload(**changes)
    await bench.cluster.apply(workload, 1)
    return workload, await bench.until(workload.ref, lambda status: status.problem is not None)


async def test_an_image_that_does_not_exist(bench: Bench) -> None:
    _, status = await _in_trouble(bench, image=bench.place.missing_image)
    assert status.problem is not None
    assert status.problem.reason == "image_unavailable"
    assert bench.place.missing_image in status.problem.detail
    assert "not found" in status.problem.detail
    assert status.ready == 0


async def test_a_registry_that_refuses_its_pull_secret_keeps_it_to_itself(bench: Bench) -> None:
    needs(bench, "images")
    secret = PullSecret(registry="127.0.0.1:1", username="me", password="p4ssw0rd")
    _, status = await _in_trouble(bench, image="127.0.0.1:1/a/b:c", pull_secret=secret)
    assert status.problem is not None
    assert status.problem.reason == "image_unavailable"
    assert "p4ssw0rd" not in status.model_dump_json()


async def test_an_app_that_fails_at_once(bench: Bench) -> None:
    _, status = await _in_trouble(bench, environment={"EXIT": "3"})
    problem = status.problem
    assert problem is not None
    assert (problem.reason, problem.exit_code) == ("crashing", 3)
    assert "exit code 3" in problem.detail
    assert "cannot go on: the database is not configured" in problem.last_lines


async def test_an_app_that_ends_as_if_it_were_done(bench: Bench) -> None:
    _, status = await _in_trouble(bench, environment={"EXIT": "0"})
    assert status.problem is not None
    assert (status.problem.reason, status.problem.exit_code) == ("exited", 0)


async def test_an_app_that_needs_too_much_memory(bench: Bench) -> None:
    bounds = ReplicaBounds(cpu_millis=100, memory_bytes=64 * MIB)
    _, status = await _in_trouble(bench, environment={"EAT": "200"}, bounds=bounds)
    assert status.problem is not None
    assert status.problem.reason == "out_of_memory"
    assert "64 MiB" in status.problem.detail
    assert any("64 MiB" in (one.last_end or "") for one in status.replicas)


async def test_an_app_that_ignores_the_port(bench: Bench) -> None:
    workload, status = await _in_trouble(bench, environment={"LISTEN": "9999"}, readiness=SOON)
    assert status.problem is not None
    assert status.problem.reason == "not_listening"
    assert any(port in status.problem.detail for port in await bench.ports(workload))
    assert "PORT" in status.problem.detail


async def test_an_app_that_listens_on_localhost_only(bench: Bench) -> None:
    needs(bench, "network_policy")
    _, status = await _in_trouble(bench, environment={"HOST": "127.0.0.1"}, readiness=SOON)
    assert status.problem is not None
    assert status.problem.reason == "not_listening"
    assert "0.0.0.0" in status.problem.detail


async def test_a_health_check_that_fails(bench: Bench) -> None:
    check = SOON.model_copy(update={"path": "/health"})
    _, status = await _in_trouble(bench, environment={"HEALTH": "503"}, readiness=check)
    assert status.problem is not None
    assert status.problem.reason == "unhealthy"
    assert "/health" in status.problem.detail
    assert "503" in status.problem.detail


@pytest.mark.parametrize("start", ["serve-nothing --port 1", "serve-nothing --port $PORT"])
async def test_a_start_command_that_does_not_exist(bench: Bench, start: str) -> None:
    _, status = await _in_trouble(bench, start=start)
    assert status.problem is not None
    assert status.problem.reason == "start_failed"


async def test_more_than_the_cluster_has(bench: Bench) -> None:
    needs(bench, "images")
    bounds = ReplicaBounds(cpu_millis=60_000, memory_bytes=96 * MIB)
    _, status = await _in_trouble(bench, bounds=bounds)
    assert status.problem is not None
    assert status.problem.reason == "no_room"


async def test_a_worker_that_crashes_is_told_while_the_server_answers(bench: Bench) -> None:
    worker = Worker(command="sh -c 'echo no queue; exit 9'")
    workload, status = await _in_trouble(bench, workers={"mail": worker})
    assert status.problem is not None
    assert (status.problem.reason, status.problem.exit_code) == ("crashing", 9)
    assert "mail" in status.problem.detail
    assert "no queue" in status.problem.last_lines
    await bench.until(workload.ref, lambda status: status.ready == 1)
    assert (await bench.get(workload.ref))[0] == 200


async def test_what_served_before_serves_on_beside_a_change_that_fails(bench: Bench) -> None:
    needs(bench, "images")
    workload = await bench.up()
    broken = workload.model_copy(update={"environment": {"EXIT": "3"}})
    await bench.cluster.apply(broken, 1)
    status = await bench.until(workload.ref, lambda status: status.problem is not None)
    assert status.problem is not None
    assert (status.problem.reason, status.current) == ("crashing", False)
    assert await bench.get(workload.ref) == (200, "hello you")
    await bench.cluster.apply(workload, 1)
    mended = await bench.ready(workload.ref)
    assert mended.problem is None
