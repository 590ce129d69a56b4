"""Calls functions as Azure's worker does: context, time-out, thread pool, failures logged.

All asynchronous functions of an app share the one event loop of the process; synchronous ones
run in a thread pool. What a failure means (500, another try, the poison queue) is decided by
the trigger that asked.
"""

import asyncio
import contextvars
import functools
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import azure.functions as func
from azure.functions import _abc

from infrastructure.local.functions_host.declarations import Function, HttpTrigger

logger = logging.getLogger(__name__)


class TraceContext(_abc.TraceContext):
    """The caller's W3C trace headers, empty where there is no caller."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    @property
    def trace_parent(self) -> str:
        return self._headers.get("traceparent", "")

    @property
    def trace_state(self) -> str:
        return self._headers.get("tracestate", "")

    @property
    def attributes(self) -> dict[str, str]:
        return {}


class Context(func.Context):
    """What a function that declares ``context`` is given."""

    # Not a proper type in the SDK: it annotates an instance by the class.
    _storage: Any = threading.local()

    def __init__(self, function: Function, headers: Mapping[str, str]) -> None:
        self._function = function
        self._invocation_id = str(uuid.uuid4())
        self._trace = TraceContext(headers)

    @property
    def invocation_id(self) -> str:
        return self._invocation_id

    @property
    def thread_local_storage(self) -> Any:
        return self._storage

    @property
    def function_name(self) -> str:
        return self._function.name

    @property
    def function_directory(self) -> str:
        return self._function.directory

    @property
    def trace_context(self) -> _abc.TraceContext:
        return self._trace

    @property
    def retry_context(self) -> Any:
        # Retry policies are refused at start, so there never is one.
        return None


class Failed(Exception):
    """The function raised, was cancelled by its time-out, or returned what it may not."""


class Invoker:
    """Runs one function at a time for each caller; ``timeout`` is ``functionTimeout``."""

    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout
        self._threads: ThreadPoolExecutor | None = None

    async def __call__(
        self, function: Function, value: object, headers: Mapping[str, str] | None = None
    ) -> Any:
        """The function's result; Failed after the failure has been logged."""
        arguments: dict[str, object] = {function.argument: value}
        if function.wants_context:
            arguments["context"] = Context(function, headers or {})
        started = time.perf_counter()
        try:
            # An unbounded time-out is None; the block is then free of timers.
            async with asyncio.timeout(self._timeout) as deadline:
                if function.is_async:
                    result = await function.call(**arguments)
                else:
                    result = await self._in_thread(function.call, arguments)
            if result is not None and not isinstance(function.trigger, HttpTrigger):
                raise TypeError("a function without a $return binding returned a value")
        except Exception as error:
            if isinstance(error, TimeoutError) and deadline.expired():
                error = TimeoutError(f"functionTimeout of {self._timeout:g} s passed")
            _log_failure(function, started, error)
            raise Failed(function.name) from error
        return result

    async def _in_thread(self, call: Callable[..., Any], arguments: dict[str, object]) -> Any:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(thread_name_prefix="function")
        context = contextvars.copy_context()
        run = functools.partial(context.run, functools.partial(call, **arguments))
        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    def close(self) -> None:
        """Let go of the threads; one that still runs does not hold up the process's end."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


def _log_failure(function: Function, started: float, error: Exception) -> None:
    milliseconds = (time.perf_counter() - started) * 1000
    logger.error(
        "Executed 'Functions.%s' (Failed, Duration=%.0fms): %s: %s",
        function.name,
        milliseconds,
        type(error).__name__,
        error,
        exc_info=error,
    )
