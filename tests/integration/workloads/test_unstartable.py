"""What cannot be started at all says why, and is tried again."""

from pathlib import Path

from infrastructure.local.runner import bundles
from shared.clusters.port import Problem, WorkloadStatus
from tests.contract.clusters.places import App, Bench
from tests.contract.clusters.runner_place import RunnerPlace
from tests.integration.workloads.conftest import APP


async def _problem(bench: Bench, place: RunnerPlace, app: App, gone: str) -> Problem:
    """What is said of a workload whose bundle misses something."""
    workload = await bench.workload(app=app)
    bundle = bundles.find(place.daemon.state / "bundles", workload.image)
    manifest = bundle.path / "bundle.json"
    before = manifest.read_bytes()
    folders = (*bundle.manifest.folders, Path(gone))
    manifest.write_text(bundle.manifest.model_copy(update={"folders": folders}).model_dump_json())
    try:
        await bench.cluster.apply(workload, 1)
        status = await bench.until(workload.ref, _has_problem)
    finally:
        manifest.write_bytes(before)
    assert status.problem is not None
    return status.problem


def _has_problem(status: WorkloadStatus) -> bool:
    return status.problem is not None


async def test_tools_that_are_gone_are_named(place: RunnerPlace, bench: Bench) -> None:
    problem = await _problem(bench, place, App(files={"server.py": APP}), "/nowhere/node-99.1.0")
    assert (problem.reason, problem.is_final) == ("image_unavailable", True)
    assert "node-99.1.0" in problem.detail
    assert "/nowhere" not in problem.detail
    assert "Next:" in problem.detail


async def test_a_keeper_that_ends_at_once_says_why_and_is_tried_again(
    place: RunnerPlace, bench: Bench
) -> None:
    workload = await bench.workload(app=App(files={"server.py": APP}))
    await bench.cluster.apply(workload, 0)
    folder = place.daemon.workload(workload.ref)
    folder.spool.write_text("in the way")
    await bench.cluster.scale(workload.ref, 1)
    status = await bench.until(workload.ref, _has_problem)
    assert status.problem is not None
    assert (status.problem.reason, status.problem.is_final) == ("start_failed", True)
    assert "File exists" in status.problem.detail
    assert "spool" in status.problem.detail
    assert str(folder.path) not in status.problem.detail
    folder.spool.unlink()
    healed = await bench.ready(workload.ref)
    assert healed.problem is None
