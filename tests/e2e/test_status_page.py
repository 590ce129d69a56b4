"""The status page in a real browser: in every state on chosen answers, and on the platform."""

import asyncio
from pathlib import Path

from tests.contract.push_clients import E2E, node
from tests.e2e.command import deploy
from tests.services.stack import Stack

PAGE = E2E / "status_page"


async def _run(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        node(),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


async def test_every_state() -> None:
    """Signed in and out, degraded, empty, failing, offline, narrow, light and dark."""
    await _run("--test", "--test-timeout=60000", str(PAGE / "status_page.test.mjs"))


async def test_on_the_platform(stack: Stack, tmp_path: Path) -> None:
    """A one-time link signs in, the project is there, and signing out ends it."""
    (tmp_path / "index.html").write_text("<h1>Seen</h1>")
    assert (await deploy(stack, tmp_path, "--name", "status-seen")).code == 0
    link = f"{stack.platform_url}/#ticket={stack.ticket()}"
    await _run(str(PAGE / "live.mjs"), link, "status-seen")
