"""Signing in, refreshing and signing out, and every token that must not work."""

import hashlib
import time
from typing import Any
from uuid import uuid4

import httpx
import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from shared.accounts.tokens import ACCESS_SECONDS, TICKET_SECONDS, RefreshToken
from tests.services.platform import Platform


def made_earlier(seconds: int, key: str, salt: str, content: object) -> str:
    """A token signed with a key for a purpose, some seconds ago."""

    class Earlier(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(time.time()) - seconds

    options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    serializer = URLSafeTimedSerializer(key, salt, signer=Earlier, signer_kwargs=options)
    return str(serializer.dumps(content))


async def sign_in(platform: Platform) -> dict[str, Any]:
    """A pair of tokens of a new session."""
    async with platform.client() as client:
        answer = await client.post("auth/development", json={"ticket": platform.ticket()})
    tokens: dict[str, Any] = answer.json()
    return tokens


async def refresh(platform: Platform, token: str) -> httpx.Response:
    """Exchange a refresh token."""
    async with platform.client() as client:
        return await client.post("auth/refresh", json={"refresh_token": token})


async def test_a_ticket_signs_in_with_cookies_that_only_our_host_sees(platform: Platform) -> None:
    """The answer has both tokens, and both cookies are bound to the host and out of scripts."""
    async with platform.client() as client:
        answer = await client.post("auth/development", json={"ticket": platform.ticket()})

    assert answer.status_code == 200
    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert cookie.startswith("__Host-astrocloud-")
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))


async def test_me_tells_who_is_signed_in(client: httpx.AsyncClient) -> None:
    """The developer owns a personal account."""
    me = (await client.get("me")).json()

    assert me["user"]["login"] == "developer"
    assert [(a["slug"], a["role"]) for a in me["accounts"]] == [("developer", "owner")]


async def test_a_ticket_works_once(platform: Platform) -> None:
    """The second use is refused with what to do."""
    ticket = platform.ticket()
    async with platform.client() as client:
        assert (await client.post("auth/development", json={"ticket": ticket})).status_code == 200
        answer = await client.post("auth/development", json={"ticket": ticket})

    assert (answer.status_code, answer.json()["code"]) == (401, "ticket_used")


async def test_a_stale_or_foreign_ticket_is_refused(platform: Platform) -> None:
    """A ticket past its time, one for another purpose, one of another installation."""
    secret = platform.settings.development_secret
    for ticket in (
        made_earlier(TICKET_SECONDS + 1, secret, "ticket", "id"),
        made_earlier(0, secret, "access", "id"),
        made_earlier(0, "another installation's secret", "ticket", "id"),
    ):
        async with platform.client() as client:
            answer = await client.post("auth/development", json={"ticket": ticket})
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_ticket")


