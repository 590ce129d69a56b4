"""P2 and P7 on the running platform: accepted → live, and rollback accepted → old content served.

Both are seconds as a visitor sees them, asked through the gateway every ten milliseconds.
"""

import asyncio
import statistics
import time

import httpx

from tests.benchmarks import Goal, Result
from tests.services import api
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
        async with api.signed_in(stack) as client:
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
    wanted = await api.upload(client, stack, project, api.zip_of({"index.html": text}))
    accepted = time.monotonic()
    answer = await client.post(f"projects/{project}/deployments", json=wanted)
    answer.raise_for_status()
    return accepted


async def _until_served(stack: Stack, text: str) -> float:
    """When the site answered with a text."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while (await api.visit(stack, "bench")).text != text:
            await asyncio.sleep(0.01)
    return time.monotonic()
