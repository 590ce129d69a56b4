"""The control plane of one test: the real apps in this process, on the session's real services.

HTTP goes through the functions host's own server; the queue is worked off by ``work``, which hands
each message to the worker's functions as the host would.
"""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
from azure.functions.queue import QueueMessage
from azure.storage.queue.aio import QueueClient
from redis.asyncio import Redis

from infrastructure.local.functions_host.declarations import Function, read
from infrastructure.local.functions_host.http_server import HttpServer
from infrastructure.local.functions_host.invoker import Invoker
from shared.accounts.tokens import sign_ticket
from shared.config import Settings
from shared.deployments.advance import Hint
from shared.services import Services
from tests.services.handles import Database

_functions: dict[str, list[Function]] = {}


def functions_of(app: str) -> list[Function]:
    """The functions of an app, read once a process as the host does."""
    if app not in _functions:
        from importlib import import_module

        module = import_module(f"functions.{app}.function_app")
        _functions[app] = read(module.app.get_functions())
    return _functions[app]


class Platform:
    """One test's platform: clients of the API, the worker's work, and a look into the rows."""

    def __init__(self, services: Services, worker: Services, owner_dsn: str) -> None:
        self.services = services
        self.worker = worker
        self.owner_dsn = owner_dsn
        self._invoker = Invoker(timeout=60)

    @property
    def settings(self) -> Settings:
        """The API's settings."""
        return self.services.settings

    def client(self, app: str = "api", **options: Any) -> httpx.AsyncClient:
        """An HTTP client of an app through the functions host's server."""
        server = HttpServer(functions_of(app), "api", self._invoker, dict)
        transport = httpx.ASGITransport(app=server)  # type: ignore[arg-type]
        return httpx.AsyncClient(
            transport=transport, base_url=f"{self.settings.platform_url}/api/v1/", **options
        )

    def ticket(self) -> str:
        """A one-time ticket as ``./dev link`` makes it."""
        return sign_ticket(secrets.token_hex(8), self.settings.development_secret)

    async def developer(self) -> httpx.AsyncClient:
        """A client that is signed in as the local developer."""
        async with self.client() as client:
            answer = await client.post("auth/development", json={"ticket": self.ticket()})
        assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
        return self.client(headers={"Authorization": f"Bearer {token}"})

    async def stranger(self, login: str = "stranger") -> httpx.AsyncClient:
        """A client that is signed in as another user, owner of another account."""
        from shared.accounts.models import Principal
        from shared.accounts.tokens import AccessTokens

        user, account = uuid4(), uuid4()
        await self.execute(
            "INSERT INTO users (id, login, name) VALUES (%s, %s, %s)", user, login, login
        )
        await self.execute(
            "INSERT INTO accounts (id, slug, name) VALUES (%s, %s, %s)", account, login, login
        )
        await self.execute(
            "INSERT INTO members (account_id, user_id, role) VALUES (%s, %s, 'owner')",
            account,
            user,
        )
        token = AccessTokens(self.settings.signing_keys).issue(Principal(user, uuid4()))
        return self.client(headers={"Authorization": f"Bearer {token}"})

    async def execute(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database as its owner, past row-level security."""
        connection = await psycopg.AsyncConnection.connect(self.owner_dsn, autocommit=True)
        async with connection:
            cursor = await connection.execute(query.encode(), list(values))
            return await cursor.fetchall() if cursor.description else []

    async def work(self, seconds: float = 30) -> int:
        """Work off the queue of deployment hints; how many messages there were."""
        return await work_off(self.worker, seconds)

    async def work_workloads(self, queue: str = "workloads", seconds: float = 30) -> int:
        """Work off the queue of workloads, or that of tasks."""
        return await work_off(self.worker, seconds, queue)

    async def work_once(self) -> None:
        """Handle the hints that are visible now, or let a moment pass."""
        if not await work_off(self.worker, 0):
            await asyncio.sleep(0.1)

    async def work_deliveries(self) -> None:
        """Try every delivery that waits in its queue."""
        storage = self.worker.settings.storage
        async with QueueClient.from_connection_string(storage, "deliveries") as queue:
            async for message in queue.receive_messages():
                body = json.loads(message.content)
                await self.worker.deliveries.attempt(UUID(body["delivery"]), body["tick"])
                await queue.delete_message(message)

    async def deploy(
        self, client: httpx.AsyncClient, project_id: str, archive: bytes, **wanted: Any
    ) -> dict[str, Any]:
        """Upload an archive, deploy it and work until it ends; the deployment."""
        created = await self.start(client, project_id, archive, **wanted)
        await self.work()
        answer = await client.get(f"deployments/{created['id']}")
        found: dict[str, Any] = answer.json()
        return found

    async def start(
        self, client: httpx.AsyncClient, project_id: str, archive: bytes, **wanted: Any
    ) -> dict[str, Any]:
        """Upload an archive and ask for its deployment, which then waits for the worker."""
        kind = wanted.pop("format", "zip")
        body = {"size": len(archive) or 1, "format": kind}
        upload = (await client.post(f"projects/{project_id}/uploads", json=body)).json()
        await self.services.blobs.upload("staging", upload["id"], archive)
        body = {"source": {"type": "upload", "upload_id": upload["id"]}, **wanted}
        answer = await client.post(f"projects/{project_id}/deployments", json=body)
        assert answer.status_code == 202, answer.text
        created: dict[str, Any] = answer.json()
        return created


async def work_off(worker: Services, seconds: float, name: str = "deployments") -> int:
    """Hand each message of a queue to the worker until none is visible.

    With no seconds at all: those that are visible now.
    """
    queue = QueueClient.from_connection_string(worker.settings.storage, name)
    handled, deadline = 0, time.monotonic() + seconds
    async with queue:
        while True:
            messages = [m async for m in queue.receive_messages(max_messages=32)]
            await asyncio.gather(*(_handle(worker, queue, m, name) for m in messages))
            handled += len(messages)
            if not messages or not seconds:
                return handled
            if time.monotonic() > deadline:
                raise TimeoutError(f"the queue was not empty after {seconds} s")


async def take_hints(platform: Platform) -> list[Hint]:
    """Every hint at a deployment that waits in the queue, removed from it."""
    taken = await take_messages(platform, "deployments")
    return [Hint(UUID(body["deployment"]), body["tick"]) for body in taken]


async def take_messages(platform: Platform, name: str) -> list[dict[str, Any]]:
    """Every message that waits in a queue, removed from it."""
    taken = []
    storage = platform.settings.storage
    async with QueueClient.from_connection_string(storage, name) as queue:
        while messages := [m async for m in queue.receive_messages(max_messages=32)]:
            for message in messages:
                taken.append(json.loads(message.content))
                await queue.delete_message(message)
    return taken


async def _handle(worker: Services, queue: QueueClient, message: Any, name: str) -> None:
    from shared.triggers.queue import read_hint

    body = message.content.encode()
    hint = read_hint(QueueMessage(id=message.id, body=body), name.removesuffix("s"))
    if hint is None:
        return
    if name == "deployments":
        await worker.advancer.advance(Hint(hint.row, hint.tick))
    elif name == "workloads":
        await worker.workload_looks.look(hint.row, hint.tick)
    else:
        await worker.task_looks.look(hint.row, hint.tick)
    await queue.delete_message(message)


@asynccontextmanager
async def running_platform(
    api: Services, environment: Mapping[str, str], database: Database
) -> AsyncIterator[Platform]:
    """A platform whose API and worker each have their own role, closed in the end."""
    settings = Settings.from_environment({**environment, "DATABASE_URL": database.worker})
    worker = Services(settings)
    await _reset(api)
    try:
        yield Platform(api, worker, database.owner)
    finally:
        await api.close()
        await worker.close()


async def _reset(services: Services) -> None:
    """Empty what the session's services share between tests."""
    redis = Redis.from_url(services.settings.redis_url)
    await redis.flushdb()
    await redis.aclose()
    await services.blobs.ensure_containers(["objects", "manifests", "routes", "staging"])
    from azure.core.exceptions import ResourceExistsError

    for name in ("deployments", "deliveries", "workloads", "tasks"):
        async with QueueClient.from_connection_string(services.settings.storage, name) as queue:
            try:
                await queue.create_queue()
            except ResourceExistsError:
                await queue.clear_messages()
