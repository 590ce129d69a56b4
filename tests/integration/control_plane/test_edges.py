"""The edges of the API: bad bodies, idempotency keys, rate limits, request ids."""

import asyncio
from typing import Any

import httpx
import pytest

from shared.triggers.requests import MAX_BODY_BYTES
from tests.services.platform import Platform

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", JSON, 400, "malformed_json"),
        (b"\xff\xfe", JSON, 400, "malformed_json"),
        (b"[]", JSON, 400, "invalid_request"),
        (b'{"slug": 5}', JSON, 400, "invalid_request"),
        (b'{"slug": null}', JSON, 400, "invalid_request"),
        (b"{}", JSON, 400, "invalid_request"),
        (b'{"slug": "shop", "colour": "red"}', JSON, 400, "invalid_request"),
        (b'{"slug": "shop", "name": " "}', JSON, 400, "invalid_request"),
        (b'{"slug": "shop", "account_id": "x"}', JSON, 400, "invalid_request"),
        (b"slug=shop", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b'{"slug": "shop"}', {}, 415, "unsupported_media_type"),
        (b" " * (MAX_BODY_BYTES + 1), JSON, 413, "too_large"),
    ],
)
async def test_a_bad_body_is_refused_with_its_code(
    client: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    """Each kind of bad body has its status and code, as problem+json."""
    answer = await client.post("projects", content=content, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_unknown_field_is_named(client: httpx.AsyncClient) -> None:
    """A typo is told, not ignored."""
    answer = await client.post("projects", json={"slug": "shop", "nmae": "Shop"})

    assert [problem["field"] for problem in answer.json()["fields"]] == ["nmae"]


async def test_values_are_not_repeated_in_errors(client: httpx.AsyncClient) -> None:
    """What was sent may be a secret in the wrong field: the answer does not hold it."""
    answer = await client.post("projects", json={"slug": "shop", "password": "hunter2"})

    assert answer.status_code == 400
    assert "hunter2" not in answer.text


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "colour=red"])
async def test_a_bad_query_is_refused(client: httpx.AsyncClient, query: str) -> None:
    """Query strings are checked like bodies."""
    answer = await client.get(f"projects?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_a_request_id_comes_back(client: httpx.AsyncClient) -> None:
    """The caller's own id where it is harmless, a new one where it is not."""
    kept = await client.get("me", headers={"X-Request-Id": "build-7.3"})
    new = await client.get("me", headers={"X-Request-Id": "a b\tc"})

    assert kept.headers["x-request-id"] == "build-7.3"
    assert len(new.headers["x-request-id"]) == 32


async def test_one_key_and_body_have_one_effect_and_one_answer(
    client: httpx.AsyncClient,
) -> None:
    """The second answer is the first one again."""
    headers = {"Idempotency-Key": "k1"}
    first = await client.post("projects", json={"slug": "shop"}, headers=headers)
    again = await client.post("projects", json={"slug": "shop"}, headers=headers)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"


async def test_a_key_with_another_body_is_refused(client: httpx.AsyncClient) -> None:
    """A key stands for one request."""
    headers = {"Idempotency-Key": "k1"}
    await client.post("projects", json={"slug": "shop"}, headers=headers)
    answer = await client.post("projects", json={"slug": "other"}, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_calls_at_once_with_one_key_have_one_effect(client: httpx.AsyncClient) -> None:
    """Of ten at once one works; the others wait their turn or get its answer."""
    headers = {"Idempotency-Key": "k1"}
    answers = await asyncio.gather(
        *(client.post("projects", json={"slug": "shop"}, headers=headers) for _ in range(10))
    )

    codes = {answer.status_code for answer in answers}
    assert codes <= {201, 409}
    assert all(a.json()["code"] == "idempotency_key_at_work" for a in answers if a.is_error)
    assert len({a.json()["id"] for a in answers if a.status_code == 201}) == 1
    assert len((await client.get("projects")).json()["items"]) == 1


async def test_a_call_that_died_after_its_effect_is_repeated_without_a_second_one(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """What the call makes is named by its key, so making it again finds it."""
    headers = {"Idempotency-Key": "k1"}
    first = await client.post("projects", json={"slug": "shop"}, headers=headers)
    await platform.execute(
        "UPDATE idempotency_keys SET status = NULL, response = NULL,"
        " created_at = now() - interval '2 minutes'"
    )
    again = await client.post("projects", json={"slug": "shop"}, headers=headers)

    assert again.status_code == 201
    assert again.json()["id"] == first.json()["id"]


async def test_a_refused_call_does_not_burn_its_key(client: httpx.AsyncClient) -> None:
    """After an error the same key may be used once the cause is mended."""
    headers = {"Idempotency-Key": "k1"}
    refused = await client.post("projects", json={"slug": "admin"}, headers=headers)
    accepted = await client.post("projects", json={"slug": "shop"}, headers=headers)

    assert (refused.status_code, accepted.status_code) == (422, 201)


@pytest.mark.parametrize("key", ["k" * 256, "a\tb"])
async def test_a_bad_key_is_refused(client: httpx.AsyncClient, key: str) -> None:
    """Keys have 1 to 255 printable characters."""
    headers = {"Idempotency-Key": key}
    answer = await client.post("projects", json={"slug": "shop"}, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")


async def test_too_many_requests_are_told_when_to_come_back(
    platform: Platform, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the bound: 429, Retry-After and what is left."""
    limited = _with(platform, rate_limit=3)
    monkeypatch.setattr(platform.services, "settings", limited)
    answers = [await client.get("me") for _ in range(4)]

    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert [a.headers["ratelimit-remaining"] for a in answers] == ["2", "1", "0", "0"]
    assert answers[-1].json()["code"] == "rate_limited"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


async def test_sign_in_is_limited_by_address(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guessing tickets ends soon, for that address only."""
    monkeypatch.setattr(platform.services, "settings", _with(platform, sign_in_rate_limit=2))
    async with platform.client() as client:

        async def attempt(address: str) -> int:
            headers = {"X-Forwarded-For": address}
            answer = await client.post("auth/development", json={"ticket": "x"}, headers=headers)
            return answer.status_code

        assert [await attempt("10.0.0.1") for _ in range(3)] == [401, 401, 429]
        assert await attempt("10.0.0.2") == 401


def _with(platform: Platform, **changes: Any) -> Any:
    from dataclasses import replace

    return replace(platform.settings, **changes)


async def test_an_unforeseen_error_tells_nothing_but_its_request_id(
    platform: Platform, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Details of a fault stay in the log."""

    async def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(platform.services.accounts, "me", broken)
    answer = await client.get("me")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret detail" not in answer.text
    assert answer.json()["request_id"] in answer.json()["detail"]


async def test_a_database_that_is_away_is_told_as_such(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """503 and retryable, for the part that needs it."""
    await platform.services.database.close()
    answer = await client.get("projects")

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
