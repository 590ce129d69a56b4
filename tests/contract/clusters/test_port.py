"""What every cluster promises of a workload that is well, whoever runs its processes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import uuid4

import pytest

from shared.clusters.port import ReplicaBounds, WorkloadRef, WorkloadStatus
from shared.detection.run_settings import HealthCheck, Scaling, Worker
from shared.errors import NotFound
from shared.sites.models import MIB
from tests.contract.clusters.conftest import needs
from tests.contract.clusters.places import App, Bench


async def test_an_applied_workload_gets_ready_and_answers(bench: Bench) -> None:
    workload = await bench.up(environment={"GREETING": "shop"})
    status = await bench.status(workload.ref)
    assert (status.wanted, status.ready, status.current) == (1, 1, True)
    assert status.problem is None
    assert status.addresses
    assert await bench.get(workload.ref) == (200, "hello shop")
    (replica,) = status.replicas
    assert (replica.process, replica.ready, replica.restarts) == ("web", True, 0)
    assert replica.started_at is not None


async def test_applying_again_replaces_nothing(bench: Bench) -> None:
    workload = await bench.up()
    before = await bench.status(workload.ref)
    for _ in range(3):
        await bench.cluster.apply(workload, 1)
    after = await bench.ready(workload.ref)
    assert [one.name for one in after.replicas] == [one.name for one in before.replicas]
    assert after.addresses == before.addresses


async def test_ten_applies_at_once_are_one_workload(bench: Bench) -> None:
    workload = await bench.workload()
    await asyncio.gather(*(bench.cluster.apply(workload, 1) for _ in range(10)))
    status = await bench.ready(workload.ref)
    assert len(status.replicas) == 1


async def test_an_unknown_workload_is_none_and_cannot_be_scaled(bench: Bench) -> None:
    nobody = WorkloadRef(project=bench.project, release=uuid4())
    assert await bench.cluster.status(nobody) is None
    with pytest.raises(NotFound):
        await bench.cluster.scale(nobody, 2)
    with pytest.raises(NotFound):
        await bench.cluster.restart(nobody)
    await bench.cluster.delete(nobody)


async def test_variables_and_secrets_reach_the_app_whatever_they_hold(bench: Bench) -> None:
    odd = "a'b\"c $HOME $(PORT) $$ ü\\n"
    workload = await bench.up(
        environment={"ODD": odd, "GREETING": "you"}, secrets={"KEY": "s3cret"}
    )
    assert await bench.get(workload.ref, "/variable?name=ODD") == (200, odd)
    assert await bench.get(workload.ref, "/variable?name=KEY") == (200, "s3cret")
    assert (await bench.get(workload.ref, "/variable?name=PORT"))[1] in await bench.ports(workload)


async def test_another_port_is_told_and_asked(bench: Bench) -> None:
    workload = await bench.up(port=3000)
    assert (await bench.get(workload.ref, "/variable?name=PORT"))[1] in await bench.ports(workload)


@pytest.mark.parametrize(
    "start",
    [
        "python3 server.py word",
        "GREETING=shell python3 server.py $WORD",
        "cd . && exec python3 server.py 'two words'",
    ],
)
async def test_a_start_command_runs_as_it_is_written(bench: Bench, start: str) -> None:
    workload = await bench.up(start=start, environment={"WORD": "word"})
    expected = "shell" if start.startswith("GREETING") else "you"
    assert await bench.get(workload.ref) == (200, f"hello {expected}")


async def test_it_scales_up_down_to_zero_and_back_at_the_same_address(bench: Bench) -> None:
    workload = await bench.up()
    addresses = (await bench.status(workload.ref)).addresses
    await bench.cluster.scale(workload.ref, 3)
    await bench.ready(workload.ref, 3)
    await bench.cluster.scale(workload.ref, 1)
    await bench.ready(workload.ref, 1)
    await bench.cluster.scale(workload.ref, 0)
    asleep = await bench.ready(workload.ref, 0)
    assert (asleep.replicas, asleep.problem) == ((), None)
    await _until_refused(bench, addresses[0])
    await bench.cluster.scale(workload.ref, 1)
    awake = await bench.ready(workload.ref, 1)
    assert set(awake.addresses) <= set(addresses) or set(addresses) <= set(awake.addresses)
    assert await bench.get(workload.ref) == (200, "hello you")


async def _until_refused(bench: Bench, address: str) -> None:
    """A cluster's nodes may send on to what has just ended, for a moment."""
    async with asyncio.timeout(60):
        while True:
            try:
                await bench.place.request(address)
            except ConnectionRefusedError:
                return
            except (ConnectionError, TimeoutError):
                pass
            await asyncio.sleep(0.1)


