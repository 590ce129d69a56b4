"""Nothing of a build is left, however it ends."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from infrastructure.local.runner.containers import ContainerExecutor, Engine
from infrastructure.local.runner.containers.groups import group_of
from infrastructure.local.runner.executor import (
    LogTooLarge,
    SandboxUnavailable,
    ToolsUnavailable,
    Work,
)
from shared.builders.port import BuildBounds
from tests.integration.containers.conftest import Bench, Log

LogOf = Callable[[Work], Log]
SECRET = "hunter2-and-more"
# Leaves its session, has its own process group and no variables: hard to find by any of them.
HIDING = "setsid env -i /bin/sh -c 'sleep 4242 & sleep 4242' & echo at work; sleep 4242"


def _alive() -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "4242" in (process.info["cmdline"] or []):
            found.append(process)
    return found


async def _until(true: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)


async def test_a_canceled_install_leaves_no_process(bench: Bench, log_of: LogOf) -> None:
    work = bench.work({}, install=HIDING, build="true")
    building = asyncio.create_task(bench.build(work))
    await _until(lambda: "at work" in log_of(work).text)
    assert _alive()
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert not _alive()
    assert (work.source / "index.html").exists()
    assert not (work.scratch / "variables").exists()
    group = group_of(work.job.key)
    assert group is None or not group.processes.exists()


async def test_a_time_limit_leaves_no_process(bench: Bench, log_of: LogOf) -> None:
    work = bench.work({}, build=HIDING)
    building = asyncio.create_task(bench.build(work))
    await _until(lambda: "at work" in log_of(work).text)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(building, 0.01)
    assert not _alive()


async def test_a_successful_build_leaves_no_process(bench: Bench) -> None:
    left = "(setsid env -i sleep 4242 >/dev/null 2>&1 </dev/null &)"
    built = await bench.build(bench.work({}, build=f"mkdir dist; {left}"))
    assert built.output is not None
    assert not _alive()


async def test_too_much_log_ends_the_build(bench: Bench) -> None:
    bounds = BuildBounds(log_bytes=100_000)
    with pytest.raises(LogTooLarge):
        await bench.build(bench.work({}, build="yes 4242 & sleep 4242", bounds=bounds))
    assert not _alive()


KEEPER = """
import asyncio, sys
from pathlib import Path
from infrastructure.local.runner.containers import make
from tests.integration.containers.conftest import Bench

async def main():
    bench = Bench(make(Path(sys.argv[1]), sys.argv[2]), Path(sys.argv[3]))
    work = bench.work({}, install=sys.argv[4], build="true", key="killed-keeper",
                      caches=[bench.layers()])
    building = asyncio.create_task(bench.build(work))
    while "at work" not in work.log.text:
        await asyncio.sleep(0.02)
    print("at work", flush=True)
    await building

asyncio.run(main())
"""


async def test_a_killed_keeper_leaves_no_process_and_no_broken_store(
    bench: Bench, engine: Engine, base_images: Path, tmp_path: Path
) -> None:
    words = [str(base_images), engine.name, str(tmp_path / "keeper"), HIDING]
    keeper = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KEEPER, *words), stdout=asyncio.subprocess.PIPE, cwd=_root()
    )
    try:
        assert keeper.stdout is not None
        assert await keeper.stdout.readline() == b"at work\n"
        assert _alive()
    finally:
        keeper.send_signal(signal.SIGKILL)
        await keeper.wait()
    await _until(lambda: not _alive())
    again = Bench(bench.executor, tmp_path / "keeper")
    again.runs = 1
    work = again.work({}, build="mkdir dist", key="killed-keeper", caches=[again.layers()])
    built = await again.build(work)
    assert built.output is not None, built


def _root() -> Path:
    return Path(__file__).parents[3]


async def test_a_secret_is_in_no_image_history_layer_or_log(bench: Bench, log_of: LogOf) -> None:
    layers = bench.layers()
    work = bench.work(
        {"package.json": json.dumps({"name": "x"})},
        install='npm install && test "$TOKEN"',
        build='mkdir dist && printf %s "$TOKEN" | wc -c > dist/length',
        secrets={"TOKEN": SECRET},
        caches=[layers],
    )
    built = await bench.build(work)
    assert built.output is not None
    assert (built.output / "length").read_text().strip() == str(len(SECRET))
    assert SECRET not in log_of(work).text + "".join(log_of(work).said)
    wanted = SECRET.encode()
    for top in (layers.folder, work.scratch):
        for path in top.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert wanted not in path.read_bytes(), path


async def test_an_image_that_is_not_there_says_what_to_do(bench: Bench) -> None:
    with pytest.raises(ToolsUnavailable, match=r"node:99-slim") as told:
        await bench.build(bench.work({}, node="99", build="true"))
    assert "Next" in str(told.value)


async def test_a_package_manager_that_is_not_there_says_what_to_do(bench: Bench) -> None:
    values = {"package_manager": "pnpm", "package_manager_version": "10.99.99"}
    with pytest.raises(ToolsUnavailable, match=r"pnpm@10\.99\.99") as told:
        await bench.build(bench.work({}, build="true", **values))
    assert "Next" in str(told.value)


async def test_a_weak_isolation_can_be_refused(engine: Engine, bench: Bench) -> None:
    if not engine.is_chroot:
        pytest.skip("commands are kept apart by containers of the kernel here")
    executor = ContainerExecutor(bench.folder / "none", engine, allow_chroot=False)
    with pytest.raises(SandboxUnavailable, match="BUILDAH_ISOLATION"):
        await executor.build(bench.work({}, build="true"))
