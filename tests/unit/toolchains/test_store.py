"""What is installed stands whole or not at all, whoever installs at the same time or is killed."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from infrastructure.local.paths import ROOT
from infrastructure.local.runner.toolchains.store import installed, locked


def script(text: str, *arguments: Path) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", textwrap.dedent(text), *map(str, arguments)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE)


async def test_it_is_made_once_however_many_ask_at_once(tmp_path: Path) -> None:
    made = []

    async def make(aside: Path) -> None:
        made.append(aside)
        await asyncio.sleep(0)
        (aside / "file").write_text("whole")

    answers = await asyncio.gather(*(installed(tmp_path / "x" / "1.0", make) for _ in range(8)))
    assert len(made) == 1
    assert sorted(answers) == [False] * 7 + [True]
    assert (tmp_path / "x" / "1.0" / "file").read_text() == "whole"


def test_processes_that_install_the_same_take_turns(tmp_path: Path) -> None:
    text = """
        import asyncio, os, sys
        from pathlib import Path
        from infrastructure.local.runner.toolchains.store import installed
        final = Path(sys.argv[1])
        async def make(aside):
            (aside / "by").write_text(str(os.getpid()))
        print(asyncio.run(installed(final, make)))
    """
    final = tmp_path / "1.0"
    running = [script(text, final) for _ in range(3)]
    said = [process.communicate(timeout=60)[0].strip() for process in running]
    assert sorted(said) == [b"False", b"False", b"True"]
    assert (final / "by").read_text() == str(running[said.index(b"True")].pid)


async def test_a_kill_leaves_nothing_half_and_the_next_one_sweeps(tmp_path: Path) -> None:
    text = """
        import asyncio, os, signal, sys
        from pathlib import Path
        from infrastructure.local.runner.toolchains.store import installed
        async def make(aside):
            (aside / "half").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
        asyncio.run(installed(Path(sys.argv[1]), make))
    """
    final = tmp_path / "1.0"
    process = script(text, final)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert not final.exists()
    assert len(list(tmp_path.glob("*.new-*"))) == 1

    async def make(aside: Path) -> None:
        (aside / "file").write_text("whole")

    assert await installed(final, make)
    assert [path.name for path in final.iterdir()] == ["file"]
    assert not list(tmp_path.glob("*.new-*"))


async def test_a_failure_or_a_cancel_leaves_nothing(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def fails(aside: Path) -> None:
        raise RuntimeError("no network")

    async def hangs(aside: Path) -> None:
        (aside / "half").write_text("half")
        begun.set()
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="no network"):
        await installed(tmp_path / "1.0", fails)
    task = asyncio.create_task(installed(tmp_path / "1.0", hangs))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [path.name for path in tmp_path.iterdir()] == [".1.0.lock"]


async def test_who_waits_for_a_lock_can_be_canceled(tmp_path: Path) -> None:
    async with locked(tmp_path / "lock"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), locked(tmp_path / "lock"):
                pytest.fail("two hold the lock")


async def test_what_is_installed_can_be_read_by_every_user(tmp_path: Path) -> None:
    async def make(aside: Path) -> None:
        before = os.umask(0o077)
        try:
            (aside / "inner").mkdir()
            (aside / "inner" / "data").write_text("x")
            (aside / "inner" / "program").write_text("x")
        finally:
            os.umask(before)
        (aside / "inner" / "program").chmod(0o700)
        (aside / "inner" / "link").symlink_to("/nowhere")

    await installed(tmp_path / "1.0", make)
    found = {path.name: path for path in (tmp_path / "1.0").rglob("*") if not path.is_symlink()}
    modes = {name: path.stat().st_mode & 0o777 for name, path in found.items()}
    assert modes == {"inner": 0o755, "data": 0o644, "program": 0o755}
    assert (tmp_path / "1.0").stat().st_mode & 0o777 == 0o755
