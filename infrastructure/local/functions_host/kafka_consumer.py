"""The thread that owns one Kafka consumer: polls, collects batches, follows rebalances.

librdkafka only blocks, hence the thread. It polls even while the function is slow, with its
partitions paused, so the group keeps its member and rebalances are heard; Azure's extension
stops polling then and leaves the group after five minutes. Running functions is
``kafka_listener``'s business.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from infrastructure.local.functions_host.kafka_batches import (
    Assignments,
    Record,
    Window,
    offsets_after,
)

logger = logging.getLogger(__name__)

# While the function is behind, the consumer is polled this often for rebalances only.
_IDLE_POLL = 0.05
_RESTART_PAUSE = 1.0
_UNREACHABLE = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE)


class ConsumerThread:
    """Reads one topic for one group and gives batches to ``deliver``.

    ``deliver`` is called in the thread, at most one batch more than ``taken`` has been called
    for: the one that waits while another is executed. ``broken`` hears of a defect in here.
    """

    def __init__(
        self,
        topic: str,
        configuration: Mapping[str, Any],
        size: int,
        interval: float,
        deliver: Callable[[list[Record]], None],
        broken: Callable[[Exception], None],
    ) -> None:
        self._topic = topic
        self._configuration = dict(configuration)
        self._size = size
        self._interval = interval
        self._deliver = deliver
        self._broken = broken
        self._slot = threading.Semaphore(1)
        self._quiet = threading.Event()
        self._stop = threading.Event()
        self._done: deque[list[Record]] = deque()
        self._paused: bool | None = False
        self._window = Window(size, interval, time.monotonic())
        self._problem: str | None = None
        self.assignments = Assignments()
        self.joined = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"kafka {topic}", daemon=True)

    @property
    def problem(self) -> str | None:
        """Why the broker cannot be used right now."""
        return self._problem

    def start(self) -> None:
        """Begin to consume."""
        self._thread.start()

    def quiet(self) -> None:
        """Deliver no more, but stay in the group, so that what runs can still be committed."""
        self._quiet.set()

    def stop(self) -> None:
        """Commit what is stored and leave the group; ``join`` waits for it."""
        self._quiet.set()
        self._stop.set()

    def join(self, seconds: float) -> bool:
        """Whether the thread has ended in time."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def taken(self) -> None:
        """The delivered batch has begun: another may wait."""
        self._slot.release()

    def done(self, records: list[Record]) -> None:
        """These records need not be read again."""
        self._done.append(records)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._consume()
            except KafkaException as error:
                self._report(str(error))
                self._stop.wait(_RESTART_PAUSE)
            except Exception as error:
                self._broken(error)
                raise

    def _consume(self) -> None:
        consumer = Consumer(
            {**self._configuration, "error_cb": self._on_error}, logger=_silent_logger()
        )
        try:
            consumer.subscribe(
                [self._topic],
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )
            self._window = Window(self._size, self._interval, time.monotonic())
            while not self._stop.is_set():
                self._store_done(consumer)
                self._step(consumer)
            self._store_done(consumer)
        finally:
            # Commits what is stored, and leaves the group.
            consumer.close()
            self.assignments.clear()

    def _store_done(self, consumer: Consumer) -> None:
        """Mark offsets as done; librdkafka commits them within 200 ms, like the extension.

        Only here, in the thread that polls: called beside a poll it would wait for that with
        the interpreter's lock held, which the poll needs to return.
        """
        while self._done:
            records = self.assignments.current(self._done.popleft())
            for (topic, partition), offset in offsets_after(records).items():
                consumer.store_offsets(offsets=[TopicPartition(topic, partition, offset)])

    def _step(self, consumer: Consumer) -> None:
        if self._quiet.is_set():
            self._pause(consumer)
            self._poll(consumer, _IDLE_POLL)
        elif not self._window.is_due(time.monotonic()):
            self._resume(consumer)
            self._poll(consumer, self._window.left(time.monotonic()))
        elif self._slot.acquire(blocking=False):
            self._deliver(self._window.take(time.monotonic()))
        else:
            self._pause(consumer)
            self._poll(consumer, _IDLE_POLL)

    def _poll(self, consumer: Consumer, seconds: float) -> None:
        # A short bound keeps a stop prompt; librdkafka returns earlier when a record is there.
        message = consumer.poll(min(seconds, 0.25))
        if message is None:
            return
        error = message.error()
        if error is None:
            self._works()
            self._window.add(self._record(message))
        elif error.fatal():
            raise KafkaException(error)
        else:
            self._report(error.str())

    def _record(self, message: Any) -> Record:
        partition = (message.topic(), message.partition())
        kind, milliseconds = message.timestamp()
        return Record(
            partition=partition,
            offset=message.offset(),
            epoch=self.assignments.epoch(partition),
            key=message.key(),
            body=message.value() or b"",
            timestamp=milliseconds / 1000 if kind else None,
            headers=tuple(message.headers() or ()),
        )

    def _pause(self, consumer: Consumer) -> None:
        if self._paused is not True:
            consumer.pause(consumer.assignment())
            self._paused = True

    def _resume(self, consumer: Consumer) -> None:
        if self._paused is not False:
            consumer.resume(consumer.assignment())
            self._paused = False

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.assignments.assign((item.topic, item.partition) for item in partitions)
        # Whether an assignment resets pauses is librdkafka's business: the next step says anew.
        self._paused = None
        self._works()
        self.joined.set()

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # Before they go, librdkafka commits what is stored: the next owner reads less again.
        self._store_done(consumer)
        self._on_lost(consumer, partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.assignments.revoke((item.topic, item.partition) for item in partitions)
        self._window.keep(self.assignments)

    def _on_error(self, error: KafkaError) -> None:
        if error.code() in _UNREACHABLE:
            self._report(f"no broker answers ({error.str()})")
        else:
            self._report(error.str())

    def _report(self, problem: str) -> None:
        # One line when a problem begins, not one for each reconnect.
        if self._problem is None:
            logger.warning("kafka topic %s: %s; trying on", self._topic, problem)
        self._problem = problem

    def _works(self) -> None:
        if self._problem is not None:
            logger.info("kafka topic %s answers again", self._topic)
            self._problem = None


def _silent_logger() -> logging.Logger:
    """librdkafka repeats each failed connect; what matters comes by ``error_cb``."""
    silent = logging.getLogger("librdkafka")
    silent.setLevel(logging.CRITICAL)
    return silent
