"""Where keepers come from: each is a process of its own, whatever becomes of who started it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from infrastructure.local.runner.folders import KeptFolder
from infrastructure.local.runner.nursery import Nursery

MODULE = "tests.unit.runner.kept"
SECONDS = 20


@pytest.fixture
async def nursery() -> AsyncIterator[Nursery]:
    made = Nursery({**os.environ, "OF_TESTS": "told"}, (MODULE,))
    yield made
    made.close()


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[KeptFolder]:
    """One to keep; its keeper is ended after the test."""
    yield KeptFolder(tmp_path)
    if (tmp_path / "pid").exists():
        os.kill(pid_of(KeptFolder(tmp_path)), signal.SIGKILL)


async def keep(nursery: Nursery, folder: KeptFolder) -> None:
    lock = folder.take()
    try:
        await nursery.keep(MODULE, folder.path, lock)
    finally:
        os.close(lock)


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not check():
            await asyncio.sleep(0.02)


def pid_of(folder: KeptFolder) -> int:
    return int((folder.path / "pid").read_text().split()[0])


async def began(folder: KeptFolder) -> None:
    await until((folder.path / "pid").exists)


async def test_a_keeper_leads_a_session_and_holds_its_lock(
    nursery: Nursery, folder: KeptFolder
) -> None:
    await keep(nursery, folder)
    await began(folder)
    pid, session, told = (folder.path / "pid").read_text().split()
    assert (session, told) == (pid, "told")
    assert folder.is_kept()
    assert (folder.path / "keeper.log").read_text() == "kept\n"
    os.kill(int(pid), signal.SIGKILL)
    await until(lambda: not folder.is_kept())
    await until(lambda: not psutil.pid_exists(int(pid)))
    (folder.path / "pid").unlink()


async def test_a_keeper_has_no_descriptor_of_another_one(
    nursery: Nursery, folder: KeptFolder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = KeptFolder(tmp_path_factory.mktemp("other"))
    (other.path / "fail").touch()
    await keep(nursery, folder)
    await began(folder)
    await keep(nursery, other)
    await until(lambda: not other.is_kept())
    names = {Path(found.path) for found in psutil.Process(pid_of(folder)).open_files()}
    assert names == {folder.lock, folder.path / "keeper.log"}


async def test_a_keeper_that_fails_says_why_and_lets_go(
    nursery: Nursery, folder: KeptFolder
) -> None:
    (folder.path / "fail").touch()
    await keep(nursery, folder)
    await until(lambda: not folder.is_kept())
    assert "RuntimeError: nothing to keep" in (folder.path / "keeper.log").read_text()


async def test_a_keeper_survives_what_started_it_and_the_next_one_begins_all_the_same(
    nursery: Nursery, folder: KeptFolder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    await keep(nursery, folder)
    await began(folder)
    assert nursery._process is not None
    killed = nursery._process.pid
    os.kill(killed, signal.SIGKILL)
    nursery._process.wait()
    assert folder.is_kept()
    other = KeptFolder(tmp_path_factory.mktemp("other"))
    await keep(nursery, other)
    await began(other)
    assert other.is_kept()
    assert folder.is_kept()
    os.kill(pid_of(other), signal.SIGKILL)


async def test_what_starts_keepers_ends_with_the_daemon_and_keepers_stay(
    nursery: Nursery, folder: KeptFolder
) -> None:
    await keep(nursery, folder)
    await began(folder)
    assert nursery._process is not None
    assert nursery._socket is not None
    nursery._socket.close()  # as the kernel does for a daemon that was killed
    assert await asyncio.to_thread(nursery._process.wait, SECONDS) == 0
    assert folder.is_kept()
