"""What every cluster promises of commands that run once, and of those that run by the clock."""

import asyncio
import secrets
from uuid import uuid4

import pytest

from shared.clusters.errors import NeedsCluster
from shared.clusters.port import ReplicaBounds, WorkloadRef, pieces
from shared.detection.run_settings import Schedule
from shared.sites.models import MIB
from tests.contract.clusters.conftest import needs
from tests.contract.clusters.places import App, Bench


def _key() -> str:
    return f"task-{secrets.token_hex(6)}"


async def test_a_task_that_succeeds(bench: Bench) -> None:
    workload, key, status = await bench.run("echo one; echo two >&2; echo three")
    assert (status.state, status.exit_code, status.detail) == ("succeeded", 0, "")
    assert status.started_at is not None
    assert status.finished_at is not None
    assert status.started_at <= status.finished_at
    assert sorted(await bench.lines(workload.ref, key)) == ["one", "three", "two"]


async def test_a_task_that_fails_tells_its_exit_code(bench: Bench) -> None:
    workload, key, status = await bench.run("echo before; exit 42")
    assert (status.state, status.exit_code) == ("failed", 42)
    assert await bench.lines(workload.ref, key) == ["before"]


async def test_its_log_comes_in_frames_that_never_change(bench: Bench) -> None:
    workload = await bench.workload()
    key = _key()
    command = "for n in 1 2 3 4 5 6; do echo line $n; echo again $n; sleep 0.4; done; printf end"
    await bench.cluster.start_task(key, workload, command, 60)
    early = []
    while not early:
        early = list(await bench.cluster.task_log(workload.ref, key, 0, 1.0))
    status = await bench.ended(workload.ref, key)
    frames = list(await bench.cluster.task_log(workload.ref, key, 0))
    assert frames[: len(early)] == early
    numbers = [frame.n for frame in frames]
    assert numbers == sorted(set(numbers))
    assert numbers[0] >= 1
    assert numbers[-1] == status.frames
    for place in (0, len(frames) // 2):
        assert (
            list(await bench.cluster.task_log(workload.ref, key, numbers[place]))
            == (frames[place + 1 :])
        )
    assert await bench.cluster.task_log(workload.ref, key, status.frames) in ((), [])
    lines = [line.text for frame in frames for line in frame.lines]
    expected = [f"{word} {n}" for n in range(1, 7) for word in ("line", "again")]
    assert lines == [*expected, "end"]


async def test_a_long_log_is_told_to_its_end(bench: Bench) -> None:
    workload, key, status = await bench.run("seq 1 5000")
    assert status.state == "succeeded"
    assert await bench.lines(workload.ref, key) == [str(n) for n in range(1, 5001)]


@pytest.mark.parametrize("before", ["", "echo first; "])
async def test_a_line_that_is_very_long_is_told_whole(bench: Bench, before: str) -> None:
    """In pieces that show where it ends; what is told last is what the status counts to."""
    workload, key, status = await bench.run(f"{before}printf '%040000d\\n' 7")
    frames = await bench.cluster.task_log(workload.ref, key, 0)
    assert frames[-1].n == status.frames
    written = pieces(f"{7:040000d}")
    assert await bench.lines(workload.ref, key) == [*(["first"] if before else []), *written]


async def test_it_has_the_variables_and_secrets_of_the_release(bench: Bench) -> None:
    workload, key, _ = await bench.run(
        'echo "$GREETING/$KEY"', environment={"GREETING": "a b"}, secrets={"KEY": "s3cr3t$HOME"}
    )
    assert await bench.lines(workload.ref, key) == ["a b/s3cr3t$HOME"]


async def test_starting_twice_is_one_task(bench: Bench) -> None:
    workload = await bench.workload()
    key = _key()
    await asyncio.gather(
        *(bench.cluster.start_task(key, workload, "echo begun; sleep 1", 60) for _ in range(8))
    )
    await bench.ended(workload.ref, key)
    await bench.cluster.start_task(key, workload, "echo again", 60)
    assert (await bench.ended(workload.ref, key)).state == "succeeded"
    assert await bench.lines(workload.ref, key) == ["begun"]


async def test_a_task_beside_a_release_that_runs(bench: Bench) -> None:
    workload = await bench.up()
    key = _key()
    await bench.cluster.start_task(key, workload, "echo beside", 60)
    assert (await bench.ended(workload.ref, key)).state == "succeeded"
    status = await bench.status(workload.ref)
    assert [one.process for one in status.replicas] == ["web"]
    await bench.cluster.delete(workload.ref)
    assert await bench.cluster.task_status(workload.ref, key) is None


async def test_a_task_that_takes_too_long_is_ended(bench: Bench) -> None:
    workload, key, status = await bench.run("echo begun; sleep 600", seconds=4)
    assert status.state == "failed"
    assert "4 s" in status.detail
    assert await bench.lines(workload.ref, key) == ["begun"]


async def test_a_canceled_task_ends_and_keeps_its_log(bench: Bench) -> None:
    workload = await bench.workload()
    key = _key()
    await bench.cluster.start_task(key, workload, "echo begun; sleep 600", 600)
    await bench.until_said(workload.ref, key, "begun")
    await bench.cluster.cancel_task(workload.ref, key)
    status = await bench.task(workload.ref, key)
    assert (status.state, status.has_ended) == ("canceled", True)
    assert await bench.lines(workload.ref, key) == ["begun"]
    await bench.cluster.cancel_task(workload.ref, key)
    await bench.cluster.start_task(key, workload, "echo again", 60)
    assert (await bench.task(workload.ref, key)).state == "canceled"


async def test_a_key_that_was_canceled_first_never_begins(bench: Bench) -> None:
    workload = await bench.workload()
    key = _key()
    await bench.cluster.cancel_task(workload.ref, key)
    await bench.cluster.start_task(key, workload, "echo begun", 60)
    assert (await bench.task(workload.ref, key)).state == "canceled"
    assert await bench.lines(workload.ref, key) == []


async def test_cancels_and_starts_at_once_end_with_nothing_alive(bench: Bench) -> None:
    workload = await bench.workload()
    key = _key()
    begun = asyncio.create_task(bench.cluster.start_task(key, workload, "sleep 600", 600))
    await bench.cluster.cancel_task(workload.ref, key)
    await begun
    status = await bench.task(workload.ref, key)
    assert status.state == "canceled"


async def test_canceling_what_has_ended_changes_nothing(bench: Bench) -> None:
    workload, key, _ = await bench.run("echo done")
    await bench.cluster.cancel_task(workload.ref, key)
    assert (await bench.task(workload.ref, key)).state == "succeeded"


async def test_a_deleted_task_is_gone_and_never_begins_again(bench: Bench) -> None:
    workload, key, _ = await bench.run("echo begun")
    await bench.cluster.delete_task(workload.ref, key)
    assert await bench.lines(workload.ref, key) == []
    await bench.cluster.start_task(key, workload, "echo again", 60)
    assert await bench.cluster.task_log(workload.ref, key, 0, 2.0) in ((), [])
    status = await bench.cluster.task_status(workload.ref, key)
    assert status is None or status.state == "canceled"


async def test_an_unknown_task_is_none(bench: Bench) -> None:
    ref = WorkloadRef(project=bench.project, release=uuid4())
    assert await bench.cluster.task_status(ref, "unknown") is None
    assert await bench.cluster.task_log(ref, "unknown", 0) in ((), [])
    await bench.cluster.delete_task(ref, "unknown")


async def test_a_task_that_needs_too_much_memory_says_so(bench: Bench) -> None:
    bounds = ReplicaBounds(cpu_millis=100, memory_bytes=64 * MIB)
    command = 'python3 -c "b = bytearray(300 * 1024 * 1024); print(len(b))"'
    _, _, status = await bench.run(command, bounds=bounds)
    assert status.state == "failed"
    assert "64 MiB" in status.detail


async def test_a_task_of_an_image_that_does_not_exist_does_not_wait(bench: Bench) -> None:
    _, _, status = await bench.run("echo never", seconds=600, image=bench.place.missing_image)
    assert status.state == "failed"
    assert bench.place.missing_image in status.detail


async def test_a_command_that_does_not_exist(bench: Bench) -> None:
    _, _, status = await bench.run("no-such-program --now")
    assert status.state == "failed"
    assert status.detail or status.exit_code == 127


async def test_a_schedule_runs_by_the_clock(bench: Bench) -> None:
    workload = await bench.workload(
        schedules={"clean-up": Schedule(cron="* * * * *", command="echo cleaned; exit 4")}
    )
    if "schedules" not in bench.cluster.capabilities:
        with pytest.raises(NeedsCluster):
            await bench.cluster.scheduled_runs(workload.ref)
        return
    await bench.cluster.apply(workload, 1)
    deadline = asyncio.get_running_loop().time() + 110
    while not (runs := await bench.cluster.scheduled_runs(workload.ref)):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.5)
    (run, *_) = runs
    assert run.schedule == "clean-up"
    assert (await bench.ended(workload.ref, run.key)).exit_code == 4
    assert await bench.lines(workload.ref, run.key) == ["cleaned"]
    (run, *_) = await bench.cluster.scheduled_runs(workload.ref)
    assert (run.state, run.exit_code) == ("failed", 4)
    # Cron runs are no replicas, and stop with the workload.
    status = await bench.ready(workload.ref)
    assert [one.process for one in status.replicas] == ["web"]
    await bench.cluster.scale(workload.ref, 0)
    await bench.until(workload.ref, lambda status: status.replicas == ())


async def test_the_tasks_of_an_image_without_a_user(bench: Bench) -> None:
    needs(bench, "images")
    workload, key, status = await bench.run("id -u", app=App(user=""))
    assert status.state == "succeeded"
    assert await bench.lines(workload.ref, key) == ["1000"]
