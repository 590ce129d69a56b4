"""The sample servers of ``./dev up``, built and seen through the gateway."""

import asyncio
import json

import httpx
import websockets

from frontend.cli.transport import LocalTransport
from infrastructure.local.seed import SERVERS, servers_step
from tests.services.stack import Stack


async def test_the_sample_servers_come_online(stack: Stack) -> None:
    """Each answers with its page, and lets its clock tick."""
    told = await servers_step(stack.installation, ()).run()
    addresses = [f"http://{site.host}:{stack.installation.ports['gateway']}/" for site in SERVERS]
    assert told == ", ".join(addresses)
    async with httpx.AsyncClient(transport=LocalTransport(), timeout=20) as client:
        for address, name in zip(addresses, ("Express", "FastAPI"), strict=True):
            page = await client.get(address)
            assert (page.status_code, f"Hello from {name}" in page.text) == (200, True)
            assert "of this folder" not in page.text, "the release is told"
        async with asyncio.timeout(20), client.stream("GET", f"{addresses[0]}clock") as events:
            first = await anext(line async for line in events.aiter_lines() if line)
    assert json.loads(first.removeprefix("data: "))["watching"] == 1
    socket = f"{addresses[1].replace('http', 'ws', 1)}clock"
    async with (
        asyncio.timeout(20),
        websockets.connect(socket, host="127.0.0.1", proxy=None) as clock,
    ):
        times = [json.loads(await clock.recv())["time"] for _ in range(2)]
    assert times[0] < times[1]
