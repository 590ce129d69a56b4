"""What every builder promises, whoever runs the commands."""

import asyncio
import io
import zipfile

import pytest

from shared.errors import NotFound
from tests.contract.builders.conftest import Runner, job

PAGE = "mkdir -p dist && echo '<h1>built</h1>' > dist/index.html"


async def test_a_build_leaves_its_output(runner: Runner) -> None:
    key, status = await runner.run(f"echo one; {PAGE}; echo two")
    assert (status.state, status.exit_code, status.reason) == ("succeeded", 0, None)
    assert "build" in status.seconds
    target = io.BytesIO()
    assert await runner.builder.output(key, target) == "zip"
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == ["index.html"]
        assert archive.read("index.html") == b"<h1>built</h1>\n"


async def test_its_log_comes_in_frames_that_never_change(runner: Runner) -> None:
    key, status = await runner.run(f"{PAGE}; for n in 1 2 3; do echo line $n; sleep 0.3; done")
    frames = await runner.frames(key)
    assert [frame.n for frame in frames] == list(range(1, status.frames + 1))
    assert await runner.frames(key) == frames
    assert await runner.builder.log(key, frames[0].n) == frames[1:]
    assert await runner.builder.log(key, status.frames) == []
    text = await runner.text(key)
    assert "$ sh build.sh" in text
    assert text.index("line 1") < text.index("line 2") < text.index("line 3")


async def test_a_command_that_fails_tells_phase_and_code(runner: Runner) -> None:
    key, status = await runner.run("echo to stderr >&2; exit 42")
    assert (status.state, status.phase) == ("failed", "build")
    assert (status.exit_code, status.reason) == (42, "command")
    assert "to stderr" in await runner.text(key)
    with pytest.raises(NotFound):
        await runner.builder.output(key, io.BytesIO())


async def test_an_install_that_fails_never_builds(runner: Runner) -> None:
    key, status = await runner.run(PAGE, install="echo installing; exit 3")
    assert (status.phase, status.exit_code) == ("install", 3)
    assert "$ sh build.sh" not in await runner.text(key)


async def test_an_ignore_command_decides(runner: Runner) -> None:
    _, ignored = await runner.run(PAGE, ignore="true")
    assert (ignored.state, ignored.reason) == ("failed", "ignored")
    _, built = await runner.run(PAGE, ignore="false")
    assert built.state == "succeeded"


async def test_starting_twice_is_one_run(runner: Runner) -> None:
    key = await runner.begin(f"echo $$; {PAGE}; sleep 1")
    await runner.begin("exit 1", key=key)
    status = await runner.ended(key)
    assert status.state == "succeeded"
    await runner.begin("exit 1", key=key)
    assert (await runner.ended(key)).state == "succeeded"


async def test_twenty_starts_at_once_are_one_run(runner: Runner) -> None:
    made = job(PAGE)
    await asyncio.gather(*(runner.begin(PAGE, key=made.key) for _ in range(20)))
    assert (await runner.ended(made.key)).state == "succeeded"
    text = await runner.text(made.key)
    assert text.count("$ sh build.sh") == 1


async def test_an_unknown_run_is_none(runner: Runner) -> None:
    assert await runner.builder.status("unknown") is None
    assert await runner.builder.log("unknown", 0) == []
    with pytest.raises(NotFound):
        await runner.builder.output("unknown", io.BytesIO())


async def test_a_run_that_is_canceled_ends_with_all_its_processes(runner: Runner) -> None:
    key = await runner.begin("echo begun; (sleep 300 & sleep 300) & sleep 300")
    await runner.until_said(key, "begun")
    await runner.builder.cancel(key)
    assert runner.alive(key) == []
    status = await runner.builder.status(key)
    assert status is not None
    assert status.state == "canceled"


async def test_a_key_that_was_canceled_first_never_begins(runner: Runner) -> None:
    made = job(PAGE)
    await runner.builder.cancel(made.key)
    await runner.begin(PAGE, key=made.key)
    status = await runner.builder.status(made.key)
    assert status is not None
    assert (status.state, status.frames) == ("canceled", 0)


async def test_a_run_that_was_deleted_is_gone_and_never_begins_again(runner: Runner) -> None:
    key, _ = await runner.run(PAGE)
    await runner.builder.delete(key)
    with pytest.raises(NotFound):
        await runner.builder.output(key, io.BytesIO())
    assert await runner.builder.log(key, 0) == []
    await runner.begin(PAGE, key=key)
    assert runner.alive(key) == []


async def test_variables_reach_the_commands_whatever_they_hold(runner: Runner) -> None:
    value = "a 'b' \"c\" $HOME `id` \\ %s\nnext line é"
    script = f'{PAGE}; printf %s "$PLAIN" > dist/plain; printf %s "$HIDDEN" > dist/hidden'
    key, status = await runner.run(script, environment={"PLAIN": value}, secrets={"HIDDEN": value})
    assert status.state == "succeeded", await runner.text(key)
    target = io.BytesIO()
    await runner.builder.output(key, target)
    with zipfile.ZipFile(target) as archive:
        assert archive.read("plain").decode() == value
        assert archive.read("hidden").decode() == value


async def test_secrets_are_nowhere_on_disk_once_it_has_ended(runner: Runner) -> None:
    key, _ = await runner.run(PAGE, secrets={"HIDDEN": "sk_live_very_secret_value"})
    left = [p for p in runner.folder(key).path.rglob("*") if p.is_file()]
    assert not any(b"sk_live_very_secret_value" in path.read_bytes() for path in left)


async def test_the_kept_status_outlives_the_daemon(runner: Runner) -> None:
    key, status = await runner.run(PAGE)
    runner.down()
    await runner.up()
    assert await runner.builder.status(key) == status
    assert "$ sh build.sh" in await runner.text(key)
