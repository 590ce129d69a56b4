"""Puts the sample site and our own front ends online, through the API like any user.

What was put online is remembered by its content: an unchanged folder is not deployed again.
"""

import asyncio
import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infrastructure.local import links, probes
from infrastructure.local.errors import StackError
from infrastructure.local.installation import Installation
from infrastructure.local.nodes import Step

DEPLOY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Site:
    """A folder of the checkout, and the project that it becomes."""

    name: str
    folder: str

    @property
    def host(self) -> str:
        return f"{self.name}.apps.localhost"


SITES = (Site("hello", "infrastructure/local/samples/plain-html"),)


def steps(installation: Installation, needs: tuple[str, ...]) -> list[Step]:
    """One step a site; they go on side by side."""
    memory = Memory(installation.paths.state / "seed.json")
    return [_step(site, installation, memory, needs) for site in SITES]


class Memory:
    """What was put online, on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def digest(self, site: Site) -> str:
        """The content that is online, or nothing."""
        return str(self._read().get(site.name, {}).get("digest", ""))

    def set(self, site: Site, digest: str) -> None:
        known = {**self._read(), site.name: {"digest": digest, "host": site.host}}
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(known, indent=1))
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
    address = f"http://{site.host}:{installation.ports['gateway']}/"
    is_online = probes.http(installation.ports["gateway"], "/", site.host)

    async def run() -> str:
        digest = await asyncio.to_thread(digest_of, folder)
        if digest != memory.digest(site) or not await is_online():
            await _deploy(site, folder, installation)
            memory.set(site, digest)
        return address

    return Step(name=f"site {site.name}", run=run, needs=needs)


async def _deploy(site: Site, folder: Path, installation: Installation) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "frontend.cli.deploy", str(folder)),
        *("--name", site.name, "--url", installation.platform_url, "--json"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=installation.paths.root,
        env={**installation.environment(), "ASTROCLOUD_TICKET": links.ticket(installation)},
    )
    try:
        said, noise = await asyncio.wait_for(process.communicate(), DEPLOY_SECONDS)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise StackError(f"The site {site.name} could not go online: {_reason(said, noise)}")


def _reason(said: bytes, noise: bytes) -> str:
    try:
        failure = json.loads(said)["failure"]
        return f"{failure['title']}. {failure['detail']}"
    except (ValueError, KeyError, TypeError):
        return " ".join(noise.decode("utf-8", "replace").strip().splitlines()[-1:])
