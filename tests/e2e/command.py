"""Runs the client of ``./dev deploy`` against the stack, as a process like a user's."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tests.services.stack import Stack

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left behind."""

    code: int
    output: str
    errors: str

    @property
    def result(self) -> dict[str, Any]:
        """The one object of ``--json``."""
        return cast("dict[str, Any]", json.loads(self.output))


async def start(stack: Stack, path: Path, *options: str) -> asyncio.subprocess.Process:
    """Begin a deployment; ``communicate`` or ``finish`` waits for it."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "frontend.cli.deploy", str(path)),
        *("--url", stack.platform_url, *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "ASTROCLOUD_TICKET": stack.ticket()},
    )


async def finish(process: asyncio.subprocess.Process, seen: bytes = b"") -> Outcome:
    """Wait for the command; ``seen`` is output that was read before."""
    output, errors = await process.communicate()
    assert process.returncode is not None
    return Outcome(process.returncode, (seen + output).decode(), errors.decode())


async def deploy(stack: Stack, path: Path, *options: str) -> Outcome:
    """The whole command."""
    return await finish(await start(stack, path, *options))
