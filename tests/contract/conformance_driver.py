"""Drives Microsoft's Python worker library over one staged app; runs in its own Python 3.13.

``azure-functions-runtime`` holds no gRPC: message classes are handed to it, so plain objects do.
Standard input is ``{"invocations": [{"function", "data", "metadata"}]}``, standard output
``{"failure", "functions", "results"}``. The library's internal interface is pinned by its
version (``test_worker_conformance.VERSION``).
"""

import asyncio
import json
import os
import sys
from typing import Any

KINDS = ("http", "string", "bytes", "json", "collection_bytes", "collection_string")
KINDS += ("collection_sint64",)


class Message:
    """A protobuf message in the shape of its attributes."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the driver sets no {name}")


class TypedData(Message):
    """A value with its kind, as the host sends it."""

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802 - protobuf's name
        return next((kind for kind in KINDS if kind in self.__dict__), None)


class ParameterBinding(Message):
    """A named value."""

    def WhichOneof(self, group: str) -> str:  # noqa: N802 - protobuf's name
        return "data"


class StatusResult(Message):
    """How a request ended."""

    Failure, Success = 0, 1


class BindingInfo(Message):
    """A binding of a function; directions and types have protobuf's numbers."""

    undefined, string, binary, stream = 0, 1, 2, 3
    out, inout = 1, 2


setattr(BindingInfo, "in", 0)


class RpcHttpCookie(Message):
    """A cookie of a response."""

    SameSite = type("SameSite", (), {"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})


class Protos:
    """The module of message classes that the worker is given."""

    TypedData = TypedData
    ParameterBinding = ParameterBinding
    StatusResult = StatusResult
    BindingInfo = BindingInfo
    RpcHttpCookie = RpcHttpCookie

    def __getattr__(self, name: str) -> type[Message]:
        return type(name, (Message,), {})


def typed(value: dict[str, Any]) -> TypedData:
    """Read ``{kind: content}``: bytes are text here, collections lists."""
    [(kind, content)] = value.items()
    if kind == "bytes":
        return TypedData(bytes=content.encode())
    if kind == "http":
        return TypedData(http=Message(**{**content, "body": typed(content["body"])}))
    if kind == "collection_bytes":
        return TypedData(collection_bytes=Message(bytes=[item.encode() for item in content]))
    if kind.startswith("collection_"):
        name = kind.removeprefix("collection_")
        return TypedData(**{kind: Message(**{name: content})})
    return TypedData(**{kind: content})


def plain(value: Any) -> Any:
    """A message as JSON values."""
    if isinstance(value, Message):
        return {name: plain(item) for name, item in vars(value).items()}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


def request(protos: Protos, **content: Any) -> Message:
    """A request as the worker's dispatcher wraps it."""
    return Message(request=Message(**content), properties={"host": "127.0.0.1", "protos": protos})


async def main(app: str) -> dict[str, Any]:
    """Index the app, then invoke."""
    import azure_functions_runtime as worker

    protos = Protos()
    start = Message(capabilities={}, function_app_directory=app)
    started = await worker.worker_init_request(request(protos, worker_init_request=start))
    if started.result.status != StatusResult.Success:
        return {"failure": started.result.exception.message, "functions": [], "results": []}
    indexed = await worker.functions_metadata_request(request(protos))
    functions = {item.name: item for item in indexed.function_metadata_results}
    worker.start_threadpool_executor()
    asked = json.load(sys.stdin)["invocations"]
    results = [await invoke(worker, protos, functions[item["function"]], item) for item in asked]
    worker.stop_threadpool_executor()
    described = [
        {"name": item.name, "bindings": [json.loads(raw) for raw in item.raw_bindings]}
        for item in functions.values()
    ]
    return {"failure": None, "functions": described, "results": results}


async def invoke(worker: Any, protos: Protos, function: Any, item: dict[str, Any]) -> Any:
    """One invocation, with the trigger's value and metadata."""
    bindings = [json.loads(raw) for raw in function.raw_bindings]
    [trigger] = [binding["name"] for binding in bindings if binding["type"].endswith("Trigger")]
    call = Message(
        invocation_id=f"invocation-{item['function']}",
        function_id=function.function_id,
        input_data=[ParameterBinding(name=trigger, data=typed(item["data"]))],
        trigger_metadata={name: typed(value) for name, value in item["metadata"].items()},
        trace_context=Message(trace_parent=item.get("trace", ""), trace_state="", attributes={}),
        retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
    )
    answer = await worker.invocation_request(request(protos, invocation_request=call))
    if answer.result.status != StatusResult.Success:
        return {"failure": answer.result.exception.message}
    return {"failure": None, "value": plain(answer.return_value)}


if __name__ == "__main__":
    # The app folder comes first, as the worker's own launcher does.
    sys.path.insert(0, sys.argv[1])
    os.chdir(sys.argv[1])
    # The library and the app may print: only the last line is the answer.
    answer = asyncio.run(main(sys.argv[1]))
    print("\n" + json.dumps(answer))
