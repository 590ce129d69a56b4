"""Calling functions: results, failures, time-out, threads, context."""

import asyncio
import threading
from typing import Any

import azure.functions as func
import pytest

from infrastructure.local.functions_host.declarations import (
    Function,
    HttpTrigger,
    QueueTrigger,
    Trigger,
)
from infrastructure.local.functions_host.invoker import Failed, Invoker
from infrastructure.local.functions_host.templates import Template

HTTP = HttpTrigger(Template("x", "f"), frozenset())
QUEUE = QueueTrigger("q", "c")


def _function(call: Any, trigger: Trigger = QUEUE, *, context: bool = False) -> Function:
    return Function(
        "f", call, asyncio.iscoroutinefunction(call), "value", context, trigger, "/folder"
    )


async def test_the_result_of_an_http_function_is_returned() -> None:
    """Async ones run on the loop of the caller."""

    async def call(value: str) -> tuple[str, object]:
        return value, asyncio.get_running_loop()

    assert await Invoker(None)(_function(call, HTTP), "v") == ("v", asyncio.get_running_loop())


async def test_a_synchronous_function_runs_in_another_thread() -> None:
    """The loop stays free."""
    invoke = Invoker(5)

    def call(value: str) -> str:
        return threading.current_thread().name

    assert await invoke(_function(call, HTTP), "v") != threading.current_thread().name
    invoke.close()


async def test_the_context_names_the_invocation() -> None:
    """Each has an id of its own."""
    seen: list[func.Context] = []

    async def call(value: str, context: func.Context) -> None:
        seen.append(context)

    invoke = Invoker(None)
    function = _function(call, context=True)
    await invoke(function, "v", {"traceparent": "00-1-2-01"})
    await invoke(function, "v")
    assert seen[0].invocation_id != seen[1].invocation_id
    assert (seen[0].function_name, seen[0].function_directory) == ("f", "/folder")
    assert seen[0].trace_context.trace_parent == "00-1-2-01"


async def test_a_failure_is_logged_with_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    """One record with the traceback; the caller only learns that it failed."""

    async def call(value: str) -> None:
        raise KeyError("lost")

    with pytest.raises(Failed):
        await Invoker(None)(_function(call), "v")
    [entry] = caplog.records
    assert "Executed 'Functions.f' (Failed" in entry.message
    assert entry.exc_info is not None


async def test_the_time_out_cancels_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """An asynchronous function is really cancelled."""
    cancelled = asyncio.Event()

    async def call(value: str) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(Failed):
        await Invoker(0.05)(_function(call), "v")
    assert cancelled.is_set()
    assert "functionTimeout of 0.05 s passed" in caplog.text


async def test_a_time_out_within_the_function_stays_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A TimeoutError of a client is no functionTimeout."""

    async def call(value: str) -> None:
        raise TimeoutError("database")

    with pytest.raises(Failed):
        await Invoker(60)(_function(call), "v")
    assert "TimeoutError: database" in caplog.text


async def test_a_value_without_a_binding_for_it_is_a_failure() -> None:
    """As in Azure's worker: only HTTP functions return something."""

    async def call(value: str) -> int:
        return 1

    with pytest.raises(Failed):
        await Invoker(None)(_function(call), "v")
