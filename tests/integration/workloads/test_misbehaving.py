"""Servers that misbehave: each ends in a state with a reason, and harms nobody else."""

import pytest

from shared.clusters.port import ReplicaBounds
from shared.sites.models import MIB
from tests.contract.clusters.places import App, Bench
from tests.contract.clusters.runner_place import RunnerPlace
from tests.integration.workloads.conftest import APP, lines, until


@pytest.fixture
def app() -> App:
    """The one that does as MODE says."""
    return App(files={"server.py": APP, "data.txt": "as it was built"})


async def test_a_fork_bomb_is_ended_and_told(place: RunnerPlace, bench: Bench, app: App) -> None:
    workload = await bench.workload(
        app=app, environment={"MODE": "bomb"}, bounds=ReplicaBounds(processes=50)
    )
    await bench.cluster.apply(workload, 1)
    status = await bench.until(workload.ref, lambda status: status.problem is not None)
    assert status.problem is not None
    assert "50 processes" in status.problem.detail
    await bench.cluster.delete(workload.ref)
    assert place.daemon.alive(workload.ref) == []


async def test_one_that_fills_the_disk_is_ended_and_told(bench: Bench, app: App) -> None:
    workload = await bench.workload(
        app=app, environment={"MODE": "disk"}, bounds=ReplicaBounds(disk_bytes=64 * MIB)
    )
    await bench.cluster.apply(workload, 1)
    status = await bench.until(
        workload.ref, lambda status: any(one.last_end for one in status.replicas)
    )
    assert status.replicas[0].last_end


async def test_a_gigabyte_of_output_is_cut_counted_and_holds_nobody_up(
    place: RunnerPlace, bench: Bench, app: App
) -> None:
    workload = await bench.up(app=app, environment={"MODE": "flood"})
    await until(
        lambda: any("lines were dropped" in one for one in lines(place, workload.ref, "platform")),
        "the drop is told",
    )
    await until(
        lambda: "listening" in lines(place, workload.ref) or bool(lines(place, workload.ref)),
        "lines are there",
    )
    spool = place.daemon.workload(workload.ref).spool
    assert sum(path.stat().st_size for path in spool.glob("*")) < 20 * MIB
    assert (await bench.get(workload.ref))[0] == 200


async def test_it_may_write_into_its_folder_and_what_it_writes_is_gone_with_it(
    bench: Bench, app: App
) -> None:
    workload = await bench.up(app=app)
    assert await bench.get(workload.ref, "/write?data.txt") == (200, "written")
    assert await bench.get(workload.ref, "/read?data.txt") == (200, "written")
    await bench.cluster.restart(workload.ref)
    await bench.until(workload.ref, lambda status: status.current and status.ready == 1)
    assert (await bench.get(workload.ref, "/read?data.txt")) == (200, "as it was built")


async def test_it_sees_nothing_of_the_platform_or_of_another_project(
    place: RunnerPlace, bench: Bench, app: App
) -> None:
    if place.daemon.bare:
        pytest.skip("without a sandbox nothing is hidden, and the log says so")
    workload = await bench.up(app=app, secrets={"KEY": "s3cret"})
    desired = place.daemon.workload(workload.ref).path / "desired.json"
    missing = (403, "FileNotFoundError")
    assert await bench.get(workload.ref, f"/read?{desired}") == missing
    assert await bench.get(workload.ref, f"/list?{place.daemon.state}") == missing
    assert await bench.get(workload.ref, f"/list?{place.daemon.socket.parent}") == missing
    _, told = await bench.get(workload.ref, "/environment")
    names = {line.partition("=")[0] for line in told.splitlines()}
    assert {"KEY", "PORT", "HOME", "PATH", "NODE_ENV"} <= names
    assert not {name for name in names if name.startswith(("ASTROCLOUD", "PIP_", "UV_"))}
    assert desired.stat().st_mode & 0o777 == 0o600


async def test_without_a_sandbox_the_log_warns(place: RunnerPlace, bench: Bench, app: App) -> None:
    workload = await bench.up(app=app)
    await until(lambda: "Started." in lines(place, workload.ref), "it has started")
    warned = any("no sandbox" in line for line in lines(place, workload.ref, "platform"))
    assert warned == place.daemon.bare


async def test_use_is_measured_for_each_replica(bench: Bench, app: App) -> None:
    workload = await bench.up(replicas=2, app=app)
    status = await bench.until(
        workload.ref,
        lambda status: all(
            one.memory_bytes and one.cpu_millis is not None for one in status.replicas
        ),
    )
    assert all(MIB < (one.memory_bytes or 0) < 96 * MIB for one in status.replicas)


async def test_a_bundle_goes_when_it_is_deleted(place: RunnerPlace, bench: Bench) -> None:
    image = await place.image(App(files={"server.py": APP, "once.txt": "once"}))
    bundles = place.daemon.state / "bundles"
    assert (bundles / image.removeprefix("bundle:") / "app" / "once.txt").exists()
    await place.daemon.builder.delete_image(image)
    await place.daemon.builder.delete_image(image)
    assert not (bundles / image.removeprefix("bundle:")).exists()
