"""Builds on the running platform: what the platform adds to them, what caches save, the line.

The build is npm's own Vite template, made by its creator and built for real, so the registry has
to be within reach.
"""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from shared.accounts.models import Principal
from shared.accounts.tokens import AccessTokens
from tests.benchmarks import Goal, Result
from tests.frameworks.starters.catalogue import BY_NAME
from tests.frameworks.starters.make import kept
from tests.services import api
from tests.services.stack import Stack

NAME = "P2b"
TEXT = "accepted request → ready for a Vite project, without the time of its commands, seconds"
GOAL = Goal(2.0)
ROUNDS = 4
ACCOUNTS, EACH = 5, 4
LIMIT_SECONDS = 900
BUILD = {
    "package.json": '{"scripts": {"build": "sh build.sh"}}',
    "build.sh": "sleep 1; mkdir -p dist; echo '<h1>built</h1>' > dist/index.html",
    "astrocloud.toml": 'install = false\noutput = "dist"\n',
}


async def measure() -> list[Result]:
    """A Vite project again and again, then twenty deployments of five accounts at once."""
    stack = await asyncio.to_thread(Stack)
    try:
        async with api.signed_in(stack) as client:
            return [*await _vite(client, stack), await _line(stack)]
    finally:
        await asyncio.to_thread(stack.close)


async def _vite(client: httpx.AsyncClient, stack: Stack) -> list[Result]:
    files = await asyncio.to_thread(_template)
    project = (await client.post("projects", json={"slug": "bench"})).json()
    cold = await _deploy(client, stack, project["id"], files, use_cache=False)
    warm = []
    for n in range(ROUNDS):
        changed = {**files, "index.html": files["index.html"] + f"<!-- {n} -->".encode()}
        warm.append(await _deploy(client, stack, project["id"], changed))
    again = await _deploy(client, stack, project["id"], changed)
    added = [total - commands for total, commands in warm]
    commands = statistics.median(commands for _, commands in warm)
    return [
        Result(
            statistics.median(added),
            "s",
            [
                f"slowest of {ROUNDS}: {max(added):.2f} s; the commands take {commands:.1f} s",
                f"the same source again, its release used again: {again[0]:.2f} s in all",
            ],
        ),
        Result(
            commands / cold[1],
            "",
            [f"install and build: {cold[1]:.1f} s without, {commands:.1f} s with"],
            name="cache",
            text="the commands of a build with the cache of earlier ones / without any",
            goal=Goal(1.0),
        ),
    ]


def _template() -> dict[str, bytes]:
    """The React template of npm's create-vite, with a lock file, as a fresh repository has it."""
    top = kept(BY_NAME["vite-react"])
    return {
        str(path.relative_to(top)): path.read_bytes()
        for path in sorted(top.rglob("*"))
        if path.is_file()
    }


async def _deploy(
    client: httpx.AsyncClient,
    stack: Stack,
    project: str,
    files: Mapping[str, str | bytes],
    **options: Any,
) -> tuple[float, float]:
    """Seconds from accepted to ready, and of these the seconds of the build's commands."""
    wanted = await api.upload(client, stack, project, api.zip_of(files))
    answer = await client.post(f"projects/{project}/deployments", json={**wanted, **options})
    accepted = time.monotonic()
    answer.raise_for_status()
    deployment = await api.ended(client, answer.json()["id"], LIMIT_SECONDS)
    took = time.monotonic() - accepted
    if deployment["state"] != "ready":
        raise RuntimeError(
            f"the deployment ended as {deployment['state']}: {deployment['failure']}"
        )
    built = deployment["build"] or {"seconds": {}}
    return took, sum(built["seconds"].values())


async def _line(stack: Stack) -> Result:
    """Twenty deployments at once: the order of admissions, the most at work, the whole time."""
    connection = await psycopg.AsyncConnection.connect(stack.owner_dsn, autocommit=True)
    async with connection:
        clients = [await _stranger(stack, connection, f"bench-{n}") for n in range(ACCOUNTS)]
        began = time.monotonic()
        asked = await asyncio.gather(*(_ask(stack, client, n) for n, client in enumerate(clients)))
        ids = [one for account in asked for one in account]
        await asyncio.gather(
            *(
                api.ended(client, one, LIMIT_SECONDS)
                for client, own in zip(clients, asked, strict=True)
                for one in own
            )
        )
        took = time.monotonic() - began
        rows = await (
            await connection.execute(
                "SELECT account_id::text, started_at, finished_at, state FROM deployments"
                " WHERE id = ANY(%s) ORDER BY started_at",
                [ids],
            )
        ).fetchall()
    for client in clients:
        await client.aclose()
    order = [account for account, *_ in rows]
    names = {account: chr(ord("a") + n) for n, account in enumerate(dict.fromkeys(order))}
    states = Counter(state for *_, state in rows)
    return Result(
        took,
        "s",
        [
            f"admitted in the order {' '.join(names[account] for account in order)}",
            f"at work at once: at most {_most([(s, e) for _, s, e, _ in rows])};"
            f" ended as {dict(states)}",
        ],
        name="line",
        text=f"{ACCOUNTS * EACH} deployments of {ACCOUNTS} accounts at once, each builds for 1 s",
        goal=Goal(LIMIT_SECONDS),
    )


def _most(spans: list[tuple[Any, Any]]) -> int:
    """How many overlap at most."""
    return max(sum(start <= at < end for start, end in spans) for at, _ in spans)


async def _ask(stack: Stack, client: httpx.AsyncClient, number: int) -> list[str]:
    """Four projects of an account, a deployment each."""
    ids = []
    for n in range(EACH):
        project = (await client.post("projects", json={"slug": f"bench-{number}-{n}"})).json()
        wanted = await api.upload(client, stack, project["id"], api.zip_of(BUILD))
        answer = await client.post(f"projects/{project['id']}/deployments", json=wanted)
        answer.raise_for_status()
        ids.append(answer.json()["id"])
    return ids


async def _stranger(
    stack: Stack, connection: psycopg.AsyncConnection[Any], login: str
) -> httpx.AsyncClient:
    """A client of a new user, owner of a new account."""
    user, account = uuid4(), uuid4()
    await connection.execute(
        "INSERT INTO users (id, login, name) VALUES (%s, %s, %s)", [user, login, login]
    )
    await connection.execute(
        "INSERT INTO accounts (id, slug, name) VALUES (%s, %s, %s)", [account, login, login]
    )
    await connection.execute(
        "INSERT INTO members (account_id, user_id, role) VALUES (%s, %s, 'owner')", [account, user]
    )
    keys = (stack.secrets.text("signing-key"),)
    token = AccessTokens(keys).issue(Principal(user, uuid4()))
    port = stack.ports["gateway"]
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}/api/v1/",
        headers={"Host": f"localhost:{port}", "Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=60,
    )
