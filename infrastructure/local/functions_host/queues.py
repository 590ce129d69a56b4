"""Storage queue triggers with the rules of Azure's QueueListener.

A message is hidden for ten minutes when received and renewed while its function runs, so that of
a dead host comes back late. A failure shows it again after ``visibilityTimeout``, and after
``maxDequeueCount`` tries it is moved to ``<queue>-poison``. A poison queue has none of its own:
what fails there stays hidden. Unlike Azure, an absent queue is made, since nothing else makes it
on a laptop.
"""

import asyncio
import base64
import logging
import random
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.functions.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from infrastructure.local.functions_host.declarations import Function, QueueTrigger
from infrastructure.local.functions_host.errors import HostError
from infrastructure.local.functions_host.host_json import QueueOptions
from infrastructure.local.functions_host.invoker import Failed, Invoker
from infrastructure.local.functions_host.settings import expand

logger = logging.getLogger(__name__)

POISON_SUFFIX = "-poison"
_SHORTEST_POLLING = 0.1
# The message is no longer ours: somebody deleted it, or it was received again.
_LOST = {"MessageNotFound", "PopReceiptMismatch"}


class Outcome(Enum):
    """What becomes of a message that was looked at."""

    DONE = auto()
    FAILED = auto()
    HOPELESS = auto()


