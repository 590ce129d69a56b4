"""kill -9 of a publisher at any step: what is left does no harm, and the next run completes."""

import asyncio
import json
import os
import random
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.clients.blobs import Blobs
from tests.integration.sites.checking import check_objects, check_site, look, read_manifest
from tests.integration.sites.conftest import make_project
from tests.integration.sites.test_publisher import make_site
from tests.services.handles import Azurite, Database
from tests.unit.sites.archives import tar_bytes, zip_bytes

ROOT = Path(__file__).parents[3]
FILES = 140


@dataclass(frozen=True, slots=True)
class Run:
    """Arguments of the process, and its doing."""

    arguments: dict[str, Any]

    async def __call__(self, kill_at: int = 0) -> dict[str, Any] | None:
        """What the process told; None when it was killed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.integration.sites.publishing",
            json.dumps({**self.arguments, "kill_at": kill_at}),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        if process.returncode == -signal.SIGKILL:
            return None
        assert process.returncode == 0
        result: dict[str, Any] = json.loads(output)
        return result


async def start(
    azurite: Azurite, database: Database, folder: Path, kind: str, site: dict[str, bytes]
) -> Run:
    """A run of a project of its own."""
    project = await make_project(database.owner, f"p{uuid4().hex[:8]}")
    archive = folder / "site"
    archive.write_bytes(zip_bytes(site) if kind == "zip" else tar_bytes(site))
    return Run(
        {
            "storage": azurite.connection_string,
            "database": database.worker,
            "account": str(project.account_id),
            "project": str(project.id),
            "release": str(uuid4()),
            "archive": str(archive),
            "format": kind,
        }
    )


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
async def test_a_publisher_killed_at_any_step_is_completed_by_the_next(
    azurite: Azurite, database: Database, blobs: Blobs, tmp_path: Path, kind: str
) -> None:
    """Some random steps of a whole publish and its last one, each in a project of its own."""
    site = make_site(FILES)
    whole = await (await start(azurite, database, tmp_path, kind, site))()
    assert whole is not None
    steps = whole["steps"]
    points = [*random.Random().sample(range(1, steps), 4), steps]
    for kill_at in points:
        run = await start(azurite, database, tmp_path, kind, site)
        project, release = (UUID(run.arguments[key]) for key in ("project", "release"))
        assert await run(kill_at) is None, f"step {kill_at} of {steps} was not reached"
        left = await look(azurite.connection_string, database.owner, project)
        check_objects(left)
        if left.manifests:
            assert len(left.rows) == FILES
        result = await run()
        assert result is not None
        recorded = len(left.rows) + sum(form is not None for form in left.forms.values())
        assert result["written"] == whole["written"] - recorded
        found = await look(azurite.connection_string, database.owner, project)
        check_objects(found)
        paths = await read_manifest(blobs, project, release, result["shards"])
        check_site(paths, found, site)
