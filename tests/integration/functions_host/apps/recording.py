"""How the functions of the test apps tell what they did, and how they are told to wait.

A call is one JSON line in the file that the setting CALLS names. A function that is to be held
up waits until the file ``release`` exists beside it.
"""

import asyncio
import json
import os
from pathlib import Path


def record(**call: object) -> None:
    """Append one line; short appends do not mix."""
    with Path(os.environ["CALLS"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"pid": os.getpid(), **call}) + "\n")


def calls() -> list[dict[str, object]]:
    """What has been recorded until now."""
    path = Path(os.environ["CALLS"])
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


async def held() -> None:
    """Wait for the test's permission to go on."""
    release = Path(os.environ["CALLS"]).with_name("release")
    while not release.exists():
        await asyncio.sleep(0.02)