class Backoff:
    """Polling delays: a tenth of a second, doubled with jitter up to the longest."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._next = _SHORTEST_POLLING

    def reset(self) -> None:
        """A message was found: poll soon again."""
        self._next = _SHORTEST_POLLING

    def following(self) -> float:
        """The delay to wait now; the one after it is longer."""
        delay = min(self._next, self._longest)
        self._next = min(self._longest, self._next * 2 * random.uniform(0.8, 1.2))
        return delay


class QueueListener:
    """Polls one queue and runs its function for each message."""

    def __init__(
        self,
        function: Function,
        invoke: Invoker,
        options: QueueOptions,
        queue: QueueClient,
        poison: QueueClient | None,
        invisibility: float,
    ) -> None:
        self._function = function
        self._invoke = invoke
        self._options = options
        self._queue = queue
        self._poison = poison
        self._invisibility = round(invisibility)
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._reached = False
        self._problem: str | None = None

    @property
    def waiting_for(self) -> str | None:
        """What keeps the trigger from listening, or None."""
        if self._reached:
            return None
        return f"queue {self._queue.queue_name}" + (f": {self._problem}" if self._problem else "")

    def start(self) -> None:
        """Begin to poll."""
        self.task = asyncio.create_task(self._poll(), name=f"queue {self._queue.queue_name}")

    async def drain(self) -> None:
        """Receive no more, and let what runs end."""
        self._stopping.set()
        if self.task:
            await self.task
        if self._running:
            await asyncio.wait(self._running)
        await self._close()

    def abort(self) -> None:
        """Cancel what still runs; its messages come back when their invisibility ends."""
        for task in [self.task, *self._running]:
            if task:
                task.cancel()

    async def _close(self) -> None:
        await self._queue.close()
        if self._poison:
            await self._poison.close()

    async def _poll(self) -> None:
        backoff = Backoff(self._options.max_polling_interval)
        while not self._stopping.is_set():
            messages = await self._receive()
            if not messages:
                await self._pause(backoff.following())
                continue
            backoff.reset()
            for message in messages:
                task = asyncio.create_task(self._process(message))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            while len(self._running) > self._options.new_batch_threshold:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _receive(self) -> list[Any]:
        try:
            pages = self._queue.receive_messages(
                messages_per_page=self._options.batch_size, visibility_timeout=self._invisibility
            ).by_page()
            messages = [message async for message in await anext(pages)]
        except StopAsyncIteration:
            messages = []
        except ResourceNotFoundError:
            await self._create(self._queue)
            return []
        except AzureError as error:
            self._failed(error)
            return []
        self._works()
        return messages

    async def _create(self, queue: QueueClient) -> None:
        try:
            await queue.create_queue()
        except ResourceExistsError:
            return
        except AzureError as error:
            self._failed(error)

    def _works(self) -> None:
        if self._problem:
            logger.info("queue %s answers again", self._queue.queue_name)
        self._reached, self._problem = True, None

    def _failed(self, error: AzureError) -> None:
        problem = type(error).__name__
        if self._problem != problem:
            logger.warning("queue %s: %s; trying on", self._queue.queue_name, error.message)
        self._problem = problem

    async def _process(self, message: Any) -> None:
        renewal = asyncio.create_task(self._renew(message))
        try:
            outcome = await self._run(message)
        finally:
            renewal.cancel()
            await asyncio.gather(renewal, return_exceptions=True)
        try:
            await self._settle(message, outcome)
        except AzureError as error:
            self._report_unsettled(message, error)

    async def _run(self, message: Any) -> Outcome:
        # Received once too often without an end: whoever had it died with it.
        if message.dequeue_count > self._options.max_dequeue_count:
            return Outcome.HOPELESS
        try:
            body = self._decode(message.content)
        except ValueError:
            logger.error("queue %s: message %s is no base64", self._queue.queue_name, message.id)
            return Outcome.HOPELESS
        try:
            await self._invoke(self._function, convert(message, body))
        except Failed:
            last = message.dequeue_count >= self._options.max_dequeue_count
            return Outcome.HOPELESS if last else Outcome.FAILED
        return Outcome.DONE

    async def _settle(self, message: Any, outcome: Outcome) -> None:
        if outcome is Outcome.DONE:
            await self._queue.delete_message(message.id, message.pop_receipt)
        elif self._poison is None:
            # As on Azure: left hidden, so that it does not come round in a tight loop.
            return
        elif outcome is Outcome.HOPELESS:
            await self._move_to_poison(message, self._poison)
            await self._queue.delete_message(message.id, message.pop_receipt)
        else:
            await self._queue.update_message(
                message.id,
                message.pop_receipt,
                visibility_timeout=round(self._options.visibility_timeout),
            )

    async def _move_to_poison(self, message: Any, poison: QueueClient) -> None:
        logger.error(
            "message %s was tried %d times; it moves to %s",
            message.id,
            message.dequeue_count,
            poison.queue_name,
        )
        try:
            await poison.send_message(message.content)
        except ResourceNotFoundError:
            await self._create(poison)
            await poison.send_message(message.content)

    async def _renew(self, message: Any) -> None:
        """Keep the message hidden; the receipt changes with each renewal."""
        while True:
            await asyncio.sleep(self._invisibility / 2)
            try:
                updated = await self._queue.update_message(
                    message.id, message.pop_receipt, visibility_timeout=self._invisibility
                )
            except AzureError as error:
                logger.warning("message %s is not renewed: %s", message.id, error.message)
                continue
            message.pop_receipt = updated.pop_receipt

    def _report_unsettled(self, message: Any, error: AzureError) -> None:
        code = getattr(error, "error_code", None) if isinstance(error, HttpResponseError) else None
        level = logging.INFO if getattr(code, "value", code) in _LOST else logging.WARNING
        logger.log(
            level,
            "message %s of %s is not settled and comes back: %s",
            message.id,
            self._queue.queue_name,
            error.message,
        )

    def _decode(self, content: str) -> bytes:
        if self._options.message_encoding == "none":
            return content.encode()
        return base64.b64decode(content, validate=True)


def convert(message: Any, body: bytes) -> QueueMessage:
    """A received message as a function is given it."""
    return QueueMessage(  # type: ignore[no-untyped-call]
        id=message.id,
        body=body,
        dequeue_count=message.dequeue_count,
        expiration_time=message.expires_on,
        insertion_time=message.inserted_on,
        time_next_visible=message.next_visible_on,
        pop_receipt=message.pop_receipt,
    )


def connect(
    function: Function,
    trigger: QueueTrigger,
    invoke: Invoker,
    options: QueueOptions,
    environment: Mapping[str, str],
    invisibility: float,
) -> QueueListener:
    """The listener of a declared trigger, with clients for its queue and poison queue."""
    # The poll loop itself tries for ever: the SDK's long pauses would only hold it up.
    where = f"function {function.name}"
    name = expand(trigger.queue, environment, where)
    connection = environment.get(trigger.connection, "")
    if not connection:
        raise HostError(
            f"{where}: the setting {trigger.connection} is absent; it holds the connection string "
            f"of the storage account with the queue {name}"
        )
    names = [name] if name.endswith(POISON_SUFFIX) else [name, name + POISON_SUFFIX]
    try:
        clients = [
            QueueClient.from_connection_string(connection, each, retry_total=1, initial_backoff=1)
            for each in names
        ]
    except ValueError:
        raise HostError(f"{where}: {trigger.connection} is no storage connection string") from None
    poison = clients[1] if len(clients) > 1 else None
    return QueueListener(function, invoke, options, clients[0], poison, invisibility)
