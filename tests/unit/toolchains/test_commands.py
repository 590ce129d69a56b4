"""An installer's run: what a failure tells, and that nothing of it stays alive."""

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from infrastructure.local.runner.executor import ToolsUnavailable
from infrastructure.local.runner.toolchains.commands import run

ENVIRONMENT = {"PATH": os.defpath}


async def shell(text: str, folder: Path, seconds: float = 30) -> str:
    return await run(
        "Thing 1.0", ["sh", "-c", text], environment=ENVIRONMENT, directory=folder, seconds=seconds
    )


async def gone(pid: int) -> bool:
    async with asyncio.timeout(10):
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.02)
    return True


async def test_a_failure_tells_the_last_lines_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ToolsUnavailable) as failure:
        await shell("seq 1 50; echo 'npm error notarget No matching version' >&2; exit 3", tmp_path)
    text = str(failure.value)
    assert text.startswith("Thing 1.0 could not be installed:")
    assert "No matching version" in text
    assert "50" in text
    assert "\n44\n" not in text
    assert "Next: check" in text


async def test_a_password_in_an_address_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(ToolsUnavailable) as failure:
        await shell("echo GET https://me:hunter2@registry.example/pnpm 401; exit 1", tmp_path)
    assert "hunter2" not in str(failure.value)
    assert "https://registry.example/pnpm 401" in str(failure.value)


async def test_the_environment_is_what_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET", "hunter2")
    assert "hunter2" not in await shell("env", tmp_path)


async def test_what_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    with pytest.raises(ToolsUnavailable, match=r"Thing 1\.0 was not ready after 0 s.*Next"):
        await shell("sleep 600 & echo $! > child; wait", tmp_path, seconds=0.3)
    assert await gone(int((tmp_path / "child").read_text()))


async def test_a_cancel_ends_it_with_its_children(tmp_path: Path) -> None:
    task = asyncio.create_task(shell("sleep 600 & echo $! > new; mv new child; wait", tmp_path))
    async with asyncio.timeout(10):
        while not (tmp_path / "child").exists():
            await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(int((tmp_path / "child").read_text()))


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolsUnavailable, match=r"Thing 1\.0 cannot be run: No such file"):
        await run("Thing 1.0", ["/nowhere/x"], environment=ENVIRONMENT, directory=tmp_path)
