"""Builds that misbehave: each ends with its reason, in words, and nothing of it is left."""

import io
import os
import signal
import time

import pytest

from shared.builders.port import RunStatus
from shared.errors import NotFound
from shared.sites.models import MIB
from tests.contract.builders.conftest import Runner

PAGE = "mkdir -p dist && echo '<h1>built</h1>' > dist/index.html"


def assert_refused(status: RunStatus, reason: str, *words: str) -> None:
    """It failed for a reason of ours, and says so."""
    assert (status.state, status.reason) == ("failed", reason), status
    for word in (*words, "Next:"):
        assert word in status.detail


async def test_one_that_hangs_is_ended_at_its_time(runner: Runner) -> None:
    seconds = (
        20 if runner.executor in ("containers", "acr") else 3
    )  # an image may have to be fetched first
    key, status = await runner.run("echo waiting; sleep 600", bounds={"seconds": seconds})
    assert_refused(status, "timeout", f"{seconds} seconds")
    assert "waiting" in await runner.text(key)
    assert runner.alive(key) == []


async def test_one_that_needs_too_much_memory(runner: Runner) -> None:
    if runner.executor == "acr":
        pytest.skip("a machine of ACR Tasks has the memory that it has")
    script = "head -c 400000000 /dev/zero | tail"
    key, status = await runner.run(script, bounds={"memory_bytes": 128 * MIB})
    assert_refused(status, "out_of_memory", "128 MiB")
    assert runner.alive(key) == []


async def test_one_that_forks_without_end(runner: Runner) -> None:
    if runner.executor == "acr":
        pytest.skip("ACR Tasks gives each run a machine of its own, and counts no processes")
    script = "while :; do sleep 300 & sleep 0.01; done"
    key, status = await runner.run(script, bounds={"processes": 100})
    assert_refused(status, "too_many_processes", "100 processes")
    assert runner.alive(key) == []


async def test_a_fork_bomb_ends_with_its_run(runner: Runner) -> None:
    """Whichever bound it meets first, the machine bears it and nothing is left."""
    if runner.executor != "sandbox":
        pytest.skip("only the sandbox's own user has a bound that root cannot pass")
    key, _ = await runner.run("f() { f | f & }; f; sleep 2", bounds={"seconds": 30})
    assert runner.alive(key) == []


async def test_one_that_fills_the_disk(runner: Runner) -> None:
    if runner.executor == "acr":
        pytest.skip("ACR Tasks gives each run a machine of its own, and counts no bytes")
    script = "while :; do head -c 20000000 /dev/zero > $(mktemp); done"
    key, status = await runner.run(script, bounds={"disk_bytes": 200 * MIB})
    assert_refused(status, "disk_full", "200 MiB")
    assert not runner.folder(key).work.exists()


async def test_one_that_prints_without_end(runner: Runner) -> None:
    started = time.monotonic()
    key, status = await runner.run("yes 'a line that comes again'", bounds={"log_bytes": MIB})
    assert_refused(status, "log_too_large", "1 MiB")
    assert runner.alive(key) == []
    size = runner.folder(key).log.stat().st_size
    assert size < 12 * MIB, f"{size} bytes after {time.monotonic() - started} s"


async def test_one_that_prints_anything_at_all(runner: Runner) -> None:
    script = f"head -c 100000 /dev/urandom; printf '\\033[31mred\\033[0m \\000 \\r\\n'; {PAGE}"
    key, status = await runner.run(script)
    assert status.state == "succeeded", await runner.text(key)
    assert "red" in await runner.text(key)


async def test_an_output_folder_that_is_missing_names_what_there_is(runner: Runner) -> None:
    _, status = await runner.run("mkdir -p build && echo x > build/index.html")
    assert_refused(status, "output_missing", "dist")


async def test_an_output_folder_that_is_empty(runner: Runner) -> None:
    _, status = await runner.run("mkdir dist")
    assert_refused(status, "output_empty", "dist")


@pytest.mark.parametrize("target", ["/proc/self/environ", "/etc/passwd", "../build.sh"])
async def test_an_output_that_holds_a_link(runner: Runner, target: str) -> None:
    _, status = await runner.run(f"{PAGE}; ln -s {target} dist/x")
    assert_refused(status, "output_link", "x")


