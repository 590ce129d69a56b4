"""A server app on a real Kubernetes: going live, waking, healing, and what the gateway costs.

The image is made before, so nothing of a build is measured. Where no cluster is named, nothing is.
"""

import asyncio
import os
import statistics
import time
from typing import Any

import httpx
import psycopg
import pytest

from tests.benchmarks import Goal, Result, load, typical
from tests.cluster import machine
from tests.cluster.harness import Site, kubectl
from tests.cluster.images import built, unavailable
from tests.services import api
from tests.services.stack import Stack

NAME = "P2k"
TEXT = "accepted request → live on Kubernetes for an Express image, seconds"
GOAL = Goal(5.0)
ROUNDS = 5
LIMIT_SECONDS = 120


async def measure() -> list[Result]:
    """All of it on one project; nothing where there is no cluster."""
    if reason := unavailable():
        print(f"{NAME:<5} left out: {reason}")
        return []
    image = await asyncio.to_thread(built, "express", "one", express=True)
    stack = await asyncio.to_thread(_stack)
    try:
        with machine.services_stay_inside():
            return await _measured(stack, image)
    finally:
        await asyncio.to_thread(stack.close)


async def _measured(stack: Stack, image: str) -> list[Result]:
    async with api.signed_in(stack) as client:
        answer = await client.post("projects", json={"slug": "server"})
        site = Site(stack, client, "server", answer.json()["id"])
        try:
            results = [await _live(site, image)]
            return [*results, await _gateway(site), await _wake(site), await _heal(site)]
        finally:
            await _remove(client, site)


def _stack() -> Stack:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASTROCLOUD_CLUSTER", "kubernetes")
        patch.setenv("ASTROCLOUD_RUNNER", "containers")
        patch.setenv("ASTROCLOUD_REGISTRY", os.environ["TEST_REGISTRY"])
        patch.setenv("OUTGOING_ALLOWED", os.environ["TEST_REGISTRY"])
        return Stack()


async def _remove(client: httpx.AsyncClient, site: Site) -> None:
    await client.delete(f"projects/{site.project}")
    words = ("delete", "namespace", f"project-{site.project}", "--ignore-not-found")
    await kubectl(*words, "--wait=false")


async def _live(site: Site, image: str) -> Result:
    """Replicas have half a core, as they have by default."""
    took = []
    for _ in range(ROUNDS + 1):
        await _until_pods(site, 1)
        began = time.monotonic()
        deployment = await site.ended(await site.begin(image))
        if deployment["state"] != "ready":
            raise RuntimeError(f"it ended as {deployment['state']}: {deployment['failure']}")
        took.append(time.monotonic() - began)
    told = f"slowest of {ROUNDS}: {max(took[1:]):.2f} s; the very first: {took[0]:.2f} s"
    return Result(statistics.median(took[1:]), "s", [told])


async def _until_pods(site: Site, most: int) -> None:
    """What drains is gone: a small node has no room for a third replica."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while len(await site.objects("pods")) > most:
            await asyncio.sleep(0.5)


async def _gateway(site: Site) -> Result:
    """Requests a second through the gateway, against the Service's own address."""
    release = (await site.workload())["release_id"]
    services = await site.objects("services")
    spec = next(one["spec"] for one in services if one["metadata"]["name"] == f"web-{release}")
    direct = f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}/"
    through = f"http://127.0.0.1:{site.stack.ports['gateway']}/"
    host = {"Host": site.stack.site_url(site.slug).removeprefix("http://")}
    await load.rate(direct, {})
    pairs = [(await load.rate(through, host), await load.rate(direct, {})) for _ in range(ROUNDS)]
    told = [f"gateway {one:.0f}/s, pod {other:.0f}/s" for one, other in pairs]
    return Result(
        statistics.median(one / other for one, other in pairs),
        "",
        [*told, f"made by {load.tool()}; the pod has half a core, which bounds both"],
        name="P3k",
        text="gateway / the pod's Service directly, requests per second",
        goal=Goal(0.7, at_least=True),
    )


async def _wake(site: Site) -> Result:
    """The first request to a release at rest, until its answer."""
    took = []
    connection = await psycopg.AsyncConnection.connect(site.stack.owner_dsn, autocommit=True)
    async with connection:
        await connection.execute(
            "UPDATE workloads SET scaling = scaling || '{\"idle_minutes\": 1}'"
        )
        for _ in range(ROUNDS):
            await _sleep(site, connection)
            began = time.monotonic()
            answer = await api.visit(site.stack, site.slug)
            if answer.status_code != 200:
                raise RuntimeError(f"the app was not woken: {answer.status_code}")
            took.append(time.monotonic() - began)
        await connection.execute("UPDATE workloads SET scaling = scaling - 'idle_minutes'")
    return typical(
        took,
        "wakek",
        "first request to an app without replicas → its answer, seconds",
        Goal(5.0),
    )


async def _sleep(site: Site, connection: psycopg.AsyncConnection[Any]) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while await site.objects("pods"):
            await connection.execute(
                "UPDATE workloads SET last_request_at = now() - interval '1 hour',"
                " awake_until = NULL, due_at = now() WHERE state = 'live' AND wanted > 0"
            )
            await asyncio.sleep(1)


async def _heal(site: Site) -> Result:
    """The only pod is deleted without grace, until another answers."""
    took = []
    for _ in range(ROUNDS):
        await site.until_runs(lambda found: found["ready"] == 1)
        [pod] = await site.pods()
        words = ("--namespace", f"project-{site.project}", "--grace-period=0", "--force")
        began = time.monotonic()
        await kubectl("delete", "pod", pod["metadata"]["name"], *words)
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                answer = await api.visit(site.stack, site.slug)
                if answer.headers.get("x-pod", pod["metadata"]["name"]) != pod["metadata"]["name"]:
                    break
                await asyncio.sleep(0.02)
        took.append(time.monotonic() - began)
    return typical(
        took,
        "healk",
        "the only pod killed → another one answers, seconds",
        Goal(5.0),
    )
