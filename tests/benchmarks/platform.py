"""P2 and P7 on the running platform: accepted → live, and rollback accepted → old content served.

Both are seconds as a visitor sees them, asked through the gateway every ten milliseconds.
"""

import asyncio
import io
import statistics
import time
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.benchmarks import Goal, Result
from tests.services.stack import Stack

NAME = "P2"
TEXT = "accepted request → live, seconds (plain files, nothing to build)"
GOAL = Goal(2.0)
ROUNDS = 12
LIMIT_SECONDS = 60


async def measure() -> list[Result]:
    """Deploy again and again, then roll back and forth; medians, with the slowest beside them."""
    stack = await asyncio.to_thread(Stack)
    try:
        async with _client(stack) as client:
            return await _measure(client, stack)
    finally:
        await asyncio.to_thread(stack.close)


async def _measure(client: httpx.AsyncClient, stack: Stack) -> list[Result]:
    project = (await client.post("projects", json={"slug": "bench"})).json()
    live, back = [], []
    for n in range(1, ROUNDS + 2):
        accepted = await _deploy(client, stack, project["id"], f"release {n}")
        live.append(await _until_served(stack, f"release {n}") - accepted)
    for _ in range(ROUNDS):
        accepted = time.monotonic()
        answer = await client.post(f"projects/{project['id']}/rollback", json={})
        text = f"release {answer.json()['number']}"
        back.append(await _until_served(stack, text) - accepted)
    return [
        Result(statistics.median(live[1:]), "s", [f"slowest of {ROUNDS}: {max(live[1:]):.2f} s"]),
        Result(
            statistics.median(back),
            "s",
            [f"slowest of {ROUNDS}: {max(back):.2f} s; the gateway reads a route anew after 0.5 s"],
            name="P7",
            text="rollback accepted → old content served, seconds",
            goal=Goal(1.0),
        ),
    ]


async def _deploy(client: httpx.AsyncClient, stack: Stack, project: str, text: str) -> float:
    """Upload a page and ask for its deployment; when that was accepted."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.html", text)
    body: dict[str, Any] = {"size": len(buffer.getvalue()), "format": "zip"}
    upload = (await client.post(f"projects/{project}/uploads", json=body)).json()
    path = upload["url"].removeprefix(stack.platform_url)
    await client.put(
        f"http://127.0.0.1:{stack.ports['gateway']}{path}",
        content=buffer.getvalue(),
        headers=upload["headers"],
    )
    accepted = time.monotonic()
    body = {"source": {"type": "upload", "upload_id": upload["id"]}}
    answer = await client.post(f"projects/{project}/deployments", json=body)
    answer.raise_for_status()
    return accepted


async def _until_served(stack: Stack, text: str) -> float:
    """When the site answered with a text."""
    address = f"http://127.0.0.1:{stack.ports['gateway']}/"
    host = {"Host": stack.site_url("bench").removeprefix("http://")}
    async with httpx.AsyncClient(trust_env=False) as visitor, asyncio.timeout(LIMIT_SECONDS):
        while (await visitor.get(address, headers=host)).text != text:
            await asyncio.sleep(0.01)
    return time.monotonic()


@asynccontextmanager
async def _client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    address = f"http://127.0.0.1:{stack.ports['gateway']}/api/v1/"
    host = {"Host": f"localhost:{stack.ports['gateway']}"}
    async with httpx.AsyncClient(base_url=address, headers=host, trust_env=False) as client:
        answer = await client.post("auth/development", json={"ticket": stack.ticket()})
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        client.cookies.clear()
        yield client
