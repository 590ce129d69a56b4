"""P5 and P6: the API under the functions host, warm and cold, beside the least that can do it.

P5's baseline is a bare Starlette app with uvicorn and psycopg: the same query, no sign-in, no row
policies, no limits. P6's is a one-function app with azure.functions and psycopg under the same
host. All of them share one database, with twenty projects in it.
"""

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psutil
import psycopg
from cryptography.fernet import Fernet

from infrastructure.local.services import postgres, valkey
from infrastructure.packaging import stage
from shared.accounts.models import Principal
from shared.accounts.tokens import AccessTokens
from tests.benchmarks import Goal, Result, load
from tests.services.databases import Databases
from tests.services.embedded import Embedded
from tests.services.handles import Postgres

NAME = "P5"
TEXT = "GET /api/v1/projects / the same query in a bare Starlette app, requests a second"
GOAL = Goal(0.7, at_least=True)
P6 = "process start → first answer / a one-function app doing the same query"
ROUNDS, STARTS, PROJECTS = 5, 9, 20
KEY = "k" * 64

QUERY = """
SELECT p.id, p.account_id, p.slug, p.name, p.created_at, p.updated_at,
 e.pinned_at IS NOT NULL AS pinned, e.live_since, r.id AS live_release_id,
 r.deployment_id AS live_deployment_id, r.number AS live_number,
 (SELECT count(*) FROM releases w WHERE w.project_id = p.id AND e.pinned_at IS NOT NULL
  AND w.environment = 'production' AND w.number > e.live_sequence)::int AS waiting_releases
 FROM projects p JOIN environments e ON e.project_id = p.id AND e.name = 'production'
 LEFT JOIN releases r ON r.id = e.live_release_id
 WHERE p.deleted_at IS NULL ORDER BY p.created_at DESC, p.id DESC LIMIT 51
"""

STARLETTE_APP = f'''
import json, os, sys
import psycopg_pool, uvicorn
from psycopg.rows import dict_row
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

QUERY = """{QUERY}"""
pool = psycopg_pool.AsyncConnectionPool(
    os.environ["DATABASE_URL_OF_BARE"], min_size=1, max_size=8, open=False,
    kwargs={{"row_factory": dict_row, "prepare_threshold": None}})

async def projects(request):
    async with pool.connection() as connection:
        rows = await (await connection.execute(QUERY)).fetchall()
    return Response(json.dumps({{"items": rows}}, default=str), media_type="application/json")

app = Starlette(routes=[Route("/api/v1/projects", projects)])

class Opened:
    def __init__(self, app): self.app, self.opened = app, False
    async def __call__(self, scope, receive, send):
        if not self.opened:
            self.opened = True
            await pool.open()
        await self.app(scope, receive, send)

uvicorn.run(Opened(app), port=int(sys.argv[1]), log_level="warning", access_log=False,
            http="httptools", loop="uvloop", lifespan="off")
'''

ONE_FUNCTION_APP = f'''
import json, os
import azure.functions as func
import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

QUERY = """{QUERY}"""
app = func.FunctionApp()
pool = None

@app.route(route="v1/projects", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def projects(req: func.HttpRequest) -> func.HttpResponse:
    global pool
    if pool is None:
        pool = AsyncConnectionPool(os.environ["DATABASE_URL"], min_size=1, open=False,
                                   kwargs={{"row_factory": dict_row}})
        await pool.open()
    async with pool.connection() as connection:
        rows = await (await connection.execute(QUERY)).fetchall()
    text = json.dumps({{"items": rows}}, default=str)
    return func.HttpResponse(text, mimetype="application/json")
'''


@dataclass(frozen=True, slots=True)
class Bench:
    """The three programs, and how each is asked."""

    folder: Path
    port: int
    environment: dict[str, str]
    headers: dict[str, str]

    @property
    def address(self) -> str:
        """The one address that all of them answer."""
        return f"http://127.0.0.1:{self.port}/api/v1/projects"

    def starlette(self) -> list[str]:
        """P5's baseline."""
        return [sys.executable, str(self.folder / "bare.py"), str(self.port)]

    def host(self, app: str) -> list[str]:
        """An app under the functions host."""
        command = [sys.executable, "-m", "infrastructure.local.functions_host"]
        return [*command, "--app", str(self.folder / app), "--port", str(self.port)]


async def measure() -> list[Result]:
    """Alternate ours and the baseline, so that both see the same noise; medians."""
    manager = await asyncio.to_thread(lambda: (m := _bench(), m.__enter__()))
    bench = manager[1]
    try:
        return [await _warm(bench), await _cold(bench)]
    finally:
        await asyncio.to_thread(manager[0].__exit__, None, None, None)


async def _warm(bench: Bench) -> Result:
    async def side(command: list[str]) -> float:
        async with _Running(bench, command):
            await load.rate(bench.address, bench.headers, 1)
            return await load.rate(bench.address, bench.headers)

    pairs = await _alternate(side, bench.starlette(), bench.host("api"), ROUNDS)
    rates = [statistics.median(column) for column in zip(*pairs, strict=True)]
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    details = [
        f"bare {rates[0]:,.0f}/s, API {rates[1]:,.0f}/s ({load.tool()})",
        "on top of the query: token, rate limit, a scope for row-level security, validation",
    ]
    return Result(ratio, details=details)