async def test_development_sign_in_exists_only_locally(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere the operation answers as if it were not there."""
    monkeypatch.setattr(platform.services.accounts, "_development_secret", "")
    async with platform.client() as client:
        answer = await client.post("auth/development", json={"ticket": platform.ticket()})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_forged_access_token_is_refused(platform: Platform) -> None:
    """Cut, changed, signed by another, signed for another purpose, and no token at all."""
    token = (await sign_in(platform))["access_token"]
    (key,) = platform.settings.signing_keys
    content = [uuid4().hex, uuid4().hex]
    for forged in (
        token[:-4],
        "A" + token[1:],
        made_earlier(0, "another key", "access", content),
        made_earlier(0, key, "ticket", content),
        "x",
    ):
        async with platform.client(headers={"Authorization": f"Bearer {forged}"}) as client:
            answer = await client.get("me")
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_a_refresh_token_is_no_access_token(platform: Platform) -> None:
    """Tokens of one purpose are worth nothing for another."""
    token = (await sign_in(platform))["refresh_token"]
    async with platform.client(headers={"Authorization": f"Bearer {token}"}) as client:
        answer = await client.get("me")

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_a_stale_access_token_says_so(platform: Platform) -> None:
    """Clients can tell that refreshing helps."""
    (key,) = platform.settings.signing_keys
    stale = made_earlier(ACCESS_SECONDS + 1, key, "access", [uuid4().hex, uuid4().hex])
    async with platform.client(headers={"Authorization": f"Bearer {stale}"}) as client:
        answer = await client.get("me")

    assert (answer.status_code, answer.json()["code"]) == (401, "token_expired")


@pytest.mark.parametrize("header", ["Basic eDp5", "Bearer", "Bearer ", "token"])
async def test_another_scheme_is_refused(platform: Platform, header: str) -> None:
    """Only bearer tokens are taken."""
    async with platform.client(headers={"Authorization": header}) as client:
        answer = await client.get("me")

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_replayed_refresh_token_ends_its_session(platform: Platform) -> None:
    """Once the grace has passed, the old token revokes the session, the new one with it."""
    first = (await sign_in(platform))["refresh_token"]
    second = (await refresh(platform, first)).json()["refresh_token"]
    await platform.execute("UPDATE sessions SET rotated_at = now() - interval '11 seconds'")

    replay = await refresh(platform, first)
    assert (replay.status_code, replay.json()["code"]) == (401, "refresh_token_reused")

    after = await refresh(platform, second)
    assert (after.status_code, after.json()["code"]) == (401, "session_ended")


async def test_a_much_older_refresh_token_ends_its_session(platform: Platform) -> None:
    """Reuse is noticed however many rotations ago, even within the grace of the newest."""
    tokens = [(await sign_in(platform))["refresh_token"]]
    for _ in range(3):
        tokens.append((await refresh(platform, tokens[-1])).json()["refresh_token"])

    replay = await refresh(platform, tokens[0])

    assert (replay.status_code, replay.json()["code"]) == (401, "refresh_token_reused")


async def test_two_tabs_that_refresh_at_once_both_stay_signed_in(platform: Platform) -> None:
    """Within the grace the old token gives the same successor again."""
    first = (await sign_in(platform))["refresh_token"]
    one = (await refresh(platform, first)).json()["refresh_token"]
    other = (await refresh(platform, first)).json()["refresh_token"]

    assert one == other
    assert (await refresh(platform, one)).status_code == 200


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "WyJhIiwxXQ.x"])
async def test_a_made_up_refresh_token_is_refused(platform: Platform, token: str) -> None:
    """Malformed and unsigned tokens."""
    answer = await refresh(platform, token)

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_another_rotation_cannot_be_forged(platform: Platform) -> None:
    """A signature is over session and rotation: another number with it is no token of ours."""
    token = (await sign_in(platform))["refresh_token"]
    real = RefreshToken.parse(token, platform.settings.signing_keys)
    other = RefreshToken(real.session_id, 7).sign(["another key"])
    forged = f"{other.rpartition('.')[0]}.{token.rpartition('.')[2]}"

    assert (await refresh(platform, forged)).json()["code"] == "invalid_token"


async def test_signing_out_ends_the_session(platform: Platform) -> None:
    """The refresh token is worth nothing any more, and the cookies are taken back."""
    tokens = await sign_in(platform)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    async with platform.client(headers=headers) as client:
        answer = await client.post("auth/sign-out")

    assert answer.status_code == 204
    assert all("Max-Age=0" in cookie for cookie in answer.headers.get_list("set-cookie"))
    assert (await refresh(platform, tokens["refresh_token"])).json()["code"] == "session_ended"


async def test_a_change_by_cookie_must_come_from_our_pages(platform: Platform) -> None:
    """Another origin, or none, is refused; our own is let in; reading is free."""
    tokens = await sign_in(platform)
    cookie = {"Cookie": f"__Host-astrocloud-access={tokens['access_token']}"}
    async with platform.client(headers=cookie) as client:
        body = {"slug": "shop"}
        for origin in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
            answer = await client.post("projects", json=body, headers=origin)
            assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin")
        ours = {"Origin": platform.settings.platform_url}
        assert (await client.post("projects", json=body, headers=ours)).status_code == 201
        assert (await client.get("projects")).status_code == 200


async def test_the_refresh_cookie_renews_from_our_pages_only(platform: Platform) -> None:
    """The cookie is taken with our origin and refused without."""
    tokens = await sign_in(platform)
    cookie = {"Cookie": f"__Host-astrocloud-refresh={tokens['refresh_token']}"}
    async with platform.client(headers=cookie) as client:
        refused = await client.post("auth/refresh")
        ours = {"Origin": platform.settings.platform_url}
        renewed = await client.post("auth/refresh", headers=ours)

    assert (refused.status_code, refused.json()["code"]) == (403, "cross_origin")
    assert renewed.status_code == 200
