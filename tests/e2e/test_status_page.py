"""The status page in a real browser: runs the Node tests of ``status_page/`` and shows them."""

import asyncio

from tests.contract.push_clients import E2E, node


async def test_the_status_page_in_every_state() -> None:
    """Signed in and out, degraded, empty, failing, offline, narrow, light and dark."""
    process = await asyncio.create_subprocess_exec(
        node(),
        "--test",
        "--test-timeout=60000",
        str(E2E / "status_page" / "status_page.test.mjs"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
