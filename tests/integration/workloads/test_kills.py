"""Whoever is killed: requests are answered on, no replica runs twice, none outlives all."""

import asyncio
import os
import signal

import psutil
import pytest

from shared.clusters.port import WorkloadRef
from shared.errors import Unavailable
from tests.contract.clusters.places import App, Bench
from tests.contract.clusters.runner_place import RunnerPlace
from tests.integration.workloads.conftest import APP, lines, until


@pytest.fixture
def app() -> App:
    """The one that tells its process."""
    return App(files={"server.py": APP})


def keeper(place: RunnerPlace, ref: WorkloadRef) -> int | None:
    """The process that keeps a workload, once it has said so."""
    return place.daemon.workload(ref).keeper()


async def test_a_killed_daemon_leaves_its_servers_answering(
    place: RunnerPlace, bench: Bench, app: App
) -> None:
    workload = await bench.up(app=app)
    address = (await bench.status(workload.ref)).addresses[0]
    before = await place.request(address)
    place.daemon.kill()
    assert await place.request(address) == before
    with pytest.raises(Unavailable):
        await bench.cluster.status(workload.ref)
    await place.daemon.up()
    status = await bench.ready(workload.ref)
    assert (status.addresses[0], status.replicas[0].restarts) == (address, 0)
    assert await place.request(address) == before


async def test_a_daemon_that_comes_back_knows_ports_variables_and_sleep(
    place: RunnerPlace, bench: Bench, app: App
) -> None:
    awake = await bench.up(app=app, secrets={"KEY": "s3cret"})
    asleep = await bench.up(app=app)
    await bench.cluster.scale(asleep.ref, 0)
    await bench.ready(asleep.ref, 0)
    addresses = (await bench.status(asleep.ref)).addresses
    place.daemon.kill()
    await place.daemon.up()
    await bench.ready(awake.ref)
    assert "KEY=s3cret" in (await bench.get(awake.ref, "/environment"))[1]
    assert (await bench.ready(asleep.ref, 0)).addresses == addresses
    other = await bench.up(app=app)
    assert not set((await bench.status(other.ref)).addresses) & set(addresses)
    await bench.cluster.scale(asleep.ref, 1)
    assert (await bench.ready(asleep.ref)).addresses == addresses


async def test_a_daemon_that_goes_down_ends_all_and_brings_all_up_again(
    place: RunnerPlace, bench: Bench, app: App
) -> None:
    workload = await bench.up(app=app)
    await asyncio.to_thread(place.daemon.down)
    assert place.daemon.alive(workload.ref) == []
    await place.daemon.up()
    await bench.ready(workload.ref)
    assert (await bench.get(workload.ref))[0] == 200


async def test_a_killed_keeper_takes_its_replicas_along_and_is_replaced(
    place: RunnerPlace, bench: Bench, app: App
) -> None:
    workload = await bench.up(replicas=2, app=app)
    first = keeper(place, workload.ref)
    assert first is not None
    before = {one.pid for one in place.daemon.alive(workload.ref)}
    os.kill(first, signal.SIGKILL)
    await until(lambda: keeper(place, workload.ref) not in (None, first), "another keeper")
    status = await bench.ready(workload.ref, 2)
    assert not before & {one.pid for one in place.daemon.alive(workload.ref)}
    assert [one.restarts for one in status.replicas] == [1, 1]


async def test_a_killed_replica_is_healthy_again_within_seconds(
    place: RunnerPlace, bench: Bench, app: App
) -> None:
    workload = await bench.up(app=app)
    await place.kill(workload.ref, "web-0")
    status = await bench.until(workload.ref, lambda status: status.replicas[0].restarts == 1)
    status = await bench.ready(workload.ref)
    assert status.replicas[0].last_exit_code == 137
    assert any("signal 9" in line for line in lines(place, workload.ref, "platform"))


@pytest.mark.parametrize("what", ["apply", "scale", "restart", "delete"])
async def test_a_daemon_killed_in_the_middle_of_a_change_ends_in_one_state(
    place: RunnerPlace, bench: Bench, app: App, what: str
) -> None:
    workload = await bench.up(app=app)
    changes = {
        "apply": lambda: bench.cluster.apply(
            workload.model_copy(update={"environment": {"A": "new"}}), 1
        ),
        "scale": lambda: bench.cluster.scale(workload.ref, 2),
        "restart": lambda: bench.cluster.restart(workload.ref),
        "delete": lambda: bench.cluster.delete(workload.ref),
    }
    asking = asyncio.create_task(changes[what]())
    await until(lambda: psutil.pid_exists(place.daemon.pid), "the daemon is there")
    await asyncio.sleep(0)
    place.daemon.kill()
    await asyncio.gather(asking, return_exceptions=True)
    await place.daemon.up()
    await changes[what]()
    if what == "delete":
        assert await bench.cluster.status(workload.ref) is None
        assert place.daemon.alive(workload.ref) == []
        return
    count = 2 if what == "scale" else 1
    await bench.ready(workload.ref, count)
    assert (await bench.get(workload.ref))[0] == 200


async def test_a_deletion_that_was_cut_off_is_brought_to_its_end(
    place: RunnerPlace, bench: Bench, app: App
) -> None:
    workload = await bench.up(app=app, environment={"MODE": "deaf"}, stop_seconds=30)
    folder = place.daemon.workload(workload.ref)
    asking = asyncio.create_task(bench.cluster.delete(workload.ref))
    await until(lambda: bool((found := folder.desired()) and found.deleted), "written down")
    place.daemon.kill()
    await asyncio.gather(asking, return_exceptions=True)
    assert place.daemon.alive(workload.ref) != []
    await place.daemon.up()
    assert await bench.cluster.status(workload.ref) is None
    await until(lambda: not folder.path.exists(), "the workload is gone")
    assert place.daemon.alive(workload.ref) == []


async def test_a_deaf_server_is_killed_with_all_that_it_began(
    place: RunnerPlace, bench: Bench, app: App
) -> None:
    workload = await bench.up(app=app, environment={"MODE": "deaf"}, stop_seconds=1)
    await bench.cluster.scale(workload.ref, 0)
    await bench.ready(workload.ref, 0)
    assert place.daemon.alive(workload.ref) == []
    assert any("Killed" in line for line in lines(place, workload.ref, "platform"))


async def test_what_a_server_leaves_behind_ends_with_it(
    place: RunnerPlace, bench: Bench, app: App
) -> None:
    workload = await bench.up(app=app, environment={"MODE": "orphan"})
    (replica,) = (await bench.status(workload.ref)).replicas
    await place.kill(workload.ref, replica.name)
    await bench.until(workload.ref, lambda status: status.replicas[0].restarts == 1)
    keeper = place.daemon.workload(workload.ref).keeper()
    assert keeper is not None
    assert psutil.pid_exists(keeper)
    await bench.cluster.delete(workload.ref)
    assert place.daemon.alive(workload.ref) == []
    await until(lambda: not psutil.pid_exists(keeper), "its keeper has ended, too")