async def _cold(bench: Bench) -> Result:
    async def side(command: list[str]) -> float:
        begun = time.monotonic()
        async with _Running(bench, command):
            return time.monotonic() - begun

    for command in (bench.host("one"), bench.host("api")):
        await side(command)
    pairs = await _alternate(side, bench.host("one"), bench.host("api"), STARTS)
    times = [statistics.median(column) for column in zip(*pairs, strict=True)]
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    details = [f"one function {times[0]:.3f} s, API {times[1]:.3f} s; byte code is there for both"]
    return Result(ratio, details=details, name="P6", text=P6, goal=Goal(1.3))


async def _alternate(
    side: Callable[[list[str]], Awaitable[float]], base: list[str], ours: list[str], rounds: int
) -> list[tuple[float, float]]:
    return [(await side(base), await side(ours)) for _ in range(rounds)]


class _Running:
    """A server from its start until it has answered once, and to its end."""

    def __init__(self, bench: Bench, command: list[str]) -> None:
        self._bench = bench
        self._command = command

    async def __aenter__(self) -> None:
        self._process = subprocess.Popen(  # noqa: ASYNC220 - starting it is what is measured
            self._command, env=self._bench.environment, cwd=Path(__file__).parents[2]
        )
        try:
            await self._answered()
        except BaseException:
            await self.__aexit__()
            raise

    async def _answered(self) -> None:
        async with httpx.AsyncClient(headers=self._bench.headers, timeout=10) as client:
            until = time.monotonic() + 30
            while time.monotonic() < until:
                try:
                    answer = await client.get(self._bench.address)
                except httpx.TransportError:
                    await asyncio.sleep(0.005)
                    continue
                if answer.status_code == 200 and len(answer.json()["items"]) >= PROJECTS:
                    return
                raise RuntimeError(f"not what was asked for: {answer.status_code} {answer.text}")
        raise RuntimeError(f"no answer of {self._command}")

    async def __aexit__(self, *_: object) -> None:
        process = psutil.Process(self._process.pid)
        process.terminate()
        await asyncio.to_thread(self._process.wait, 30)


@contextmanager
def _bench() -> Iterator[Bench]:
    embedded = Embedded("bench-api")
    try:
        secrets = embedded.secrets
        port = embedded.ports["postgres"]
        embedded.start(
            [
                postgres.service(embedded.paths, port, secrets),
                postgres.roles_step(port, secrets),
                valkey.service(embedded.paths, embedded.ports["valkey"], secrets.text("valkey")),
            ]
        )
        admin = postgres.dsn(port, postgres.ADMIN, secrets.text("postgres-admin"), "postgres")
        passwords = {role: secrets.text(role) for role in postgres.ROLES}
        with Databases(embedded, Postgres(port, admin, passwords)).clone() as clone:
            user = _fill(clone.owner)
            yield _prepare(embedded, clone.api, clone.owner, user)
    finally:
        embedded.close()


def _fill(owner: str) -> UUID:
    """A user with an account and its projects."""
    user, account = uuid4(), uuid4()
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("INSERT INTO users (id, login, name) VALUES (%s, 'u', 'U')", [user])
        connection.execute("INSERT INTO accounts (id, slug, name) VALUES (%s, 'a', 'A')", [account])
        connection.execute(
            "INSERT INTO members (account_id, user_id, role) VALUES (%s, %s, 'owner')",
            [account, user],
        )
        for n in range(PROJECTS):
            connection.execute(
                "WITH p AS (INSERT INTO projects (account_id, slug, name) VALUES (%s, %s, %s)"
                " RETURNING id, account_id) INSERT INTO environments"
                " (account_id, project_id, name) SELECT account_id, id, 'production' FROM p",
                [account, f"site-{n}", f"Site {n}"],
            )
        connection.execute("VACUUM ANALYZE")
    return user


def _prepare(embedded: Embedded, api: str, owner: str, user: UUID) -> Bench:
    folder = embedded.paths.build
    folder.mkdir(parents=True, exist_ok=True)
    stage("api", embedded.paths.root, folder / "api")
    (folder / "one").mkdir()
    (folder / "one" / "function_app.py").write_text(ONE_FUNCTION_APP)
    shutil.copy(embedded.paths.root / "host.json", folder / "one")
    (folder / "bare.py").write_text(STARLETTE_APP)
    url = valkey.url(embedded.ports["valkey"], embedded.secrets.text("valkey"))
    values = {
        "ASTROCLOUD_ENVIRONMENT": "local",
        "DATABASE_URL": api,
        "REDIS_URL": url,
        "SIGNING_KEYS": KEY,
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "RATE_LIMIT": "100000000",
        "AzureWebJobsStorage": (
            "DefaultEndpointsProtocol=http;AccountName=unused;AccountKey=dW51c2Vk;"
            "BlobEndpoint=http://127.0.0.1:9/unused;QueueEndpoint=http://127.0.0.1:9/unused;"
        ),
        **dict.fromkeys(
            (
                "KAFKA_BROKERS",
                "WEBPUBSUB_CONNECTION_STRING",
                "PLATFORM_URL",
                "SITES_URL",
            ),
            "http://unused",
        ),
    }
    _settings(folder / "api", values)
    # The baselines have no scope for row-level security: the owner's role passes it by.
    _settings(folder / "one", {"DATABASE_URL": owner})
    token = AccessTokens([KEY]).issue(Principal(user, uuid4()))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return Bench(
        folder,
        embedded.ports["api"],
        {**environment, "DATABASE_URL_OF_BARE": owner},
        {"Authorization": f"Bearer {token}"},
    )


def _settings(folder: Path, values: dict[str, str]) -> None:
    document = {"IsEncrypted": False, "Values": values}
    (folder / "local.settings.json").write_text(json.dumps(document))
