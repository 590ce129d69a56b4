"""The samples of ``./dev up``: they are recognised, pinned, and escape what strangers send."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from infrastructure.local import seed, stack
from infrastructure.local.errors import StackError
from infrastructure.local.installation import Installation
from infrastructure.local.nodes import Step
from infrastructure.local.paths import Paths
from infrastructure.local.ports import Ports
from infrastructure.local.seed import SERVERS, SITES, Site, servers_step

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "infrastructure" / "local" / "samples"
EXPRESS, FASTAPI = SAMPLES / "express", SAMPLES / "fastapi"


def _page_module() -> ModuleType:
    found = importlib.util.spec_from_file_location("sample_page", FASTAPI / "page.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_hosts_and_folders_are_there_once() -> None:
    every = [*SITES, *SERVERS]
    assert len({site.host for site in every}) == len({site.name for site in every}) == len(every)
    assert all((ROOT / site.folder).is_dir() for site in every)


def test_the_lock_file_pins_everything_and_names_no_registry() -> None:
    lock = json.loads((EXPRESS / "package-lock.json").read_text())
    package = json.loads((EXPRESS / "package.json").read_text())
    assert lock["packages"][""]["dependencies"] == package["dependencies"]
    packages = [value for name, value in lock["packages"].items() if name]
    assert all("resolved" not in one and one["integrity"] for one in packages)


def test_requirements_are_pinned() -> None:
    lines = (FASTAPI / "requirements.txt").read_text().splitlines()
    assert {"fastapi", "uvicorn", "websockets"} <= {line.split("==")[0] for line in lines}
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9.]*", line) for line in lines)


def test_the_fastapi_page_escapes_the_host() -> None:
    page = _page_module().page_of(
        host="<script>", replica="r", release="12345678-rest", time="2026-11-24T07:08:09Z",
        requests=3,
    )  # fmt: skip
    assert "<dd>&lt;script&gt;</dd>" in page
    assert (">07:08:09<" in page, ">12345678<" in page, "rest" in page) == (True, True, False)


def test_samples_come_last_and_only_where_they_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test stack does without; ``./dev up`` does not wait for them."""
    for part in ("stores", "steps", "platform"):
        monkeypatch.setattr(stack, part, lambda *_: [])
    installation = Installation(Paths.of_checkout(tmp_path), Ports(0))
    names = [node.name for node in stack.compose(installation)]
    assert names == [f"site {site.name}" for site in SITES]
    last = stack.compose(installation, sample_servers=True)[-1]
    assert isinstance(last, Step)
    assert (last.name, last.in_background) == ("sample servers", True)


async def test_a_sample_that_fails_does_not_stop_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def step(site: Site, *_: object) -> Step:
        async def run() -> str:
            tried.append(site.name)
            if site.name == "hello-express":
                raise StackError("npm is away.")
            return site.host

        return Step(name=site.name, run=run)

    monkeypatch.setattr(seed, "_step", step)
    made = servers_step(Installation(Paths.of_checkout(tmp_path), Ports(0)), ())
    with pytest.raises(StackError, match=r"npm is away\."):
        await made.run()
    assert tried == [site.name for site in SERVERS]
