"""Each starter as a new user has it, deployed by folder and by Git and visited in Chromium.

``ASTROCLOUD_TEST_STARTERS`` names the starters, by commas, or is ``all``: then the results are
written for the documentation. Without it a few quick ones are tried.
"""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from tests.contract.push_clients import node
from tests.frameworks import results
from tests.frameworks.starters.catalogue import BY_NAME, FALLBACK, Starter
from tests.frameworks.starters.make import make
from tests.services import api
from tests.services.stack import Stack

CHOSEN = os.environ.get("ASTROCLOUD_TEST_STARTERS", "")
QUICK = ("html", "vite-vanilla")
ASKED = tuple(name for name in CHOSEN.split(",") if name in BY_NAME)
NAMES = tuple(BY_NAME) if CHOSEN == "all" else ASKED if CHOSEN else QUICK
VISIT = Path(__file__).with_name("visit.mjs")
SECONDS = 900
ENDED = {"ready", "failed", "canceled", "superseded"}
MISSING = "/assets/missing-3f2a9c1b.js"
IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A signed-in client of the API, through the gateway."""
    async with api.signed_in(stack) as made:
        yield made


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("name", NAMES)
async def test_a_starter_goes_live(
    name: str,
    client: httpx.AsyncClient,
    stack: Stack,
    repository: Callable[[Path], str],
    tmp_path: Path,
) -> None:
    """By folder and by Git it shows its page without an error, in all its parts."""
    starter = BY_NAME[name]
    folder = tmp_path / name
    await asyncio.to_thread(make, starter, folder)
    result: dict[str, Any] = {"framework": starter.framework, "version": version(starter, folder)}

    slug = f"{name}-folder"
    deployment = await deployed(client, stack, slug, await _uploaded(client, stack, slug, folder))
    assert deployment["build_spec"]["framework"] == starter.framework
    result["manager"] = deployment["build_spec"]["package_manager"]
    result["seconds"] = (deployment["build"] or {}).get("seconds", {})
    result |= {"folder": True, **await visited(starter, stack, slug)}

    slug = f"{name}-git"
    url = await asyncio.to_thread(repository, folder)
    source = {"source": {"type": "git", "url": url, "branch": "main"}}
    deployment = await deployed(client, stack, slug, source)
    assert deployment["source"]["commit_message"] == "Begin"
    result |= {"git": True, **await visited(starter, stack, slug)}
    if CHOSEN:
        results.write(name, result)


def version(starter: Starter, folder: Path) -> str:
    """The version of the framework that the starter asks for, or has locked."""
    if not starter.package:
        return results.NOTHING
    if starter.python:
        return starter.creator.partition("==")[2]
    lock = folder / "package-lock.json"
    if lock.exists():
        packages = json.loads(lock.read_text("utf-8"))["packages"]
        return str(packages[f"node_modules/{starter.package}"]["version"])
    package = json.loads((folder / "package.json").read_text("utf-8"))
    asked = {**package.get("devDependencies", {}), **package.get("dependencies", {})}
    return str(asked[starter.package])


async def project_id(client: httpx.AsyncClient, slug: str) -> str:
    """A project of its own: nothing of another deployment is used again."""
    answer = await client.post("projects", json={"slug": slug})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def _uploaded(
    client: httpx.AsyncClient, stack: Stack, slug: str, folder: Path
) -> dict[str, Any]:
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    project = await project_id(client, slug)
    return {"project": project, **await api.upload(client, stack, project, api.zip_of(files))}


async def deployed(
    client: httpx.AsyncClient, stack: Stack, slug: str, wanted: dict[str, Any]
) -> dict[str, Any]:
    """The deployment of that source once it is ready and live."""
    project = wanted.pop("project", None) or await project_id(client, slug)
    answer = await client.post(f"projects/{project}/deployments", json=wanted)
    assert answer.status_code == 202, answer.text
    address = f"deployments/{answer.json()['id']}"
    async with asyncio.timeout(SECONDS):
        while True:
            found = cast("dict[str, Any]", (await client.get(address)).json())
            if found["state"] in ENDED:
                break
            await asyncio.sleep(0.5)
    if found["state"] != "ready":
        log = (await client.get(f"{address}/logs/download")).text
        pytest.fail(f"{slug} {found['state']}: {found['failure']}\n{log[-4000:]}")
    assert found["live"]
    return found


async def visited(starter: Starter, stack: Stack, slug: str) -> dict[str, Any]:
    """What a visitor's browser shows, and how the parts of the page may be kept."""
    deep_shows = starter.deep_shows or (starter.shows if starter.deep == FALLBACK else "")
    wanted = {"shows": starter.shows, "deep": starter.deep, "deep_shows": deep_shows}
    process = await asyncio.create_subprocess_exec(
        *(node(), str(VISIT), stack.site_url(slug), json.dumps(wanted)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    seen = json.loads(output)
    for page in ("first", "deep"):
        assert seen[page]["errors"] == [], f"{slug}, {page} page"
        assert seen[page]["seen"], f"{slug}, {page} page shows: {seen[page]['body']}"
        assert seen[page]["status"] == 200
    missing = await api.visit(stack, slug, MISSING)
    assert missing.status_code == 404
    return {
        "renders": True,
        "deep_link": seen["deep"]["status"],
        "missing": missing.status_code,
        "immutable": await kept_for_ever(starter, stack, slug, seen["first"]["paths"]),
    }


async def kept_for_ever(starter: Starter, stack: Stack, slug: str, paths: list[str]) -> bool | None:
    """Whether every asset whose name tells its content is immutable; None where there is none."""
    assert "immutable" not in (await api.visit(stack, slug)).headers["cache-control"]
    if starter.immutable is None:
        return None
    hashed = [path for path in paths if re.search(starter.immutable, path)]
    assert hashed, f"no path of {slug} is like {starter.immutable}: {paths}"
    for path in hashed:
        answer = await api.visit(stack, slug, path)
        assert answer.headers["cache-control"] == IMMUTABLE, path
    return True
