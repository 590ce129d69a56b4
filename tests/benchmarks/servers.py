"""A server app on the running platform: going live, releases under load, waking, healing.

The app is Express with its lock file, installed for real once, so the registry has to be within
reach.
"""

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from tests.benchmarks import Goal, Result, typical
from tests.services import api
from tests.services.stack import Stack

NAME = "P2c"
TEXT = "accepted request → ready for an Express app, without the time of its commands, seconds"
GOAL = Goal(2.0)
ROUNDS, WAKES, KILLS = 4, 5, 5
REQUESTS, VISITORS = 10_000, 16
LIMIT_SECONDS = 300
SLUG = "server"
SAMPLE = Path("infrastructure/local/samples/express")


async def measure() -> list[Result]:
    """Deploys, then releases and a rollback under load, then sleep and death."""
    stack = await asyncio.to_thread(Stack)
    try:
        async with api.signed_in(stack) as client:
            project = (await client.post("projects", json={"slug": SLUG})).json()["id"]
            return [
                await _live(client, stack, project),
                await _under_load(client, stack, project),
                await _wake(stack),
                await _heal(stack),
            ]
    finally:
        await asyncio.to_thread(stack.close)


def app_of(text: str, *, scaling: str = "") -> bytes:
    """The archive of an Express app that says this."""
    server = (
        'const app = require("express")();\n'
        f'app.get("/", (_, answer) => answer.send("{text}"));\n'
        "const life = String(Math.random());\n"
        'app.get("/life", (_, answer) => answer.send(life));\n'
        "const server = app.listen(process.env.PORT);\n"
        'process.on("SIGTERM", () => server.close(() => process.exit(0)));\n'
    )
    manifest = json.loads((SAMPLE / "package.json").read_text())
    manifest |= {"type": "commonjs", "scripts": {"start": "node server.js"}}
    files = {
        "package.json": json.dumps(manifest),
        "package-lock.json": (SAMPLE / "package-lock.json").read_text(),
        "server.js": server,
        "astrocloud.toml": f"scaling = {{ {scaling} }}" if scaling else "",
    }
    return api.zip_of(files)


async def _live(client: httpx.AsyncClient, stack: Stack, project: str) -> Result:
    added = []
    for n in range(ROUNDS + 1):
        took, commands = await _deploy(client, stack, project, app_of(f"first {n}"))
        added.append(took - commands)
    slowest = f"slowest of {ROUNDS}: {max(added[1:]):.2f} s"
    return Result(statistics.median(added[1:]), "s", [slowest, f"the very first: {added[0]:.2f} s"])


async def _deploy(
    client: httpx.AsyncClient, stack: Stack, project: str, archive: bytes
) -> tuple[float, float]:
    """Seconds from accepted to ready, and of these the seconds of the build's commands."""
    wanted = await api.upload(client, stack, project, archive)
    answer = await client.post(f"projects/{project}/deployments", json=wanted)
    accepted = time.monotonic()
    answer.raise_for_status()
    deployment = await api.ended(client, answer.json()["id"], LIMIT_SECONDS)
    if deployment["state"] != "ready":
        raise RuntimeError(f"it ended as {deployment['state']}: {deployment['failure']}")
    built = deployment["build"] or {"seconds": {}}
    return time.monotonic() - accepted, sum(built["seconds"].values())


async def _under_load(client: httpx.AsyncClient, stack: Stack, project: str) -> Result:
    """Three releases and a rollback while visitors ask without a pause."""
    seen: Counter[str] = Counter()
    async with _visitors(stack, seen):
        for n in range(3):
            await _deploy(client, stack, project, app_of(f"release {n}"))
        await client.post(f"projects/{project}/rollback", json={})
        await _until(stack, "release 1")
        while seen.total() < REQUESTS:
            await asyncio.sleep(0.1)
    failed = {text: count for text, count in seen.items() if text.startswith("failed")}
    return Result(
        sum(failed.values()),
        "",
        [
            f"{seen.total()} requests of {VISITORS} visitors",
            *(f"{count} {text}" for text, count in sorted(seen.items())),
        ],
        name="P10",
        text=f"failed requests of {REQUESTS} during three releases and a rollback",
        goal=Goal(0),
    )


@asynccontextmanager
async def _visitors(stack: Stack, seen: Counter[str]) -> AsyncIterator[None]:
    async def visit() -> None:
        async with _visitor(stack) as visitor:
            while True:
                seen[await _answer(visitor)] += 1

    tasks = [asyncio.create_task(visit()) for _ in range(VISITORS)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _visitor(stack: Stack) -> httpx.AsyncClient:
    host = stack.site_url(SLUG).removeprefix("http://")
    address = f"http://127.0.0.1:{stack.ports['gateway']}"
    return httpx.AsyncClient(base_url=address, headers={"Host": host}, trust_env=False, timeout=60)


async def _answer(visitor: httpx.AsyncClient, path: str = "/") -> str:
    try:
        answer = await visitor.get(path)
    except httpx.HTTPError as error:
        return f"failed: {type(error).__name__}"
    return answer.text if answer.status_code == 200 else f"failed: {answer.status_code}"


async def _until(stack: Stack, text: str) -> float:
    """When the app says this."""
    async with _visitor(stack) as visitor, asyncio.timeout(LIMIT_SECONDS):
        while await _answer(visitor) != text:
            await asyncio.sleep(0.02)
    return time.monotonic()


async def _wake(stack: Stack) -> Result:
    """The first request to a release at rest, until its answer."""
    took = []
    connection = await psycopg.AsyncConnection.connect(stack.owner_dsn, autocommit=True)
    async with connection, _visitor(stack) as visitor:
        await connection.execute(
            "UPDATE workloads SET scaling = scaling || '{\"idle_minutes\": 1}'"
        )
        for _ in range(WAKES):
            await _sleep(connection)
            began = time.monotonic()
            if (text := await _answer(visitor)) != "release 1":
                raise RuntimeError(f"the app was not woken: {text}")
            took.append(time.monotonic() - began)
    return typical(
        took,
        "wake",
        "first request to an app that sleeps → its answer, seconds",
        Goal(5.0),
        "Node's own start is part of it",
    )


async def _sleep(connection: psycopg.AsyncConnection[Any]) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            await connection.execute(
                "UPDATE workloads SET last_request_at = now() - interval '1 hour',"
                " awake_until = NULL, due_at = now() WHERE state = 'live' AND NOT asleep"
            )
            found = await connection.execute(
                "SELECT 1 FROM workloads WHERE state = 'live' AND (wanted > 0 OR NOT asleep)"
            )
            if await found.fetchone() is None:
                return
            await asyncio.sleep(0.5)


async def _heal(stack: Stack) -> Result:
    """A replica is killed: until another life of it answers."""
    took = []
    async with _visitor(stack) as visitor:
        for _ in range(KILLS):
            before = await _answer(visitor, "/life")
            began = time.monotonic()
            _kill_servers()
            async with asyncio.timeout(LIMIT_SECONDS):
                while (life := await _answer(visitor, "/life")) == before or life.startswith(
                    "failed"
                ):
                    await asyncio.sleep(0.02)
            took.append(time.monotonic() - began)
    return typical(
        took,
        "heal",
        "the only replica killed → the app answers again, seconds",
        Goal(5.0),
        "each death in a row is waited for longer",
    )


def _kill_servers() -> None:
    """Kill the app's processes, found by their command: in the sandbox they have other numbers."""
    found = [
        process
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [])[-1:] == ["server.js"]
    ]
    if not found:
        raise RuntimeError("no process of the app was found")
    for process in found:
        process.kill()