async def test_applied_at_zero_nothing_of_it_runs(bench: Bench) -> None:
    workload = await bench.workload(workers={"mail": Worker(command="python3 server.py worker")})
    await bench.cluster.apply(workload, 0)
    status = await bench.ready(workload.ref, 0)
    assert status.replicas == ()


async def test_changed_variables_replace_the_replicas_while_requests_are_answered(
    bench: Bench,
) -> None:
    workload = await bench.up(environment={"GREETING": "old"})
    changed = workload.model_copy(update={"environment": {"GREETING": "new"}})
    failures, seen = await _asked_during(
        bench, workload.ref, lambda: bench.cluster.apply(changed, 1)
    )
    assert failures == []
    assert seen[0] == "hello old"
    assert await bench.get(workload.ref) == (200, "hello new")


async def test_a_restart_replaces_every_process_while_requests_are_answered(bench: Bench) -> None:
    worker = Worker(command="python3 server.py worker")
    workload = await bench.up(workers={"mail": worker})
    await bench.until(workload.ref, lambda status: all(one.ready for one in status.replicas))
    before = {(one.name, one.started_at) for one in (await bench.status(workload.ref)).replicas}
    failures, _ = await _asked_during(
        bench, workload.ref, lambda: bench.cluster.restart(workload.ref)
    )
    assert failures == []
    after = await bench.until(
        workload.ref,
        lambda status: (
            not {(one.name, one.started_at) for one in status.replicas} & before
            and sorted(one.process for one in status.replicas) == ["mail", "web"]
            and all(one.ready for one in status.replicas)
        ),
    )
    assert after.problem is None


async def test_two_releases_stand_side_by_side(bench: Bench) -> None:
    one = await bench.up(environment={"GREETING": "one"})
    two = await bench.up(environment={"GREETING": "two"})
    assert await bench.get(one.ref) == (200, "hello one")
    assert await bench.get(two.ref) == (200, "hello two")
    await bench.cluster.delete(one.ref)
    assert await bench.cluster.status(one.ref) is None
    assert await bench.get(two.ref) == (200, "hello two")


async def test_a_deleted_project_has_nothing_left(bench: Bench) -> None:
    workload = await bench.up()
    await bench.cluster.delete_project(bench.project)
    deadline = asyncio.get_running_loop().time() + 60
    while await bench.cluster.status(workload.ref) is not None:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.2)
    await bench.cluster.delete_project(bench.project)


async def test_a_replica_that_is_killed_is_replaced(bench: Bench) -> None:
    workload = await bench.up()
    (before,) = (await bench.status(workload.ref)).replicas
    await bench.place.kill(workload.ref, before.name)

    def is_another(replica_name: str, started: object) -> bool:
        return (replica_name, started) != (before.name, before.started_at)

    await bench.until(
        workload.ref,
        lambda status: (
            status.ready == 1
            and all(one.ready and is_another(one.name, one.started_at) for one in status.replicas)
        ),
    )
    assert await bench.get(workload.ref) == (200, "hello you")


async def test_a_process_that_ends_is_started_again_and_its_end_is_told(bench: Bench) -> None:
    workload = await bench.up()
    assert (await bench.get(workload.ref))[0] == 200
    with pytest.raises(ConnectionError):
        await bench.once(workload.ref, "/exit?code=7")
    status = await bench.until(
        workload.ref, lambda status: status.ready == 1 and status.replicas[0].restarts == 1
    )
    assert status.replicas[0].last_exit_code == 7
    assert "7" in (status.replicas[0].last_end or "")


async def test_a_liveness_check_restarts_what_hangs(bench: Bench) -> None:
    check = HealthCheck(path="/health", period_seconds=1, failures=2, grace_seconds=1)
    workload = await bench.workload(liveness=check, environment={"HEALTH": "500"})
    await bench.cluster.apply(workload, 1)
    await bench.until(
        workload.ref, lambda status: any(one.restarts >= 1 for one in status.replicas)
    )


async def test_a_health_check_asks_for_the_host_that_visitors_ask_for(bench: Bench) -> None:
    host = {"ASTROCLOUD_URL": "https://shop.example.com", "HOST_ALONE": "shop.example.com"}
    check = HealthCheck(path="/health", period_seconds=1, grace_seconds=60)
    workload = await bench.up(readiness=check, liveness=check, environment=host)
    assert (await bench.status(workload.ref)).problem is None


