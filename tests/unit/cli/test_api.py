"""How the client meets an API that fails in ways that a real one seldom does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from frontend.cli.api import Api
from frontend.cli.errors import RefusedError, UnreachableError, UsageError

URL = "http://localhost:8080"
TOKENS = {"access_token": "a1", "refresh_token": "r1", "expires_in": 900}
Answer = httpx.Response | Exception


class Server:
    """Answers in order and remembers what it was asked; the last answer repeats."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def api(self) -> Api:
        return Api(URL, httpx.MockTransport(self), self.sleep)


def _ok(body: Any) -> httpx.Response:
    return httpx.Response(200, json=body)


async def test_a_stale_token_is_renewed_once() -> None:
    """The request is sent again with the new token, and the new refresh token is kept."""
    fresh = {**TOKENS, "access_token": "a2"}
    server = Server(_ok(TOKENS), httpx.Response(401, json={}), _ok(fresh), _ok({"state": "ready"}))
    async with server.api() as api:
        await api.sign_in("ticket")
        assert await api.deployment("d") == {"state": "ready"}
    assert [request.headers.get("authorization") for request in server.requests] == [
        None,
        "Bearer a1",
        None,
        "Bearer a2",
    ]


async def test_a_token_that_stays_refused_is_an_error() -> None:
    """No endless renewal."""
    refused = httpx.Response(401, json={"code": "unauthenticated", "detail": "Sign in again."})
    server = Server(_ok(TOKENS), refused, _ok(TOKENS), refused)
    async with server.api() as api:
        await api.sign_in("ticket")
        with pytest.raises(RefusedError, match="Sign in again"):
            await api.deployment("d")


async def test_a_repeated_post_is_the_same_one() -> None:
    """After a lost answer the key is the same, so the platform makes one project."""
    lost = httpx.ReadError("lost")
    page = _ok({"items": []})
    server = Server(page, lost, httpx.Response(503), httpx.Response(201, json={"id": "p"}))
    async with server.api() as api:
        assert await api.find_or_create_project("shop", "Shop") == ({"id": "p"}, True)
    keys = {request.headers["idempotency-key"] for request in server.requests[1:]}
    assert len(keys) == 1
    assert len(server.requests) == 4


async def test_a_limit_is_waited_for() -> None:
    """As long as ``Retry-After`` says, but not for ever."""
    slow = httpx.Response(429, headers={"Retry-After": "7"}, json={"code": "rate_limited"})
    slower = httpx.Response(429, headers={"Retry-After": "9000"}, json={"code": "rate_limited"})
    server = Server(slow, slower, _ok({"state": "ready"}))
    async with server.api() as api:
        await api.deployment("d")
    assert server.pauses == [7.0, 30.0]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(httpx.ConnectError("refused"), id="nothing listens"),
        pytest.param(httpx.ReadTimeout("slow"), id="never answers"),
        pytest.param(httpx.Response(502, text="<html>"), id="gateway without an API"),
        pytest.param(httpx.Response(200, text="<html>"), id="another server"),
        pytest.param(httpx.Response(200, json=[]), id="another API"),
        pytest.param(httpx.Response(500, json={}), id="broken"),
    ],
)
async def test_what_is_not_our_api_is_unreachable(answer: Answer) -> None:
    """The address, the reason and the next step; exit code 2."""
    async with Server(answer).api() as api:
        with pytest.raises(UnreachableError) as caught:
            await api.sign_in("ticket")
    assert URL in caught.value.detail
    assert "./dev up" in caught.value.detail
    assert caught.value.exit_code == 2


async def test_a_used_ticket_says_how_to_go_on() -> None:
    """It is a matter of how the command was called, not of the deployment."""
    used = httpx.Response(401, json={"code": "ticket_used", "title": "Used", "detail": "Used."})
    async with Server(used).api() as api:
        with pytest.raises(UsageError, match="run the command again"):
            await api.sign_in("ticket")


async def test_fields_are_part_of_a_refusal() -> None:
    """A problem's fields are shown where its detail does not say them already."""
    problem = {
        "code": "validation_failed",
        "title": "A value is not acceptable",
        "detail": "The request has a wrong value.",
        "fields": [{"field": "slug", "reason": "too long"}],
    }
    async with Server(httpx.Response(422, json=problem)).api() as api:
        with pytest.raises(RefusedError, match=r"wrong value\. \(slug: too long\)"):
            await api.find_or_create_project("x", "x")


@pytest.mark.parametrize(
    ("answers", "check"),
    [
        ([httpx.Response(201)], lambda told, server: told[-1] == 600_000),
        ([httpx.WriteError("torn"), httpx.Response(201)], lambda told, server: len(told) > 3),
        ([httpx.Response(503), httpx.Response(201)], lambda told, server: server.pauses == [0.25]),
    ],
)
async def test_an_upload_survives_a_torn_connection(
    tmp_path: Path, answers: list[Answer], check: Callable[[list[int], Server], bool]
) -> None:
    """It begins again from the first byte, with its length and headers, and tells how far."""
    archive = tmp_path / "a.zip"
    archive.write_bytes(b"x" * 600_000)
    told: list[int] = []
    server = Server(*answers)
    headers = {"x-ms-blob-type": "BlockBlob"}
    upload = {"url": f"{URL}/_blob/staging/u?sig=s", "method": "PUT", "headers": headers}
    async with server.api() as api:
        await api.put(upload, archive, told.append)
    last = server.requests[-1]
    assert last.headers["content-length"] == "600000"
    assert last.headers["x-ms-blob-type"] == "BlockBlob"
    assert "authorization" not in last.headers
    assert last.content == b"x" * 600_000
    assert check(told, server)


async def test_a_refused_upload_does_not_show_its_address(tmp_path: Path) -> None:
    """The address is signed: whoever reads the error could use it."""
    archive = tmp_path / "a.zip"
    archive.write_bytes(b"x")
    answer = httpx.Response(403, headers={"x-ms-error-code": "AuthenticationFailed"})
    upload = {"url": f"{URL}/_blob/staging/u?sig=secret", "method": "PUT", "headers": {}}
    async with Server(answer).api() as api:
        with pytest.raises(RefusedError, match="AuthenticationFailed") as caught:
            await api.put(upload, archive, lambda _: None)
    assert "secret" not in json.dumps(caught.value.failure)
