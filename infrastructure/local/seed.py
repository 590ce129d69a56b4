"""Puts the samples online through the API, like any user, and our own front ends.

Sample servers are built, which takes as long as the package registries do: they come last, one
after the other, and nobody waits for them. What was put online is remembered by its content: an
unchanged folder is not deployed again, and a sample that its user has deleted stays deleted.
"""

import asyncio
import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infrastructure.local import links, probes
from infrastructure.local.apps import settings_of
from infrastructure.local.errors import StackError
from infrastructure.local.installation import Installation
from infrastructure.local.nodes import Step
from infrastructure.local.process import run_to_end

PLAIN_HTML = "infrastructure/local/samples/plain-html"
STATUS_PAGE = "frontend/status-page"
SAMPLES = "infrastructure/local/samples"


@dataclass(frozen=True, slots=True)
class Site:
    """A folder of the checkout, and the project and host that it becomes."""

    name: str
    host: str
    folder: str
    is_ours: bool = False


SITES = (
    Site("hello", "hello.apps.localhost", PLAIN_HTML),
    Site("status", "localhost", STATUS_PAGE, is_ours=True),
)
SERVERS = (
    Site("hello-express", "hello-express.apps.localhost", f"{SAMPLES}/express"),
    Site("hello-fastapi", "hello-fastapi.apps.localhost", f"{SAMPLES}/fastapi"),
)


def steps(installation: Installation, needs: tuple[str, ...]) -> list[Step]:
    """One step a site; they go on side by side."""
    memory = Memory(installation.paths.state / "seed.json")
    return [_step(site, installation, memory, needs) for site in SITES]


def servers_step(installation: Installation, needs: tuple[str, ...]) -> Step:
    """The sample servers, in the background; what fails does not keep the next from its turn."""
    memory = Memory(installation.paths.state / "seed.json")
    parts = [_step(site, installation, memory, ()) for site in SERVERS]

    async def run() -> str:
        done, failed = [], []
        for part in parts:
            try:
                done.append(await part.run())
            except StackError as error:
                failed.append(str(error))
        if failed:
            raise StackError(" ".join(failed))
        return ", ".join(done)

    return Step(name="sample servers", run=run, needs=needs, in_background=True)


class Memory:
    """What was put online, on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def digest(self, site: Site) -> str:
        """The content that is online, or nothing."""
        return str(self._read().get(site.name, ""))

    def set(self, site: Site, digest: str) -> None:
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps({**self._read(), site.name: digest}, indent=1))
        draft.replace(self._path)

    def _read(self) -> dict[str, Any]:
        try:
            known: dict[str, Any] = json.loads(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return known


def digest_of(folder: Path) -> str:
    """A digest of every file's path and bytes."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        for part in (file.relative_to(folder).as_posix().encode(), file.read_bytes()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _step(site: Site, installation: Installation, memory: Memory, needs: tuple[str, ...]) -> Step:
    folder = installation.paths.root / site.folder
    port = installation.ports["gateway"]
    is_online = probes.http(port, "/", site.host)

    async def run() -> str:
        digest = await asyncio.to_thread(digest_of, folder)
        online = await is_online()
        if digest != memory.digest(site) or (site.is_ours and not online):
            await _put_online(site, folder, installation)
            memory.set(site, digest)
        elif not online:
            return "stays offline: its project was deleted"
        return f"http://{site.host}:{port}/"

    return Step(name=f"site {site.name}", run=run, needs=needs)


async def _put_online(site: Site, folder: Path, installation: Installation) -> None:
    command: list[str]
    settings: Mapping[str, str]
    if site.is_ours:
        command = ["infrastructure.packaging.platform_site", "--slug", site.name]
        command += ["--host", site.host, "--dir", str(folder)]
        settings = settings_of("worker", installation)
    else:
        address = installation.platform_url
        command = ["frontend.cli.deploy", str(folder), "--name", site.name, "--url", address]
        settings = {"ASTROCLOUD_TICKET": links.ticket(installation)}
    try:
        await run_to_end(
            site.name,
            [sys.executable, "-m", *command],
            log=installation.paths.logs / f"site-{site.name}.log",
            environment={**installation.environment(), **settings},
            directory=installation.paths.root,
        )
    except StackError as error:
        raise StackError(f"The site {site.host} could not go online: {error}") from error