async def test_a_slow_start_is_no_problem(bench: Bench) -> None:
    workload = await bench.workload(environment={"LATE": "6"})
    await bench.cluster.apply(workload, 1)
    told = []
    while (status := await bench.status(workload.ref)).ready == 0:
        told.append(status.problem)
        await asyncio.sleep(0.3)
    assert set(told) == {None}


async def test_workers_run_beside_the_server(bench: Bench) -> None:
    worker = Worker(command="python3 server.py worker", replicas=2)
    workload = await bench.up(workers={"mail": worker})
    await bench.until(
        workload.ref,
        lambda status: (
            sorted(one.process for one in status.replicas if one.ready) == ["mail", "mail", "web"]
        ),
    )
    await bench.cluster.scale(workload.ref, 0)
    await bench.until(workload.ref, lambda status: status.replicas == ())
    await bench.cluster.scale(workload.ref, 1)
    await bench.until(
        workload.ref,
        lambda status: sorted(one.process for one in status.replicas) == ["mail", "mail", "web"],
    )


async def test_replicas_follow_measured_load(bench: Bench) -> None:
    needs(bench, "autoscaling")
    scaling = Scaling(minimum=1, maximum=3, cpu_percent=30)
    workload = await bench.up(scaling=scaling)
    burning = [asyncio.create_task(bench.get(workload.ref, "/burn?seconds=20")) for _ in range(2)]
    await bench.until(workload.ref, lambda status: status.wanted >= 2, 120)
    # What is applied again leaves the autoscaler's number; a higher floor holds at once.
    await bench.cluster.apply(workload, 1)
    assert (await bench.status(workload.ref)).wanted >= 2
    await bench.cluster.scale(workload.ref, 3)
    assert (await bench.status(workload.ref)).wanted == 3
    await asyncio.gather(*burning, return_exceptions=True)


async def test_use_is_measured(bench: Bench) -> None:
    needs(bench, "autoscaling")
    workload = await bench.up()
    status = await bench.until(
        workload.ref, lambda status: status.replicas[0].memory_bytes is not None
    )
    assert 1 * MIB < (status.replicas[0].memory_bytes or 0) < 96 * MIB


async def test_an_image_without_a_user_does_not_run_as_root(bench: Bench) -> None:
    needs(bench, "images")
    for user in ("", "daemon"):
        workload = await bench.workload(app=App(user=user))
        await bench.cluster.apply(workload, 1)
        # It is started anew as another user, which is no problem that anybody has to hear of.
        while (status := await bench.status(workload.ref)).ready == 0 or not status.current:
            assert status.problem is None
            await asyncio.sleep(0.05)
        assert await bench.get(workload.ref, "/who") == (200, "uid=1000 token=False")
        await bench.cluster.apply(workload, 1)
        await bench.ready(workload.ref)
        await bench.cluster.delete(workload.ref)


async def test_an_image_keeps_its_own_user_and_gets_no_token(bench: Bench) -> None:
    needs(bench, "images")
    workload = await bench.up(app=App(user="1234"))
    assert await bench.get(workload.ref, "/who") == (200, "uid=1234 token=False")


async def test_bounds_can_be_told_for_each_workload(bench: Bench) -> None:
    bounds = ReplicaBounds(cpu_millis=50, memory_bytes=64 * MIB, disk_bytes=32 * MIB)
    workload = await bench.up(bounds=bounds)
    assert (await bench.get(workload.ref))[0] == 200


async def _asked_during(
    bench: Bench, ref: WorkloadRef, change: Callable[[], Awaitable[None]]
) -> tuple[list[str], list[str]]:
    """Ask all the time until a change has come about; what failed, and every answer."""
    failures: list[str] = []
    seen: list[str] = []
    done = asyncio.Event()
    before = _lives(await bench.status(ref))

    async def ask() -> None:
        while not done.is_set():
            try:
                status, text = await bench.once(ref)
                seen.append(text)
                if status != 200:
                    failures.append(f"{status} {text}")
            except OSError as error:
                failures.append(repr(error))
            await asyncio.sleep(0.02)

    await bench.get(ref)
    asking = asyncio.create_task(ask())
    try:
        while not seen:
            await asyncio.sleep(0.02)
        await change()
        await bench.until(
            ref,
            lambda status: status.current and status.ready == 1 and not before & _lives(status),
        )
    finally:
        done.set()
        await asking
    return failures, seen


def _lives(status: WorkloadStatus) -> set[tuple[str, datetime | None]]:
    """What answers requests, each life by itself."""
    return {(one.name, one.started_at) for one in status.replicas if one.process == "web"}
