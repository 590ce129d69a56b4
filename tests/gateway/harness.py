"""Starts the real nginx on a rendered configuration, and stands between it and Blob."""

import asyncio
import contextlib
import itertools
import json
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from infrastructure.gateway.render import GatewayConfig, command, render

FIRST_PORT = 24000
LAST_PORT = 32000
_tried = itertools.count(os.getpid() * 41)


def free_port() -> int:
    """A port below the ephemeral range that nobody listens on; never the same one twice."""
    span = LAST_PORT - FIRST_PORT
    for number in itertools.islice(_tried, span):
        port = FIRST_PORT + number % span
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise OSError("no free port")


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 20) -> Any:
    """Ask again and again until the answer is true; its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = await condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition.__doc__}"
        await asyncio.sleep(0.02)


@dataclass
class Gateway:
    """A running nginx."""

    config: GatewayConfig
    process: asyncio.subprocess.Process
    folder: Path

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.config.port

    def client(self, host: str, **options: Any) -> httpx.AsyncClient:
        """A client of one host; nothing is decoded or followed behind the test's back."""
        headers = {"host": f"{host}:{self.port}", "accept-encoding": "identity"}
        return httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={**headers, **options.pop("headers", {})},
            timeout=30,
            trust_env=False,
            **options,
        )

    async def get(self, host: str, path: str = "/", **headers: str) -> httpx.Response:
        """One request; underscores in a header's name stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client(host) as client:
            return await client.get(path, headers=named)

    async def raw(self, request: bytes) -> bytes:
        """All that comes back on one connection for these bytes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            await writer.drain()
            return await asyncio.wait_for(reader.read(), 20)
        finally:
            writer.close()

    async def stop(self) -> None:
        """End nginx cleanly, so that its logs are whole."""
        if self.process.returncode is None:
            self.process.terminate()
        await asyncio.wait_for(self.process.wait(), 20)

    def logs(self) -> str:
        """Everything that nginx wrote into its state folder's logs."""
        names = ("access.log", "error.log")
        files = [self.config.state_dir / name for name in names]
        texts = [file.read_text(errors="replace") for file in files if file.exists()]
        return "".join(texts) + (self.folder / "output").read_text(errors="replace")

    def records(self) -> list[dict[str, Any]]:
        """The lines of the access log."""
        text = (self.config.state_dir / "access.log").read_text(errors="replace")
        return [json.loads(line) for line in text.split("\n") if line]


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[Gateway]:
    """An nginx with these settings, ended cleanly; nothing of it stays."""
    with tempfile.TemporaryDirectory(prefix="gateway-") as name:
        folder = Path(name)
        config = GatewayConfig(
            **{
                "port": free_port(),
                "state_dir": folder / "state",
                "run_as_root": os.geteuid() == 0,
                "route_max_age": 0.4,
                "cache_max_size": "64m",
                **settings,
            }
        )
        render(config, folder / "nginx")
        with (folder / "output").open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *command(folder / "nginx"), stdout=output, stderr=output
            )
        gateway = Gateway(config, process, folder)
        try:
            await until(lambda: _listening(gateway))
            yield gateway
        finally:
            await gateway.stop()
        assert "exited on signal 11" not in gateway.logs(), "a worker crashed"


async def _listening(gateway: Gateway) -> bool:
    """nginx accepts connections."""
    assert gateway.process.returncode is None, (gateway.folder / "output").read_text()
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    except OSError:
        return False
    writer.close()
    return True


class Valve:
    """A TCP relay to Blob that can refuse, hang, or count: an outage without harming Blob."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.port = free_port()
        self._flowing = asyncio.Event()
        self.requests: list[str] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def hang(self) -> None:
        """Accept connections and bytes, and answer nothing."""
        self._flowing.clear()

    async def open(self) -> None:
        """Let requests through."""
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Refuse connections, and cut those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            onward, back = await asyncio.open_connection("127.0.0.1", self._target)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, back, watch=True))
                group.create_task(self._pump(onward, writer))
        except (OSError, asyncio.CancelledError, ExceptionGroup):
            pass  # either side went away, or the valve was closed: that is what it is for
        finally:
            writer.close()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, watch: bool = False
    ) -> None:
        try:
            while data := await source.read(65536):
                await self._flowing.wait()
                if watch and data.startswith((b"GET ", b"PUT ")):
                    self.requests.append(data.split(b" ", 2)[1].decode())
                sink.write(data)
                await sink.drain()
        finally:
            sink.close()
