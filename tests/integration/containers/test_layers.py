"""What builds of one project and trust scope leave for each other, and for nobody else."""

import json
from collections.abc import Callable

import pytest

from infrastructure.local.runner.containers import Engine
from infrastructure.local.runner.executor import CacheMount, Work
from tests.integration.containers.conftest import Bench, Log

LogOf = Callable[[Work], Log]
INSTALL = "npm install"
PACKAGE = json.dumps({"name": "x"})


@pytest.fixture(autouse=True)
def _keeps_layers(engine: Engine) -> None:
    if engine.has_daemon:
        pytest.skip("layers are kept by the daemon, by inputs that hold project and trust scope")


def _work(bench: Bench, page: str, name: str = "project", **values: object) -> Work:
    files = {"package.json": PACKAGE, "index.html": page, **values.pop("files", {})}  # type: ignore[dict-item]
    return bench.work(
        files,
        install=INSTALL,
        build="echo built; mkdir dist; cp index.html dist/",
        caches=[bench.layers(name), *values.pop("more", ())],  # type: ignore[misc]
        **values,
    )


def _installed(log: Log) -> bool:
    return "up to date" in log.text or "added" in log.text


async def test_an_install_is_left_out_while_nothing_it_reads_has_changed(
    bench: Bench, log_of: LogOf
) -> None:
    first, second = _work(bench, "one"), _work(bench, "two")
    await bench.build(first)
    assert _installed(log_of(first))
    built = await bench.build(second)
    assert not _installed(log_of(second))
    # The build command runs each time, on the source of this time.
    assert "built" in log_of(second).text
    assert built.output is not None
    assert (built.output / "index.html").read_text() == "two"


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"package.json": json.dumps({"name": "x", "version": "2.0.0"})}},
        {"environment": {"A": "b"}},
        {"secrets": {"TOKEN": "other"}},
        {"fresh": True},
        {"name": "another-project"},
    ],
)
async def test_another_manifest_variable_or_project_installs_anew(
    bench: Bench, log_of: LogOf, change: dict[str, object]
) -> None:
    await bench.build(_work(bench, "one"))
    second = _work(bench, "one", **change)  # type: ignore[arg-type]
    await bench.build(second)
    assert _installed(log_of(second))


async def test_folders_of_caches_are_seen_by_commands_and_kept(bench: Bench) -> None:
    folder = bench.folder / "kept"
    folder.mkdir()
    cache = CacheMount("npm", folder, "/cache/npm", {"npm_config_cache": "/cache/npm"})
    inner = CacheMount("next", bench.folder / "inner", ".next/cache")
    inner.folder.mkdir()
    build = 'mkdir dist; test "$npm_config_cache" = /cache/npm; echo 1 > /cache/npm/a'
    work = bench.work({}, build=f"{build}; echo 2 > .next/cache/b", caches=[cache, inner])
    built = await bench.build(work)
    assert built.output is not None, built
    assert (folder / "a").read_text() == "1\n"
    assert (inner.folder / "b").read_text() == "2\n"


async def test_old_layers_go_and_those_of_the_newest_install_stay(bench: Bench) -> None:
    index = bench.layers().folder / "storage/overlay-images/images.json"
    counts = []
    for at in range(3):
        await bench.build(_work(bench, f"page {at}", environment={"AT": str(at)}))
        counts.append(len(json.loads(index.read_text())))
    assert counts[0] == counts[1] == counts[2] > 0


async def test_a_broken_store_is_built_without(bench: Bench, log_of: LogOf) -> None:
    await bench.build(_work(bench, "one"))
    (bench.layers().folder / "storage/overlay-layers/layers.json").write_text("{broken")
    again = _work(bench, "two")
    built = await bench.build(again)
    assert built.output is not None, built
    assert any("Layers of earlier builds" in line for line in log_of(again).said)
