"""A publisher as a process of its own that kills itself at a step: ``python -m … JSON``."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from shared.clients.blobs import Blobs
from shared.database import Database
from shared.sites import store
from shared.sites.models import Progress, PublishJob, SiteLimits
from shared.sites.publisher import Publisher


class Steps:
    """Counts what is about to be done and what was done; ends the process at one of them."""

    def __init__(self, kill_at: int) -> None:
        self.count = 0
        self._kill_at = kill_at

    def step(self) -> None:
        """One step further, or the end of everything."""
        self.count += 1
        if self.count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


class SteppingBlobs(Blobs):
    """Blobs whose writes are steps: before they are sent, and when they are done."""

    steps: Steps
    written: int = 0

    async def upload_new(self, container: str, name: str, data: bytes | BinaryIO) -> bool:
        """As Blobs does."""
        self.steps.step()
        done = await super().upload_new(container, name, data)
        self.written += 1
        self.steps.step()
        return done

    async def upload(self, container: str, name: str, data: bytes, **options: Any) -> str:
        """As Blobs does."""
        self.steps.step()
        done = await super().upload(container, name, data, **options)
        self.steps.step()
        return done


async def publish(arguments: dict[str, Any]) -> dict[str, Any]:
    """Publish as the arguments say and tell how many steps it took."""
    steps = Steps(arguments["kill_at"])
    blobs = SteppingBlobs(arguments["storage"])
    blobs.steps = steps
    database = Database(arguments["database"])
    add = store.add_contents

    async def add_contents(*values: Any) -> None:
        steps.step()
        await add(*values)
        steps.step()

    store.add_contents = add_contents  # type: ignore[assignment]
    job = PublishJob(
        UUID(arguments["account"]),
        UUID(arguments["project"]),
        UUID(arguments["release"]),
        Path(arguments["archive"]),
        arguments["format"],
        SiteLimits(),
    )

    async def report(_: Progress) -> None:
        return None

    try:
        site = await Publisher(blobs, database).publish(job, report)
    finally:
        await database.close()
        await blobs.close()
    return {"steps": steps.count, "written": blobs.written, "shards": site.shards}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(publish(json.loads(sys.argv[1])))))
