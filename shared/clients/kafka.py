"""Kafka, or Event Hubs by its Kafka endpoint: the producing side.

Consuming is the Functions host's business: the triggers in ``functions/worker``. What a record
holds stands in ``shared.logs`` and ``shared.events``.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from shared.errors import TooLarge, Unavailable

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

MAX_RECORD_BYTES = 1_000_000  # Event Hubs takes 1 MiB, with headers and framing
_POLL_SECONDS = 0.5
_UNREACHABLE = "Kafka does not take records; they are tried again in a few seconds"
_log = logging.getLogger(__name__)


class Producer:
    """Sends records and tells when they are kept; one instance a process.

    After a record that was not acknowledged within ``delivery_seconds``, records are refused at
    once for ``rest_seconds``; then one is tried, and the others are refused until it is known
    to have arrived. So an outage costs its callers one wait, not one wait a record.
    """

    def __init__(
        self,
        brokers: str,
        *,
        protocol: str = "PLAINTEXT",
        username: str = "",
        password: str = "",
        delivery_seconds: float = 3,
        rest_seconds: float = 10,
    ) -> None:
        self._options = _options(brokers, protocol, username, password, delivery_seconds)
        self._delivery_seconds = delivery_seconds
        self._rest_seconds = rest_seconds
        self._connection: _Connection | None = None
        self._lock = threading.Lock()
        self._resting_until = 0.0
        self._failing = False

    async def send(self, topic: str, key: str, value: bytes) -> None:
        """Return when all replicas that must have the record have it; raises Unavailable."""
        if len(value) + len(key.encode()) > MAX_RECORD_BYTES:
            raise TooLarge(
                f"A record of {len(value):,} bytes does not fit into topic {topic}:"
                f" split it below {MAX_RECORD_BYTES:,} bytes"
            )
        self._admit()
        connection = self._connected()
        try:
            # librdkafka keeps the bound itself; this one covers a client that hangs.
            async with asyncio.timeout(self._delivery_seconds * 2):
                await connection.send(topic, key, value)
        except (_DeliveryError, TimeoutError) as error:
            self._rest(error)
            self._drop(connection)
            raise Unavailable(_UNREACHABLE) from error
        self._failing = False

    def _admit(self) -> None:
        now = time.monotonic()
        if self._failing and now < self._resting_until:
            raise Unavailable(_UNREACHABLE)
        self._resting_until = now + self._delivery_seconds * 2  # the others', while this one tries

    def _rest(self, error: Exception) -> None:
        if not self._failing:
            _log.warning("Kafka did not take a record in time: %s", error)
        self._failing = True
        self._resting_until = time.monotonic() + self._rest_seconds

    def _connected(self) -> "_Connection":
        with self._lock:
            if self._connection is None:
                self._connection = _Connection(self._options)
            return self._connection

    def _drop(self, connection: "_Connection") -> None:
        """Give a client up, so that the next record makes a new one.

        A broker that was started anew may know none of the producers before: librdkafka then
        raises its epoch and tries again without an end, where a new producer is taken at once.
        """
        with self._lock:
            if self._connection is connection:
                self._connection = None
        connection.stop()

    async def flush(self) -> None:
        """Return when every record is acknowledged or given up."""
        if self._connection is not None:
            await asyncio.to_thread(self._connection.flush, self._delivery_seconds * 2)

    async def ping(self) -> None:
        """Ask a broker for its metadata; raises Unavailable."""
        from confluent_kafka import KafkaException

        try:
            await asyncio.to_thread(self._connected().metadata, 2.0)
        except KafkaException as error:
            raise Unavailable("Kafka does not answer; try again in a few seconds") from error

    async def close(self) -> None:
        """Deliver what waits, within the bound, and end the thread."""
        await self.flush()
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.to_thread(connection.close)


class _DeliveryError(Exception):
    """librdkafka gave a record up."""


class _Connection:
    """One librdkafka client and the thread that hands out its delivery reports."""

    def __init__(self, options: dict[str, Any]) -> None:
        from confluent_kafka import Producer as Client

        self._ended = threading.Event()
        self._client = Client(options, logger=_log)
        self._thread = threading.Thread(target=self._serve, name="kafka-reports", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        from confluent_kafka import KafkaException

        try:
            while not self._ended.is_set():
                self._client.poll(_POLL_SECONDS)  # returns as soon as a report is there
        except KafkaException as error:
            # A fatal one: an idempotent producer whose broker has forgotten it sends no more.
            _log.warning("The Kafka client is given up and made anew: %s", error.args[0].str())
        self._client.purge()  # whoever still waits is told so
        self._client.poll(0)

    async def send(self, topic: str, key: str, value: bytes) -> None:
        from confluent_kafka import KafkaException

        loop = asyncio.get_running_loop()
        delivered: asyncio.Future[None] = loop.create_future()
        report = _report_to(loop, delivered)
        try:
            self._client.produce(topic, value, key, on_delivery=report)
        except BufferError as error:
            raise _DeliveryError("the local queue is full") from error
        except KafkaException as error:
            raise _DeliveryError(error.args[0].str()) from error
        await delivered

    def metadata(self, seconds: float) -> None:
        self._client.list_topics(timeout=seconds)

    def flush(self, seconds: float) -> None:
        self._client.flush(seconds)

    def stop(self) -> None:
        """Let the thread end by itself."""
        self._ended.set()

    def close(self) -> None:
        """End the thread and wait for it."""
        self._ended.set()
        self._thread.join()


def _report_to(
    loop: asyncio.AbstractEventLoop, delivered: "asyncio.Future[None]"
) -> "Callable[[KafkaError | None, Message], None]":
    """A delivery report that is called in the serving thread and settles in the loop."""

    def settle(error: "KafkaError | None") -> None:
        if delivered.done():  # nobody waits any more
            return
        if error is None:
            delivered.set_result(None)
        else:
            delivered.set_exception(_DeliveryError(error.str()))

    def report(error: "KafkaError | None", _message: "Message") -> None:
        try:
            loop.call_soon_threadsafe(settle, error)
        except RuntimeError:
            _log.debug("A delivery report came after its event loop was closed")

    return report


def _options(
    brokers: str, protocol: str, username: str, password: str, delivery_seconds: float
) -> dict[str, Any]:
    options: dict[str, Any] = {
        "bootstrap.servers": brokers,
        "client.id": "astrocloud",
        "log_level": 2,  # an outage is told once, by us; librdkafka tells each failed connect
        "security.protocol": protocol,
        # A repeated send is kept once, and the order within a key holds.
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 0,  # whoever sends much gathers it before; a record that waits is late
        "message.max.bytes": MAX_RECORD_BYTES + 1024,
        "message.timeout.ms": int(delivery_seconds * 1000),
        "compression.type": "none",  # Event Hubs below Premium refuses compressed records
        # Azure's load balancer drops idle connections after four minutes.
        "socket.keepalive.enable": True,
        "connections.max.idle.ms": 180_000,
        "metadata.max.age.ms": 180_000,
        "reconnect.backoff.max.ms": 1_000,
        "topic.metadata.propagation.max.ms": int(delivery_seconds * 1000),
    }
    if protocol.startswith("SASL"):
        options |= {
            "sasl.mechanism": "PLAIN",
            "sasl.username": username,
            "sasl.password": password,
        }
    return options
