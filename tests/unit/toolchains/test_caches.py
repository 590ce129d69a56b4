"""Caches: whose they are, what they are called, and that they neither grow nor mix."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infrastructure.local.paths import ROOT
from infrastructure.local.runner.executor import CacheMount
from infrastructure.local.runner.toolchains import caches
from shared.builders.port import BuildJob
from shared.detection.build_spec import BuildSpec

KIB = 1024


@pytest.fixture(autouse=True)
def nothing_held() -> Iterator[None]:
    yield
    caches.release()


def job(cache: str = "shop/production", *, fresh: bool = False, **spec: Any) -> BuildJob:
    values = {"framework": "vite", "kind": "static", "node": "24", "reasons": {}, **spec}
    return BuildJob(
        key="shop-1",
        source_format="zip",
        spec=BuildSpec.model_validate(values),
        cache=cache,
        fresh=fresh,
    )


def named(found: tuple[CacheMount, ...]) -> dict[str, CacheMount]:
    return {mount.name: mount for mount in found}


def fill(folder: Path, name: str, kib: int, used: int) -> Path:
    """A cache of a project, as a build left it."""
    mount = caches.mounts(job(name), folder)[0]
    caches.release()
    (mount.folder / "data").write_bytes(b"x" * kib * KIB)
    os.utime(mount.folder.parent / "used", (used, used))
    return mount.folder / "data"


@pytest.mark.parametrize(
    ("spec", "name", "variables"),
    [
        ({}, "npm", {"npm_config_cache": "/cache/npm"}),
        ({"package_manager": "npm"}, "npm", {"npm_config_cache": "/cache/npm"}),
        (
            {"package_manager": "pnpm", "package_manager_version": "10"},
            "pnpm",
            {
                "npm_config_store_dir": "/cache/pnpm/store",
                "npm_config_cache_dir": "/cache/pnpm/metadata",
                "npm_config_package_import_method": "clone-or-copy",
            },
        ),
        (
            {"package_manager": "pnpm", "package_manager_version": "12"},
            "pnpm",
            {
                "pnpm_config_store_dir": "/cache/pnpm/store",
                "pnpm_config_cache_dir": "/cache/pnpm/metadata",
                "pnpm_config_package_import_method": "clone-or-copy",
            },
        ),
        (
            {"package_manager": "yarn", "package_manager_version": "1"},
            "yarn",
            {"YARN_CACHE_FOLDER": "/cache/yarn"},
        ),
        (
            {"package_manager": "yarn", "package_manager_version": "4.5.0"},
            "yarn-berry",
            {"YARN_GLOBAL_FOLDER": "/cache/yarn-berry"},
        ),
        ({"package_manager": "bun"}, "bun", {"BUN_INSTALL_CACHE_DIR": "/cache/bun"}),
        (
            {"node": None, "package_manager": "pip"},
            "python",
            {
                "PIP_CACHE_DIR": "/cache/python/pip",
                "UV_CACHE_DIR": "/cache/python/uv",
                "POETRY_CACHE_DIR": "/cache/python/poetry",
                "PIPENV_CACHE_DIR": "/cache/python/pipenv",
            },
        ),
    ],
)
def test_each_package_manager_is_told_where_its_cache_is(
    tmp_path: Path, spec: dict[str, Any], name: str, variables: dict[str, str]
) -> None:
    found = named(caches.mounts(job(**spec), tmp_path))[name]
    assert found.variables == variables
    assert found.target == f"/cache/{name}"
    assert found.folder.is_dir()


@pytest.mark.parametrize(
    ("spec", "targets"),
    [
        ({"framework": "nextjs"}, ["node_modules/.cache", ".next/cache"]),
        ({"framework": "astro"}, ["node_modules/.cache", "node_modules/.astro"]),
        ({"framework": "angular"}, ["node_modules/.cache", ".angular/cache"]),
        ({"framework": "gatsby"}, ["node_modules/.cache"]),
        (
            {"framework": "nextjs", "root": "apps/web"},
            ["apps/web/node_modules/.cache", "apps/web/.next/cache"],
        ),
        # What is mounted is not on disk, so nothing of the output may be.
        ({"framework": "nextjs", "output": ".next"}, ["node_modules/.cache"]),
        ({"framework": "eleventy", "output": "."}, []),
        ({"framework": "eleventy", "output": ".cache/site"}, ["node_modules/.cache"]),
        ({"framework": "mkdocs", "node": None, "package_manager": "pip"}, [".cache"]),
        ({"framework": "html", "node": None}, []),
    ],
)
def test_each_framework_finds_what_it_keeps_beside_the_source(
    tmp_path: Path, spec: dict[str, Any], targets: list[str]
) -> None:
    found = caches.mounts(job(**spec), tmp_path)
    assert [m.target for m in found if not m.target.startswith("/")] == targets
    assert len({mount.folder for mount in found}) == len(found)


def test_a_run_without_a_cache_has_none(tmp_path: Path) -> None:
    assert caches.mounts(job(""), tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../other", "a//b", "/etc", "shop/..", "a/.gone-1", "."])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a cache"):
        caches.mounts(job(name), tmp_path)
    with pytest.raises(ValueError, match="no name of a cache"):
        caches.clear(tmp_path, name)


def test_the_next_build_finds_it_and_other_scopes_and_projects_do_not(tmp_path: Path) -> None:
    data = fill(tmp_path, "shop/production", 1, used=100)
    again = caches.mounts(job("shop/production"), tmp_path)[0]
    assert again.folder / "data" == data
    for other in ("shop/preview", "blog/production"):
        assert list(caches.mounts(job(other), tmp_path)[0].folder.iterdir()) == []


def test_a_fresh_build_finds_nothing_and_leaves_what_the_next_one_reads(tmp_path: Path) -> None:
    fill(tmp_path, "shop/production", 1, used=100)
    fresh = caches.mounts(job(fresh=True), tmp_path)
    assert all(list(mount.folder.iterdir()) == [] for mount in fresh)
    (fresh[0].folder / "new").write_text("x")
    caches.release()
    after = caches.mounts(job(), tmp_path)
    assert [path.name for path in after[0].folder.iterdir()] == ["new"]


def test_a_fresh_build_takes_nothing_from_one_that_runs(tmp_path: Path) -> None:
    running = caches.mounts(job(), tmp_path)[0]
    (running.folder / "old").write_text("x")
    assert caches.mounts(job(fresh=True), tmp_path)[0].folder != running.folder
    caches.trim(tmp_path, 0)
    assert (running.folder / "old").read_text() == "x"


def test_two_builds_share_the_packages_but_not_what_a_framework_writes(tmp_path: Path) -> None:
    first = named(caches.mounts(job(framework="nextjs"), tmp_path))
    second = named(caches.mounts(job(framework="nextjs"), tmp_path))
    assert list(second) == ["npm"]
    assert second["npm"].folder == first["npm"].folder
    caches.release()
    assert len(caches.mounts(job(framework="nextjs"), tmp_path)) == 4


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    old = fill(tmp_path, "a/production", 100, used=100)
    older = fill(tmp_path, "b/production", 100, used=50)
    new = fill(tmp_path, "a/preview", 100, used=200)
    assert caches.trim(tmp_path, caches.size(tmp_path)) == 0
    assert caches.trim(tmp_path, 250 * KIB) >= 100 * KIB
    assert (old.exists(), older.exists(), new.exists()) == (True, False, True)
    caches.trim(tmp_path / "a", 150 * KIB)
    assert (old.exists(), new.exists()) == (False, True)
    assert caches.size(tmp_path / "a") < 200 * KIB


def test_what_no_build_reads_again_goes_even_within_the_limit(tmp_path: Path) -> None:
    old = fill(tmp_path, "shop/production", 10, used=100)
    caches.mounts(job(fresh=True), tmp_path)
    assert caches.trim(tmp_path, 10**9) >= 10 * KIB
    assert not old.exists()


def test_a_cache_in_use_by_another_process_is_kept(tmp_path: Path) -> None:
    data = fill(tmp_path, "shop/production", 10, used=100)
    text = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1])\n"
        "fcntl.flock(file, fcntl.LOCK_SH)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    mark = data.parents[1] / "used"
    with subprocess.Popen(
        [sys.executable, "-c", text, str(mark)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"held\n"
        # The framework's empty one goes, this one stays.
        assert caches.trim(tmp_path, 0) < 10 * KIB
        assert caches.clear(tmp_path, "shop") == 0
        assert data.exists()
        # But who comes now begins with nothing.
        assert list(caches.mounts(job(), tmp_path)[0].folder.iterdir()) == []
        other.stdin.close()
    caches.release()
    assert caches.trim(tmp_path, 10**9) >= 10 * KIB
    assert not data.exists()


def test_clearing_frees_a_project_or_one_of_its_scopes(tmp_path: Path) -> None:
    production = fill(tmp_path, "shop/production", 10, used=100)
    preview = fill(tmp_path, "shop/preview", 10, used=100)
    other = fill(tmp_path, "shopping/production", 10, used=100)
    assert caches.clear(tmp_path, "shop/preview") >= 10 * KIB
    assert (production.exists(), preview.exists()) == (True, False)
    assert caches.clear(tmp_path, "shop") >= 10 * KIB
    assert (production.exists(), other.exists()) == (False, True)
    assert caches.clear(tmp_path, "shop") == 0
    assert caches.clear(tmp_path, "never-built") == 0


def test_links_in_a_cache_are_never_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "large").write_bytes(b"x" * 500 * KIB)
    folder = tmp_path / "caches"
    data = fill(folder, "shop/production", 1, used=100).parent
    (data / "out").symlink_to(outside)
    (data / "file").symlink_to(outside / "large")
    assert caches.size(folder) < 100 * KIB
    caches.trim(folder, 0)
    assert (outside / "large").exists()
    assert not data.exists()


def test_what_a_killed_trim_left_is_swept(tmp_path: Path) -> None:
    data = fill(tmp_path, "shop/production", 10, used=100)
    entry = data.parents[1]
    gone = entry.with_name(".gone-123")
    entry.rename(gone)
    assert list(caches.mounts(job(), tmp_path)[0].folder.iterdir()) == []
    caches.trim(tmp_path, 10**9)
    assert not gone.exists()


def test_a_place_is_made_in_the_source_but_not_through_a_link(tmp_path: Path) -> None:
    source, outside = tmp_path / "source", tmp_path / "outside"
    source.mkdir()
    outside.mkdir()
    mount = CacheMount("x", tmp_path, "app/.next/cache")
    assert caches.ready(source, mount)
    assert caches.ready(source, mount)
    assert (source / "app/.next/cache").is_dir()
    (source / "node_modules").symlink_to(outside)
    (source / ".angular").write_text("a file")
    (source / ".cache").symlink_to(outside)
    for target in ("node_modules/.cache", ".angular/cache", ".cache"):
        assert not caches.ready(source, CacheMount("x", tmp_path, target))
    assert list(outside.iterdir()) == []