async def test_an_output_folder_that_is_a_link(runner: Runner) -> None:
    _, status = await runner.run("mkdir real; echo x > real/index.html; ln -s /etc dist")
    assert status.reason in ("output_link", "output_missing"), status


@pytest.mark.parametrize("output", ["..", "../../..", "dist/../../../.."])
async def test_an_output_folder_outside_of_the_source(runner: Runner, output: str) -> None:
    """Beside a run's own folder lie the jobs of others, with their secrets."""
    key, status = await runner.run(PAGE, output=output)
    assert status.state == "failed"
    with pytest.raises(NotFound):
        await runner.builder.output(key, io.BytesIO())


async def test_an_output_of_too_many_files(runner: Runner) -> None:
    script = f"{PAGE}; for n in $(seq 50); do echo $n > dist/$n.txt; done"
    _, status = await runner.run(script, bounds={"output_files": 20})
    assert_refused(status, "output_too_large", "20 files")


async def test_an_output_of_too_many_bytes(runner: Runner) -> None:
    script = f"{PAGE}; head -c 3000000 /dev/zero > dist/big"
    _, status = await runner.run(script, bounds={"output_bytes": 2 * MIB})
    assert_refused(status, "output_too_large")


async def test_what_a_build_leaves_running_ends_with_it(runner: Runner) -> None:
    key, status = await runner.run(f"(setsid sleep 300 &) ; nohup sleep 300 & {PAGE}")
    assert status.state == "succeeded", await runner.text(key)
    assert runner.alive(key) == []


async def test_a_build_cannot_see_the_platform(runner: Runner) -> None:
    """Its own folder, and nothing of the runner's, of the checkout or of another build."""
    if runner.executor == "bare":
        pytest.skip("without a sandbox nothing is hidden, and the log says so")
    script = f"{PAGE}; ls {runner.state} {runner.socket} 2>&1; ls -a / > dist/top; id -u > dist/id"
    key, status = await runner.run(script)
    assert status.state == "succeeded"
    assert "No such file" in await runner.text(key)


async def test_a_build_without_a_sandbox_says_so(runner: Runner) -> None:
    if runner.executor != "bare":
        pytest.skip("this one has a sandbox")
    key, _ = await runner.run(PAGE)
    assert "no sandbox" in (await runner.text(key)).splitlines()[0]


async def test_a_killed_keeper_is_a_lost_run_of_which_nothing_is_left(runner: Runner) -> None:
    key = await runner.begin("echo begun; (sleep 300 &) ; sleep 300")
    await runner.until_said(key, "begun")
    keeper = runner.folder(key).keeper()
    assert keeper is not None
    os.kill(keeper, signal.SIGKILL)
    status = await runner.ended(key)
    assert status.state == "lost"
    assert runner.alive(key) == []
    assert not runner.folder(key).work.exists()
    assert not runner.folder(key).job.exists()


async def test_a_killed_daemon_changes_nothing_for_a_run(runner: Runner) -> None:
    key = await runner.begin(f"echo begun; sleep 2; echo done; {PAGE}")
    await runner.until_said(key, "begun")
    runner.kill()
    await runner.up()
    status = await runner.ended(key)
    assert status.state == "succeeded"
    assert "done" in await runner.text(key)


async def test_both_killed_at_once_is_a_lost_run(runner: Runner) -> None:
    key = await runner.begin("echo begun; sleep 300")
    await runner.until_said(key, "begun")
    keeper = runner.folder(key).keeper()
    assert keeper is not None
    runner.kill()
    os.kill(keeper, signal.SIGKILL)
    await runner.up()
    assert (await runner.ended(key)).state == "lost"
    assert runner.alive(key) == []


async def test_a_runner_that_goes_down_ends_its_runs(runner: Runner) -> None:
    if runner.executor == "acr":
        pytest.skip("no process of ours runs while ACR Tasks builds")
    key = await runner.begin("echo begun; sleep 300")
    await runner.until_said(key, "begun")
    runner.down()
    assert runner.alive(key) == []
    await runner.up()
    assert (await runner.ended(key)).state == "lost"
