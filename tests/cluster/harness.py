"""A project on the cluster as its user and its visitors see it, and as the cluster has it."""

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import aiohttp
import httpx
import psycopg

from shared.deployments.outcomes import release_id_of
from tests.services.stack import Stack

SECONDS = 120


class Site:
    """One project: deployments, visits, rows and objects."""

    def __init__(self, stack: Stack, client: httpx.AsyncClient, slug: str, project: str) -> None:
        self.stack = stack
        self.client = client
        self.slug = slug
        self.project = project

    async def begin(self, image: str, **settings: Any) -> dict[str, Any]:
        """Ask for a deployment of an image."""
        wanted = {"source": {"type": "image", "reference": image}, "settings": settings or None}
        answer = await self.client.post(f"projects/{self.project}/deployments", json=wanted)
        assert answer.status_code == 202, answer.text
        created: dict[str, Any] = answer.json()
        return created

    async def deploy(self, image: str, **settings: Any) -> dict[str, Any]:
        """Deploy an image and wait for the end."""
        return await self.ended(await self.begin(image, **settings))

    async def live(self, image: str, **settings: Any) -> dict[str, Any]:
        """Deploy an image that has to get live, and wait until visitors see it."""
        found = await self.deploy(image, **settings)
        assert found["state"] == "ready", found["failure"]
        await self.until_answers(found["release_id"])
        return found

    async def ended(self, deployment: dict[str, Any]) -> dict[str, Any]:
        """How it ended, whatever is restarted meanwhile."""

        def check(found: dict[str, Any] | None) -> bool:
            return bool(found and found["finished_at"])

        found = await self.until(f"deployments/{deployment['id']}", check)
        assert found is not None
        return found

    async def until(
        self, path: str, check: Callable[[Any], bool], seconds: float = SECONDS
    ) -> dict[str, Any]:
        """What the API answers, once it fits."""
        last: Any = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    last = await self.asked(path)
                    if last is not None and check(last):
                        found: dict[str, Any] = last
                        return found
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise AssertionError(f"{path} stays {json.dumps(last)}") from None

    async def asked(self, path: str) -> dict[str, Any] | None:
        """What the API answers; None while it is away."""
        try:
            answer = await self.client.get(path)
        except httpx.TransportError:
            return None
        found: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
        return found

    async def workload(self) -> dict[str, Any]:
        """What runs, as the API tells it."""
        answer = await self.client.get(f"projects/{self.project}/workload")
        found: dict[str, Any] = answer.json()
        return found

    async def until_runs(self, check: Callable[[Any], bool], seconds: float = SECONDS) -> Any:
        """What runs, once it fits."""
        return await self.until(f"projects/{self.project}/workload", check, seconds)

    async def until_answers(self, release: str) -> None:
        """Visitors see a release."""
        async with self.visitor() as visitor, asyncio.timeout(SECONDS):
            while await answer_of(visitor) != release:
                await asyncio.sleep(0.1)

    @asynccontextmanager
    async def visitor(self) -> AsyncIterator[aiohttp.ClientSession]:
        """A visitor with connections of their own."""
        host = self.stack.site_url(self.slug).removeprefix("http://")
        async with aiohttp.ClientSession(
            f"http://127.0.0.1:{self.stack.ports['gateway']}",
            headers={"Host": host},
            timeout=aiohttp.ClientTimeout(total=60),
        ) as session:
            yield session

    @asynccontextmanager
    async def visitors(
        self, count: int = 4, path: str = "/", pause: float = 0.02
    ) -> AsyncIterator[Counter[str]]:
        """Visitors who ask without an end: how often which release answered, and what failed."""
        seen: Counter[str] = Counter()

        async def visit() -> None:
            async with self.visitor() as visitor:
                while True:
                    seen[await answer_of(visitor, path)] += 1
                    await asyncio.sleep(pause)

        tasks = [asyncio.create_task(visit()) for _ in range(count)]
        try:
            yield seen
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def change(self, query: str) -> None:
        """Change this project's rows, so that a test need not wait."""
        connection = await psycopg.AsyncConnection.connect(self.stack.owner_dsn, autocommit=True)
        async with connection:
            await connection.execute(query.encode(), [self.project])

    async def objects(self, kind: str) -> list[dict[str, Any]]:
        """The project's objects of a kind in the cluster."""
        words = ["get", kind, "--namespace", f"project-{self.project}", "--output", "json"]
        found: list[dict[str, Any]] = json.loads(await kubectl(*words))["items"]
        return found

    async def deployments(self) -> list[str]:
        """Names of its Deployments."""
        return sorted(one["metadata"]["name"] for one in await self.objects("deployments"))

    async def pods(self, component: str = "web") -> list[dict[str, Any]]:
        """Its pods of a component that are not being ended."""
        return [
            pod
            for pod in await self.objects("pods")
            if pod["metadata"]["labels"].get("astrocloud.dev/component") == component
            and "deletionTimestamp" not in pod["metadata"]
        ]

    async def images(self) -> set[str]:
        """The images of its Deployments."""
        return {
            one["spec"]["template"]["spec"]["containers"][0]["image"]
            for one in await self.objects("deployments")
        }

    async def until_only(self, *releases: str) -> None:
        """In the cluster stands one Deployment for each of these releases, and no other."""
        wanted = sorted(f"web-{release}" for release in releases)
        async with asyncio.timeout(SECONDS):
            while await self.deployments() != wanted:
                await asyncio.sleep(0.5)


def release_of(deployment: dict[str, Any]) -> str:
    """The release that a deployment makes, or would have made."""
    return str(release_id_of({"id": UUID(deployment["id"])}))


def failures(seen: Counter[str]) -> dict[str, int]:
    """What visitors saw that was no answer of the app."""
    return {text: count for text, count in seen.items() if text.startswith("failed")}


async def answer_of(visitor: aiohttp.ClientSession, path: str = "/") -> str:
    """The release that answered, or how it failed."""
    try:
        async with visitor.get(path) as answer:
            await answer.read()
            if answer.status == 200:
                return answer.headers.get("X-Release", "failed: not the app")
            return f"failed: {answer.status}"
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"failed: {type(error).__name__}"


async def kubectl(*words: str) -> str:
    """What the cluster's own tool says."""
    done = await asyncio.to_thread(
        subprocess.run, ["kubectl", *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"kubectl {' '.join(words)}: {done.stderr}")
    return done.stdout
