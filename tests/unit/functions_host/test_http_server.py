"""The ASGI side of HTTP triggers: the host's own state, bodies, headers, the prefix."""

from collections.abc import AsyncIterator, MutableMapping, Sequence
from typing import Any

import azure.functions as func
import pytest

from infrastructure.local.functions_host import declarations
from infrastructure.local.functions_host.http_server import BODY_LIMIT, HttpServer, state
from infrastructure.local.functions_host.invoker import Invoker

Headers = Sequence[tuple[bytes, bytes]]


class Client:
    """Calls the application without a socket."""

    def __init__(self, prefix: str = "api", waiting: Sequence[str] = ()) -> None:
        app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
        self.requests: list[func.HttpRequest] = []

        @app.route(route="echo", methods=["GET", "POST"])
        async def echo(req: func.HttpRequest) -> func.HttpResponse:
            self.requests.append(req)
            return func.HttpResponse(req.get_body(), headers={"Content-Length": "999"})

        @app.route(route="nothing", methods=["GET"])
        async def nothing(req: func.HttpRequest) -> func.HttpResponse:
            return func.HttpResponse(status_code=204)

        functions = declarations.read(app.get_functions())
        self._server = HttpServer(
            functions, prefix, Invoker(None), lambda: state("api", waiting, False)
        )

    async def call(
        self, path: str, headers: Headers = (), messages: Sequence[MutableMapping[str, Any]] = ()
    ) -> list[MutableMapping[str, Any]]:
        """Send one request; the messages are those of its body."""
        sent: list[MutableMapping[str, Any]] = []
        incoming = _each(messages)

        async def receive() -> MutableMapping[str, Any]:
            return await anext(incoming)

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "scheme": "http",
            "method": "POST" if messages else "GET",
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": list(headers),
        }
        await self._server(scope, receive, send)
        return sent


async def _each(
    messages: Sequence[MutableMapping[str, Any]],
) -> AsyncIterator[MutableMapping[str, Any]]:
    for message in messages:
        yield message


@pytest.mark.parametrize(("waiting", "status"), [([], 200), (["kafka topic logs"], 503)])
async def test_the_status_is_running_once_every_trigger_listens(
    waiting: list[str], status: int
) -> None:
    """Until then 503, with what is waited for."""
    start, body = await Client(waiting=waiting).call("/admin/host/status")
    assert start["status"] == status
    assert (b"Running" in body["body"]) == (status == 200)
    assert all(name.encode() in body["body"] for name in waiting)


async def test_repeated_cookies_and_headers_are_joined_each_by_its_rule() -> None:
    """Cookies by a semicolon, other headers by a comma."""
    client = Client()
    headers = [(b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"x-a", b"1"), (b"x-a", b"2")]
    await client.call("/api/echo", headers)
    assert client.requests[0].headers["Cookie"] == "a=1; b=2"
    assert client.requests[0].headers["X-A"] == "1,2"


async def test_an_empty_prefix_serves_from_the_root() -> None:
    """routePrefix may be empty."""
    start, _ = await Client(prefix="").call("/echo")
    assert start["status"] == 200


async def test_the_length_of_an_answer_is_that_of_its_bytes() -> None:
    """Whatever the function said it is."""
    body = [{"type": "http.request", "body": b"four"}]
    start, _ = await Client().call("/api/echo", [(b"content-length", b"4")], body)
    assert dict(start["headers"])[b"content-length"] == b"4"


async def test_no_content_has_no_length() -> None:
    """As RFC 9110 wants it."""
    start, body = await Client().call("/api/nothing")
    assert (start["status"], body["body"]) == (204, b"")
    assert b"content-length" not in dict(start["headers"])


async def test_a_body_above_the_limit_is_refused_by_its_length_or_when_it_gets_there() -> None:
    """413 without running the function."""
    client = Client()
    announced = [(b"content-length", str(BODY_LIMIT + 1).encode())]
    start, _ = await client.call("/api/echo", announced, [{"type": "http.request"}])
    assert start["status"] == 413
    part = {"type": "http.request", "body": bytes(BODY_LIMIT // 2 + 1), "more_body": True}
    start, _ = await client.call("/api/echo", [(b"transfer-encoding", b"chunked")], [part, part])
    assert start["status"] == 413
    assert client.requests == []


async def test_a_client_that_goes_away_while_sending_is_not_served() -> None:
    """There is nobody to answer."""
    client = Client()
    parts = [
        {"type": "http.request", "body": b"x", "more_body": True},
        {"type": "http.disconnect"},
    ]
    assert await client.call("/api/echo", [(b"transfer-encoding", b"chunked")], parts) == []
    assert client.requests == []
