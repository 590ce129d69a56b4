"""HTTP triggers as one ASGI application: a request becomes an ``HttpRequest`` and back.

It speaks ASGI directly, without a framework between: templates, methods and errors are Azure's
own, and each layer left out is paid back on every request and start. Header and query rules are
those of the Functions host and of the Python worker's converters.
"""

import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import azure.functions as func

from infrastructure.local.functions_host.declarations import Function, HttpTrigger
from infrastructure.local.functions_host.invoker import Failed, Invoker
from infrastructure.local.functions_host.templates import Router, decode_path

logger = logging.getLogger(__name__)

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
RawHeaders: TypeAlias = list[tuple[bytes, bytes]]

STATUS_PATH = "/admin/host/status"
# The host's default for FUNCTIONS_REQUEST_BODY_SIZE_LIMIT.
BODY_LIMIT = 104_857_600
_WITHOUT_BODY = {204, 304}
_NO_BODY: RawHeaders = [(b"content-length", b"0")]


class Disconnected(Exception):
    """The client went away before its request was complete."""


class TooLarge(Exception):
    """The body is above what the host accepts."""


class HttpServer:
    """The ASGI application of one app; ``status`` gives the host's own state."""

    def __init__(
        self,
        functions: Sequence[Function],
        prefix: str,
        invoke: Invoker,
        status: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._router = Router(
            [
                (function.trigger.template, function.trigger.methods, function)
                for function in functions
                if isinstance(function.trigger, HttpTrigger)
            ]
        )
        self._prefix = f"/{prefix}/".lower() if prefix else "/"
        self._invoke = invoke
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = decode_path(scope["raw_path"])
        found = self._find(scope["method"], path)
        if found is None:
            await self._own(path, send)
            return
        function, values = found
        headers = _headers(scope["headers"])
        try:
            body = await _body(headers, receive)
        except Disconnected:
            return
        except TooLarge:
            await _send(send, 413, list(_NO_BODY), b"")
            return
        request = func.HttpRequest(
            method=scope["method"],
            url=_url(scope, headers),
            headers=headers,
            params=_query(scope["query_string"]),
            route_params=values,
            body=body,
        )
        try:
            result = await self._invoke(function, request, headers)
            status, answer, content = _response(function, result)
        except Failed:
            status, answer, content = 500, list(_NO_BODY), b""
        if status in _WITHOUT_BODY:
            answer, content = [item for item in answer if item[0] != b"content-length"], b""
        await _send(send, status, answer, content)

    def _find(self, method: str, path: str) -> tuple[Function, dict[str, str]] | None:
        if path[: len(self._prefix)].lower() != self._prefix:
            return None
        return self._router.find(method, path[len(self._prefix) :])

    async def _own(self, path: str, send: Send) -> None:
        if path.lower() != STATUS_PATH:
            await _send(send, 404, list(_NO_BODY), b"")
            return
        state = self._status()
        content = json.dumps(state).encode()
        status = 200 if state["state"] == "Running" else 503
        await _send(send, status, _framed({"content-type": "application/json"}, content), content)


def _headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Lower-case names; a repeated header is joined by commas, a cookie by its own rule."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        if key in headers:
            text = headers[key] + ("; " if key == "cookie" else ",") + text
        headers[key] = text
    return headers


def _query(raw: bytes) -> dict[str, str]:
    """A repeated name is joined by commas, an empty value is left out: both as on Azure."""
    params: dict[str, str] = {}
    if raw:
        for name, value in parse_qsl(raw.decode("latin-1")):
            params[name] = f"{params[name]},{value}" if name in params else value
    return params


def _url(scope: Scope, headers: Mapping[str, str]) -> str:
    query = scope["query_string"]
    target = scope["raw_path"].decode("latin-1")
    url = f"{scope['scheme']}://{headers.get('host', 'localhost')}{target}"
    return f"{url}?{query.decode('latin-1')}" if query else url


async def _body(headers: Mapping[str, str], receive: Receive) -> bytes:
    length = headers.get("content-length")
    if "transfer-encoding" not in headers and length in (None, "0"):
        return b""
    if length is not None and int(length) > BODY_LIMIT:
        raise TooLarge
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return bytes(message.get("body", b""))
    return await _long_body(message, receive)


async def _long_body(message: MutableMapping[str, Any], receive: Receive) -> bytes:
    parts = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise Disconnected
        parts += message.get("body", b"")
        if len(parts) > BODY_LIMIT:
            raise TooLarge
        if not message.get("more_body"):
            return bytes(parts)
        message = await receive()


def _response(function: Function, result: object) -> tuple[int, RawHeaders, bytes]:
    """What the worker's converter makes of a result: an HttpResponse, a string or nothing."""
    if isinstance(result, func.HttpResponse):
        content = result.get_body()
        return result.status_code, _response_headers(result, content), content
    if isinstance(result, str):
        content = result.encode()
        return 200, _framed({"content-type": "text/plain; charset=utf-8"}, content), content
    if result is None:
        return 204, [], b""
    logger.error(
        "function %s returned %s: an HTTP function returns func.HttpResponse or str",
        function.name,
        type(result).__name__,
    )
    return 500, list(_NO_BODY), b""


def _response_headers(response: func.HttpResponse, content: bytes) -> RawHeaders:
    # The worker hands headers over as a mapping, the last of a name wins; cookies are a list.
    single: dict[str, str] = {}
    cookies: RawHeaders = []
    for name, value in response.headers.items():
        key = name.lower()
        if key == "set-cookie":
            cookies.append((b"set-cookie", value.encode("latin-1")))
        elif key not in ("content-length", "transfer-encoding"):
            single[key] = value
    if "content-type" not in single:
        text = response.mimetype.startswith("text/")
        charset = f"; charset={response.charset}" if text else ""
        single["content-type"] = f"{response.mimetype}{charset}"
    return _framed(single, content) + cookies


def _framed(headers: Mapping[str, str], content: bytes) -> RawHeaders:
    framed = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    framed.append((b"content-length", b"%d" % len(content)))
    return framed


async def _send(send: Send, status: int, headers: RawHeaders, content: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def state(
    name: str, waiting: Sequence[str], stopping: bool, instance: str = uuid.uuid4().hex
) -> dict[str, Any]:
    """The answer of ``/admin/host/status``: ``Running`` only once every trigger listens."""
    word = "Stopping" if stopping else "Initializing" if waiting else "Running"
    return {"id": name, "instanceId": instance, "state": word, "waiting": list(waiting)}
