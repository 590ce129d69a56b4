"""A Python environment of a run's own: what detection says installs and builds in a sandbox."""

import zipfile
from pathlib import Path

import pytest

from infrastructure.local.runner.toolchains import caches
from tests.integration.toolchains.conftest import Prepared
from tests.integration.toolchains.sandbox import job, sandboxed

PYPROJECT = '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = {}\n'
WHEEL = "tabulate-0.9.0-py3-none-any.whl"
POETRY = (
    '[tool.poetry]\nname = "x"\nversion = "1"\ndescription = ""\nauthors = []\n'
    '[tool.poetry.dependencies]\npython = ">=3.9,<4.0"\n'
    f'tabulate = {{ path = "{WHEEL}" }}\n'
)
PIPFILE = '[packages]\ntabulate = "==0.9.0"\n'


def make_wheel(path: Path) -> None:
    """The smallest package that can be installed."""
    about = "tabulate-0.9.0.dist-info"
    files = {
        "tabulate/__init__.py": "",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: tabulate\nVersion: 0.9.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {**files, f"{about}/RECORD": record}.items():
            wheel.writestr(name, text)


async def test_a_site_of_mkdocs_is_built(prepare: Prepared, source: Path, tmp_path: Path) -> None:
    (source / "docs").mkdir()
    (source / "docs" / "index.md").write_text("# Hello\n\nA *page*.\n")
    (source / "mkdocs.yml").write_text("site_name: Shop\n")
    (source / "requirements.txt").write_text("mkdocs==1.6.1\n")
    run = job(framework="mkdocs", package_manager="pip", cache="shop/production")
    tools = await prepare(run)
    found = caches.mounts(run, tmp_path / "caches")
    try:
        for mount in found:
            assert mount.target.startswith("/") or caches.ready(source, mount)
        command = "pip install -r requirements.txt && mkdocs build"
        done = await sandboxed(tools, source, command, found)
        assert done.code == 0, done.text
        assert "<em>page</em>" in (source / "site" / "index.html").read_text()
        assert "cache has been disabled" not in done.text
        where = await sandboxed(tools, source, "pip cache dir && uv cache dir", found)
        assert where.text.split() == ["/cache/python/pip", "/cache/python/uv"]
    finally:
        caches.release()


@pytest.mark.parametrize(
    ("manager", "files", "install", "run"),
    [
        (
            "uv",
            {"pyproject.toml": PYPROJECT.format('["tabulate==0.9.0"]')},
            "uv lock && uv sync --frozen",
            "uv run python",
        ),
        (
            "poetry",
            {"pyproject.toml": POETRY},
            "poetry lock --no-interaction && poetry install --no-interaction --no-root",
            "poetry run python",
        ),
        ("pipenv", {"Pipfile": PIPFILE}, "pipenv lock && pipenv sync --system", "python"),
        ("pip", {"pyproject.toml": PYPROJECT.format('["tabulate==0.9.0"]')}, "pip install .",
         "python"),
    ],
)  # fmt: skip
async def test_each_manager_installs_into_the_runs_environment(
    prepare: Prepared, source: Path, manager: str, files: dict[str, str], install: str, run: str
) -> None:
    for name, text in files.items():
        (source / name).write_text(text)
    if manager == "pip":
        (source / "x.py").write_text("")
    if manager == "poetry":
        # Poetry asks an interface of the index that mirrors often lack: a package of our own.
        make_wheel(source / WHEEL)
    tools = await prepare(job(package_manager=manager))
    command = f"{install} && {run} -c 'import tabulate, sys; print(tabulate.__file__, sys.prefix)'"
    done = await sandboxed(tools, source, command)
    assert done.code == 0, done.text
    file, prefix = done.text.split()[-2:]
    assert prefix == str(tools.writable[0])
    assert file.startswith(prefix)


async def test_each_run_has_an_environment_of_its_own_that_ends_with_it(
    prepare: Prepared, source: Path
) -> None:
    first = await prepare(job("shop-1", package_manager="pip"))
    second = await prepare(job("shop-2", package_manager="pip"))
    assert first.writable != second.writable
    # Made new for the next attempt of the same run.
    (first.writable[0] / "left-over").write_text("x")
    again = await prepare(job("shop-1", package_manager="pip"))
    assert again.writable == first.writable
    assert not (again.writable[0] / "left-over").exists()
    await prepare.installed.release()
    assert not first.writable[0].exists()
    assert not second.writable[0].exists()


async def test_a_build_cannot_change_what_others_use(prepare: Prepared, source: Path) -> None:
    tools = await prepare(job(package_manager="poetry"))
    for folder in tools.folders:
        done = await sandboxed(tools, source, f"touch {folder} 2>&1")
        assert done.code != 0, folder
    # Copies: a hard link would lead into the installer's own cache.
    site = next(tools.writable[0].glob("lib/python*/site-packages/pip/__init__.py"))
    assert site.stat().st_nlink == 1
