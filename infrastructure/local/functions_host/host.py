"""The host of one app: builds the listeners it declares, runs them, drains them on a signal.

The order is Azure's: HTTP answers at once, the other triggers start to listen beside it, and
``/admin/host/status`` says ``Running`` when all do. On a stop every trigger ceases to take work,
what runs may end within the drain time, and the rest is cancelled; unsettled messages and
uncommitted records come back.
"""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import uvicorn

from infrastructure.local.functions_host.declarations import (
    Function,
    KafkaTrigger,
    QueueTrigger,
    TimerTrigger,
)
from infrastructure.local.functions_host.errors import HostError
from infrastructure.local.functions_host.host_json import HostConfiguration
from infrastructure.local.functions_host.http_server import HttpServer, state
from infrastructure.local.functions_host.invoker import Invoker

logger = logging.getLogger(__name__)

# Longer than the 60 s for which Nginx keeps an idle upstream connection: it must close first.
_KEEP_ALIVE = 75


class Listener(Protocol):
    """What the host needs of a queue, Kafka or timer trigger."""

    @property
    def waiting_for(self) -> str | None: ...

    @property
    def task(self) -> asyncio.Task[None] | None: ...

    def start(self) -> None: ...

    async def drain(self) -> None: ...

    def abort(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; times in seconds."""

    name: str
    address: str = "127.0.0.1"
    port: int = 0
    invisibility: float = 600.0
    drain: float = 30.0
    kafka_session: float = 6.0


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the host drains more than HTTP."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Host:
    """One app, from its declared functions to the end of the process."""

    def __init__(
        self,
        functions: Sequence[Function],
        configuration: HostConfiguration,
        environment: Mapping[str, str],
        options: Options,
    ) -> None:
        self._options = options
        self._invoke = Invoker(configuration.function_timeout)
        self.listeners = [
            listener
            for function in functions
            if (listener := self._listener(function, configuration, environment))
        ]
        self._application = HttpServer(
            functions, configuration.http.route_prefix, self._invoke, self.status
        )
        self._stop = asyncio.Event()

    def status(self) -> dict[str, Any]:
        """The host's own state, with what it still waits for."""
        waiting = [text for listener in self.listeners if (text := listener.waiting_for)]
        return state(self._options.name, waiting, self._stop.is_set())

    def stop(self) -> None:
        """Begin to drain."""
        self._stop.set()

    async def run(self, server_socket: socket.socket) -> bool:
        """Serve until told to stop; False when a trigger broke or the drain time ran out."""
        server = _Server(uvicorn_configuration(self._application))
        serving = asyncio.create_task(server.serve(sockets=[server_socket]), name="http")
        for listener in self.listeners:
            listener.start()
        intact = await self._until_stopped(serving)
        server.should_exit = True
        drained = await self._drain(serving)
        server.force_exit = not drained
        await asyncio.gather(serving, return_exceptions=True)
        self._invoke.close()
        return intact and drained

    def _listener(
        self, function: Function, configuration: HostConfiguration, environment: Mapping[str, str]
    ) -> Listener | None:
        # Imported here: an app pays only for the clients of the triggers that it declares.
        trigger = function.trigger
        if isinstance(trigger, QueueTrigger):
            from infrastructure.local.functions_host import queues

            queue_options, hidden = configuration.queues, self._options.invisibility
            return queues.connect(
                function, trigger, self._invoke, queue_options, environment, hidden
            )
        if isinstance(trigger, TimerTrigger):
            from infrastructure.local.functions_host.timers import TimerListener

            return TimerListener(function, self._invoke, environment)
        if isinstance(trigger, KafkaTrigger):
            from infrastructure.local.functions_host.kafka_listener import KafkaListener

            return KafkaListener(
                function,
                self._invoke,
                configuration.kafka,
                environment,
                self._options.kafka_session,
            )
        return None

    async def _until_stopped(self, serving: asyncio.Task[None]) -> bool:
        stop: asyncio.Task[Any] = asyncio.create_task(self._stop.wait())
        tasks = [task for listener in self.listeners if (task := listener.task)]
        watched: set[asyncio.Task[Any]] = {stop, serving, *tasks}
        done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        await stop
        broken = done - {stop}
        for ended in broken:
            error = None if ended.cancelled() else ended.exception()
            logger.critical("%s ended by itself; the host stops", ended.get_name(), exc_info=error)
        return not broken

    async def _drain(self, serving: asyncio.Task[None]) -> bool:
        """Whether all that ran has ended in time; what has not is cancelled."""
        ending = [asyncio.create_task(listener.drain()) for listener in self.listeners]
        _, late = await asyncio.wait({serving, *ending}, timeout=self._options.drain)
        if not late:
            return True
        logger.warning("not drained within %g s: what still runs is cancelled", self._options.drain)
        for listener in self.listeners:
            listener.abort()
        for task in late:
            task.cancel()
        return False


def uvicorn_configuration(application: HttpServer) -> uvicorn.Config:
    """Uvicorn as a plain HTTP/1.1 server: no log lines, no web sockets, no lifespan."""
    return uvicorn.Config(
        application,
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
    )


def listen(address: str, port: int) -> socket.socket:
    """The bound socket; HostError where the port is taken."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=2048)
    except OSError as error:
        raise HostError(
            f"port {port} on {address} cannot be used: {error.strerror}; choose another --port"
        ) from None


def drain_on_signals(host: Host) -> None:
    """The first SIGTERM or SIGINT drains, the second ends the process at once."""

    def received(number: int) -> None:
        if host.status()["state"] == "Stopping":
            os._exit(128 + number)
        logger.info("%s: draining", signal.Signals(number).name)
        host.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received, number)
