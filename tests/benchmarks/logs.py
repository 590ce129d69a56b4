"""P4: how long a log line takes from the writer to a reader's socket, at 2,000 lines a second.

The way is the whole one: writer, broker (``KAFKA_BROKERS``, else the embedded one), the worker's
own function under the local functions host with the project's ``host.json``, store, hub, socket.
Writer and reader share a process, hence a clock.
"""

import asyncio
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import websockets

from infrastructure.local.services import functions, kafka, postgres, webpubsub
from shared.clients.kafka import Producer
from shared.clients.webpubsub import PushClient
from shared.database import Database
from shared.logs.service import LogService
from shared.logs.store import LogStore
from tests.benchmarks import Goal, Result
from tests.integration.logs.places import make_place
from tests.services.databases import Databases
from tests.services.embedded import Embedded
from tests.services.handles import Postgres

NAME = "P4"
TEXT = "seconds from a build's line to the reader's socket at 2,000 lines/s, p99"
GOAL = Goal(1.2)
LINES_A_SECOND = 2_000
SECONDS = 15
BURST = 10
PADDING = "x" * 80
HUB = "astrocloud"
UNUSED_SETTINGS = (
    *("REDIS_URL", "AzureWebJobsStorage", "PLATFORM_URL", "SITES_URL"),
    *("SIGNING_KEYS", "ENCRYPTION_KEYS"),
)
APP = """
import azure.functions as func
from functions.worker import logs
app = func.FunctionApp()
app.register_functions(logs.blueprint)
"""


@dataclass(frozen=True, slots=True)
class Stack:
    """Where the services of this run are."""

    brokers: str
    database_url: str
    webpubsub: str


@dataclass(slots=True)
class Reader:
    """What arrived on the socket: for each position the seconds that its line took."""

    seconds: dict[int, float] = field(default_factory=dict)
    messages: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, message: dict[str, Any]) -> None:
        """A message of the group."""
        now = time.monotonic()
        self.messages += 1
        for line in message["lines"]:
            self.seconds[line["n"]] = now - float(line["text"].split(" ", 1)[0])
        if message["end"]:
            self.ended.set()


async def measure() -> list[Result]:
    """Write for a while, wait for the end, compare with the store."""
    async with _stack() as stack:
        database = Database(stack.database_url)
        producer = Producer(stack.brokers)
        push = PushClient(stack.webpubsub, HUB)
        service = LogService(LogStore(database), producer, push)
        try:
            return await _measured(stack, service, push)
        finally:
            await push.close()
            await producer.close()
            await database.close()


