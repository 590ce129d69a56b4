"""Kafka triggers: runs the function for each batch and moves offsets by the extension's rules.

Offsets move after a success, or after a failure too with ``commitOnFailure``; otherwise the
batch is tried again in place, ``maxRetries`` times (-1: for ever), before it is given up. Azure
repeats at once and a function must back off by itself; here a short pause keeps a broken
function from filling a laptop's log.
"""

import asyncio
import logging
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import azure.functions as func

from infrastructure.local.functions_host.declarations import Function, KafkaTrigger
from infrastructure.local.functions_host.errors import HostError
from infrastructure.local.functions_host.host_json import KafkaOptions
from infrastructure.local.functions_host.invoker import Failed, Invoker
from infrastructure.local.functions_host.kafka_batches import Record, by_partition
from infrastructure.local.functions_host.kafka_consumer import ConsumerThread
from infrastructure.local.functions_host.settings import resolve_secure

logger = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_CLOSE_SECONDS = 10.0
_PROTOCOLS = {"SASLPLAINTEXT": "SASL_PLAINTEXT", "SASLSSL": "SASL_SSL"}
_MECHANISMS = {"SCRAMSHA256": "SCRAM-SHA-256", "SCRAMSHA512": "SCRAM-SHA-512"}


class KafkaListener:
    """Consumes one topic and runs its function."""

    def __init__(
        self,
        function: Function,
        invoke: Invoker,
        options: KafkaOptions,
        environment: Mapping[str, str],
        session: float = 6.0,
    ) -> None:
        assert isinstance(function.trigger, KafkaTrigger)
        where = f"function {function.name}"
        self._function = function
        self._invoke = invoke
        self._options = options
        self._many = function.trigger.many
        self._topic = resolve_secure(function.trigger.topic, environment, where)
        self._batches: asyncio.Queue[list[Record] | Exception] = asyncio.Queue()
        self._stopping = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.consumer = ConsumerThread(
            self._topic,
            client_configuration(function.trigger, environment, where, session),
            options.max_batch_size,
            options.subscriber_interval,
            deliver=self._put,
            broken=self._put,
        )

    @property
    def waiting_for(self) -> str | None:
        """What keeps the trigger from listening, or None."""
        if self.consumer.joined.is_set():
            return None
        problem = self.consumer.problem
        return f"kafka topic {self._topic}" + (f": {problem}" if problem else "")

    def start(self) -> None:
        """Begin to consume."""
        self._loop = asyncio.get_running_loop()
        self.task = asyncio.create_task(self._read(), name=f"kafka {self._topic}")
        self.consumer.start()

    async def drain(self) -> None:
        """Let the running batch end, commit it, and leave the group."""
        self._stopping.set()
        self.consumer.quiet()
        if self.task:
            await self.task
        self.consumer.stop()
        if not await asyncio.to_thread(self.consumer.join, _CLOSE_SECONDS):
            logger.warning("kafka topic %s: the consumer did not close in time", self._topic)

    def abort(self) -> None:
        """Cancel the running batch; its records are read again."""
        if self.task:
            self.task.cancel()
        self.consumer.stop()

    def _put(self, batch: list[Record] | Exception) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._batches.put_nowait, batch)

    async def _read(self) -> None:
        stop = asyncio.create_task(self._stopping.wait())
        while not self._stopping.is_set():
            following = asyncio.create_task(self._batches.get())
            await asyncio.wait({stop, following}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                following.cancel()
                return
            batch = following.result()
            if isinstance(batch, Exception):
                raise batch
            self.consumer.taken()
            await self._execute(batch)
        stop.cancel()

    async def _execute(self, batch: list[Record]) -> None:
        if self._many:
            await self._until_done(batch)
            return
        # Cardinality ONE: partitions side by side, the records of each in turn.
        async with asyncio.TaskGroup() as group:
            for records in by_partition(batch):
                group.create_task(self._in_turn(records))

    async def _in_turn(self, records: Sequence[Record]) -> None:
        for record in records:
            if self._stopping.is_set():
                return
            await self._until_done([record])

    async def _until_done(self, batch: list[Record]) -> None:
        """Run until success, until it is given up, or until nothing of it is ours."""
        pause = _FIRST_PAUSE
        tries = 0
        while records := self.consumer.assignments.current(batch):
            done = await self._try(records)
            tries += 1
            given_up = 0 <= self._options.max_retries < tries
            if not done and not self._options.commit_on_failure and not given_up:
                if await self._stopped_within(pause):
                    return
                pause = min(_LONGEST_PAUSE, pause * 2)
                continue
            if not done:
                logger.error(
                    "kafka topic %s: %d records are given up after %d tries",
                    self._topic,
                    len(records),
                    tries,
                )
            self.consumer.done(records)
            return

    async def _try(self, records: Sequence[Record]) -> bool:
        events = [event(record) for record in records]
        try:
            await self._invoke(self._function, events if self._many else events[0])
        except Failed:
            return False
        return True

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True


def event(record: Record) -> func.KafkaEvent:
    """A record as the worker's converter gives it: text key, .NET-like time, header objects."""
    moment = None
    if record.timestamp is not None:
        moment = datetime.fromtimestamp(record.timestamp, UTC).isoformat(timespec="milliseconds")
    topic, partition = record.partition
    return func.KafkaEvent(
        body=record.body,
        key=None if record.key is None else record.key.decode(errors="replace"),
        offset=record.offset,
        partition=partition,
        topic=topic,
        timestamp=moment and moment.replace("+00:00", "Z"),
        headers=_headers(record),
    )


def _headers(record: Record) -> list[Any]:
    # .NET writes a header's bytes as base64 into the JSON that the worker reads.
    return [
        {"Key": name, "Value": None if value is None else b64encode(value).decode()}
        for name, value in record.headers
    ]


def client_configuration(
    trigger: KafkaTrigger, environment: Mapping[str, str], where: str, session: float
) -> dict[str, Any]:
    """librdkafka's settings for a trigger; where they differ from the extension, it says why."""
    group = resolve_secure(trigger.group, environment, where)
    if not group:
        raise HostError(f"{where}: consumer_group is empty; name the group that keeps its offsets")
    configuration: dict[str, Any] = {
        "bootstrap.servers": resolve_secure(trigger.brokers, environment, where),
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": True,
        "auto.commit.interval.ms": 200,
        "enable.auto.offset.store": False,
        # The extension's is 10 s. The embedded broker holds back a joining member for half of it.
        "session.timeout.ms": round(session * 1000),
        # A broker that answers only when this has passed would delay every line by it.
        "fetch.wait.max.ms": 100,
        "heartbeat.interval.ms": round(session * 1000 / 3),
        "metadata.max.age.ms": 180_000,
        "socket.keepalive.enable": True,
        # Sooner than the defaults: a local broker starts beside us, its topics a moment later.
        "topic.metadata.refresh.interval.ms": 2_000,
        "reconnect.backoff.max.ms": 1_000,
    }
    if trigger.protocol != "NOTSET":
        protocol = _PROTOCOLS.get(trigger.protocol, trigger.protocol)
        configuration["security.protocol"] = protocol
    if trigger.authentication != "NOTSET":
        mechanism = _MECHANISMS.get(trigger.authentication, trigger.authentication)
        configuration["sasl.mechanism"] = mechanism
        configuration["sasl.username"] = resolve_secure(trigger.username, environment, where)
        configuration["sasl.password"] = resolve_secure(trigger.password, environment, where)
    return configuration
