"""Queue triggers against a real queue service: tries, poison, renewal, loss of the host, drain."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue.aio import QueueClient

from tests.integration.functions_host.hosting import App, running, until
from tests.services.handles import Azurite

OPTIONS = {
    "maxPollingInterval": "00:00:00.2",
    "visibilityTimeout": "00:00:00",
    "batchSize": 16,
    "newBatchThreshold": 8,
    "maxDequeueCount": 2,
    "messageEncoding": "none",
}


class Queue:
    """A queue of the test's own with the app that listens to it."""

    def __init__(self, azurite: Azurite, folder: Path) -> None:
        self.name = f"test-{uuid4().hex}"
        self.client = QueueClient.from_connection_string(azurite.connection_string, self.name)
        self.poison = QueueClient.from_connection_string(
            azurite.connection_string, f"{self.name}-poison"
        )
        self._connection = azurite.connection_string
        self._folder = folder

    def app(self, **options: object) -> App:
        """The queue app; options are those of ``extensions.queues``."""
        settings = {"QUEUE": self.name, "STORAGE": self._connection}
        host = {"extensions": {"queues": {**OPTIONS, **options}}}
        return App(self._folder, "queue", settings, host)

    async def send(self, **body: object) -> None:
        """Put one message in."""
        await self.client.send_message(json.dumps(body))

    async def length(self, client: QueueClient) -> int:
        """How many messages there are, hidden ones too; an absent queue has none."""
        try:
            return (await client.get_queue_properties()).approximate_message_count or 0
        except ResourceNotFoundError:
            return 0

    async def becomes(self, client: QueueClient, length: int) -> None:
        """Wait until the queue has so many messages."""
        async with asyncio.timeout(30):
            while await self.length(client) != length:
                await asyncio.sleep(0.05)


@pytest.fixture
async def queue(azurite: Azurite, tmp_path: Path) -> AsyncIterator[Queue]:
    """A queue that is not there yet."""
    made = Queue(azurite, tmp_path)
    async with made.client, made.poison:
        yield made


def counted(app: App, key: str, number: int) -> Callable[[], bool]:
    """A condition: so many calls of a kind are recorded."""
    return lambda: len(app.calls(key)) >= number


async def test_messages_are_run_once_and_deleted(queue: Queue) -> None:
    """The host makes the absent queue, and a done message is gone."""
    app = queue.app()
    with running(app) as host:
        await host.ready()
        for number in range(20):
            await queue.send(number=number)
        await until(counted(app, "done", 20), host)
        await queue.becomes(queue.client, 0)
    assert sorted(body["number"] for body in app.calls("done")) == list(range(20))
    assert app.calls("tries") == [1] * 20


async def test_a_message_that_always_fails_moves_to_the_poison_queue(queue: Queue) -> None:
    """After maxDequeueCount tries it is in <queue>-poison, unchanged."""
    app = queue.app()
    with running(app) as host:
        await host.ready()
        await queue.send(do="fail", number=1)
        await queue.becomes(queue.poison, 1)
        await queue.becomes(queue.client, 0)
    assert app.calls("tries") == [1, 2]
    [message] = [message async for message in queue.poison.receive_messages()]
    assert json.loads(message.content) == {"do": "fail", "number": 1}


async def test_no_more_run_at_once_than_batch_and_threshold_allow(queue: Queue) -> None:
    """Concurrency is batchSize + newBatchThreshold."""
    app = queue.app(batchSize=2, newBatchThreshold=1)
    await queue.client.create_queue()
    for number in range(10):
        await queue.send(do="hold", number=number)
    with running(app) as host:
        await until(counted(app, "running", 2), host)
        app.release()
        await until(counted(app, "done", 10), host)
    assert max(app.calls("running")) <= 3


async def test_a_long_run_keeps_its_message_hidden(queue: Queue) -> None:
    """A message is renewed while its function runs longer than the invisibility."""
    app = queue.app()
    with running(app, "--invisibility", "2") as host:
        await host.ready()
        await queue.send(do="linger", seconds=5)
        await until(counted(app, "done", 1), host)
        await queue.becomes(queue.client, 0)
    assert app.calls("tries") == [1]


async def test_a_dead_host_s_message_comes_back(queue: Queue) -> None:
    """Killed in the middle: another host receives it again when the invisibility has ended."""
    app = queue.app()
    with running(app, "--invisibility", "2") as first:
        await first.ready()
        await queue.send(do="hold", number=1)
        await until(counted(app, "tries", 1), first)
        first.kill()
    app.release()
    with running(app, "--invisibility", "2") as second:
        await until(counted(app, "done", 1), second)
    assert app.calls("tries") == [1, 2]


async def test_a_message_whose_hosts_all_died_is_poison_without_another_run(queue: Queue) -> None:
    """Received more than maxDequeueCount times: it is moved without running."""
    app = queue.app(maxDequeueCount=1)
    await queue.client.create_queue()
    await queue.send(number=1)
    [message] = [m async for m in queue.client.receive_messages(visibility_timeout=30)]
    await queue.client.update_message(message, visibility_timeout=0)
    with running(app) as host:
        await queue.becomes(queue.poison, 1)
    assert app.calls("tries") == []
    assert "moves to" in host.text()


async def test_a_signal_lets_a_running_message_end(queue: Queue) -> None:
    """SIGTERM: the running message is finished and deleted, the exit code is 0."""
    app = queue.app()
    with running(app) as host:
        await host.ready()
        await queue.send(do="hold", number=1)
        await until(counted(app, "tries", 1), host)
        host.signal()
        await until(lambda: "draining" in host.text(), host)
        app.release()
        assert await host.ended() == 0
    assert len(app.calls("done")) == 1
    assert await queue.length(queue.client) == 0


async def test_base64_is_decoded_and_what_is_none_is_poison_at_once(queue: Queue) -> None:
    """messageEncoding base64, Azure's default."""
    app = queue.app(messageEncoding="base64")
    await queue.client.create_queue()
    await queue.client.send_message(base64.b64encode(b'{"number": 7}').decode())
    await queue.client.send_message("{}")
    with running(app) as host:
        await until(counted(app, "done", 1), host)
        await queue.becomes(queue.poison, 1)
    assert app.calls("done") == [{"number": 7}]
    assert app.calls("tries") == [1]


async def test_a_host_waits_for_storage_that_is_not_there(queue: Queue, tmp_path: Path) -> None:
    """It starts, tells what it waits for, and still drains cleanly."""
    app = queue.app()
    settings = json.loads((tmp_path / "local.settings.json").read_text())
    settings["Values"]["STORAGE"] = (
        "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;"
        "QueueEndpoint=http://127.0.0.1:9/a;"
    )
    (tmp_path / "local.settings.json").write_text(json.dumps(settings))
    with running(app) as host:
        await until(lambda: "trying on" in host.text(), host)
        host.signal()
        assert await host.ended() == 0
    assert "YQ==" not in host.text()