async def _measured(stack: Stack, service: LogService, push: PushClient) -> list[Result]:
    deployment = await make_place(stack.database_url)
    warm_up = await make_place(stack.database_url)
    async with _reading(push, warm_up.deployment_id) as reader:
        # The consumer has joined its group, and every client is connected.
        await service.writer(warm_up.account_id, warm_up.deployment_id, "warm-up").end()
        async with asyncio.timeout(60):
            await reader.ended.wait()
    async with _reading(push, deployment.deployment_id) as reader:
        writer = service.writer(deployment.account_id, deployment.deployment_id, "build")
        begun = time.monotonic()
        for burst in range(LINES_A_SECOND * SECONDS // BURST):
            await asyncio.sleep(begun + burst * BURST / LINES_A_SECOND - time.monotonic())
            for _ in range(BURST):
                writer.write(f"{time.monotonic()} {PADDING}", source="build")
            await writer.drain()
        await writer.end()
        written = time.monotonic() - begun
        async with asyncio.timeout(60):
            await reader.ended.wait()
    stored, records = await _stored(stack, deployment.deployment_id)
    return _results(reader, written, stored, records)


def _results(reader: Reader, written: float, stored: int, records: int) -> list[Result]:
    total = LINES_A_SECOND * SECONDS
    seconds = sorted(reader.seconds.values())

    def percentile(share: float) -> float:
        return seconds[min(len(seconds) - 1, int(len(seconds) * share))]

    details = [
        f"p50 {percentile(0.5):.3f} s, p90 {percentile(0.9):.3f} s, p99 {percentile(0.99):.3f} s,"
        f" longest {seconds[-1]:.3f} s",
        f"{total:,} lines in {written:.1f} s; {records / written:.0f} records a second fill a"
        f" batch of 64 in {64 * written / records:.2f} s; {reader.messages} messages pushed",
    ]
    lost = Result(
        float(total - stored + total - len(seconds)),
        "lines",
        [f"{stored:,} of {total:,} stored, {len(seconds):,} pushed"],
        name="P4b",
        text="lines lost on the way to the store or to the socket",
        goal=Goal(0),
    )
    return [Result(percentile(0.99), "s", details), lost]


async def _stored(stack: Stack, deployment_id: UUID) -> tuple[int, int]:
    """Lines and records that the store holds."""
    async with await psycopg.AsyncConnection.connect(stack.database_url) as connection:
        found = await connection.execute(
            "SELECT last_n, writers FROM log_streams WHERE deployment_id = %s", [deployment_id]
        )
        row = await found.fetchone()
    assert row is not None
    return row[0], sum(writer["sequence"] for writer in row[1].values())


@asynccontextmanager
async def _reading(push: PushClient, deployment_id: UUID) -> AsyncIterator[Reader]:
    """A reader whose socket has joined the deployment's group."""
    reader, group = Reader(), f"deployment-{deployment_id}"
    url = await push.client_access_url("benchmark", [group], 60)
    protocol = websockets.Subprotocol("json.webpubsub.azure.v1")
    async with websockets.connect(url, subprotocols=[protocol], max_size=None) as socket:
        await socket.send(json.dumps({"type": "joinGroup", "group": group, "ackId": 1}))
        while json.loads(await socket.recv()).get("type") != "ack":
            pass
        receiving = asyncio.create_task(_receive(socket, reader))
        try:
            yield reader
        finally:
            receiving.cancel()


async def _receive(socket: websockets.ClientConnection, reader: Reader) -> None:
    async for text in socket:
        message = json.loads(text)
        if message["type"] == "message":
            reader.take(message["data"])


@asynccontextmanager
async def _stack() -> AsyncIterator[Stack]:
    manager = await asyncio.to_thread(lambda: (m := _embedded(), m.__enter__()))
    try:
        yield manager[1]
    finally:
        await asyncio.to_thread(manager[0].__exit__, None, None, None)


@contextmanager
def _embedded() -> Iterator[Stack]:
    embedded = Embedded("benchmarks")
    try:
        ports, secrets = embedded.ports, embedded.secrets
        port = ports["postgres"]
        embedded.start(
            [
                postgres.service(embedded.paths, port, secrets),
                postgres.roles_step(port, secrets),
                webpubsub.service(embedded.paths, ports, secrets),
            ]
        )
        brokers = _brokers(embedded)
        admin = postgres.dsn(port, postgres.ADMIN, secrets.text("postgres-admin"), "postgres")
        passwords = {role: secrets.text(role) for role in postgres.ROLES}
        endpoint, key = f"http://127.0.0.1:{ports['webpubsub']}", secrets.text("webpubsub")
        hub = f"Endpoint={endpoint};AccessKey={key};Version=1.0;"
        with Databases(embedded, Postgres(port, admin, passwords)).clone() as clone:
            stack = Stack(brokers, clone.worker, hub)
            _start_worker(embedded, stack)
            yield stack
    finally:
        embedded.close()


def _brokers(embedded: Embedded) -> str:
    if brokers := kafka.external(os.environ):
        embedded.run(kafka.create_topics(brokers))
        return brokers
    embedded.start([kafka.service(embedded.paths, embedded.ports["kafka"])])
    return f"127.0.0.1:{embedded.ports['kafka']}"


def _start_worker(embedded: Embedded, stack: Stack) -> None:
    """The worker app with its log trigger only, as the functions host runs it."""
    folder = embedded.paths.build / "worker"
    folder.mkdir(parents=True)
    (folder / "function_app.py").write_text(APP)
    shutil.copy(embedded.paths.root / "host.json", folder)
    values = dict.fromkeys(UNUSED_SETTINGS, "unused") | {
        "DATABASE_URL": stack.database_url,
        "KAFKA_BROKERS": stack.brokers,
        "WEBPUBSUB_CONNECTION_STRING": stack.webpubsub,
    }
    path = folder / "local.settings.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    port = embedded.ports["worker"]
    session = functions.OTHER_SESSION if kafka.external(os.environ) else functions.EMBEDDED_SESSION
    worker = functions.service("worker", embedded.paths, port, needs=(), kafka_session=session)
    embedded.start([worker])
