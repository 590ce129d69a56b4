"""What the REST API refuses, and in which shape."""

import time
from collections.abc import AsyncIterator

import httpx
import jwt
import pytest

from infrastructure.local.webpubsub_hub.app import create_app
from infrastructure.local.webpubsub_hub.hub import Hub
from infrastructure.local.webpubsub_hub.limits import MESSAGE_BYTES, Limits

KEY = "k" * 43
VERSION = "api-version=2024-12-01"
SEND = f"/api/hubs/astrocloud/groups/g/:send?{VERSION}"
JSON = {"content-type": "application/json"}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the application without a socket."""
    app = create_app(Hub(Limits()), KEY, "astrocloud", ["http://localhost:8080"])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:9") as client:
        yield client


def _signed(path: str) -> dict[str, str]:
    claims = {"aud": f"http://localhost:9{path}", "exp": int(time.time()) + 60}
    return {"authorization": f"Bearer {jwt.encode(claims, KEY)}"}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/hubs/astrocloud/groups/g/:send", 400, "BadRequest"),
        (f"/api/hubs/other/groups/g/:send?{VERSION}", 404, "NotFound"),
        (f"/api/hubs/astrocloud/groups/%20/:send?{VERSION}", 400, "BadRequest"),
        (f"{SEND}&filter=userId%20eq%20'a'", 501, "NotImplemented"),
        (f"{SEND}&messageTtlSeconds=301", 400, "BadRequest"),
        (f"{SEND}&messageTtlSeconds=soon", 400, "BadRequest"),
        (f"/api/hubs/astrocloud/:addToGroups?{VERSION}", 501, "NotImplemented"),
        (f"/api/hubs/astrocloud/:generateToken?{VERSION}&clientType=MQTT", 501, "NotImplemented"),
        (f"/api/hubs/astrocloud/connections/x/:send?{VERSION}", 404, "Error.Connection.NotExisted"),
        (f"/api/hubs/astrocloud/groups/g?{VERSION}", 405, "MethodNotAllowed"),
    ],
)
async def test_refusals(client: httpx.AsyncClient, path: str, status: int, code: str) -> None:
    """Every refusal has Azure's error shape."""
    answer = await client.post(path, content="{}", headers=_signed(path) | JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "application/json", 202),
        (b"{", "application/json", 400),
        (b"\xff", "text/plain", 400),
        (b"\xff", "application/octet-stream", 202),
        (b"{}", "application/xml", 415),
        (b"x" * MESSAGE_BYTES, "text/plain", 202),
        (b"x" * (MESSAGE_BYTES + 1), "text/plain", 413),
    ],
)
async def test_bodies(client: httpx.AsyncClient, content: bytes, kind: str, status: int) -> None:
    """JSON is checked, text is UTF-8, and the size has its bound."""
    headers = _signed(SEND) | {"content-type": kind}
    assert (await client.post(SEND, content=content, headers=headers)).status_code == status


async def test_nothing_is_done_without_a_token(client: httpx.AsyncClient) -> None:
    """Neither without one nor with one for another address."""
    for headers in ({}, _signed(f"{SEND}&excluded=x")):
        answer = await client.post(SEND, content="{}", headers=headers | JSON)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "Unauthorized")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "localhost:9"}, 200),
        ({"host": "127.0.0.1"}, 200),
        ({"host": "[::1]:9"}, 200),
        ({"host": "localhost.evil.example:9"}, 403),
        ({"host": "10.0.0.1:9"}, 403),
        ({"origin": "http://localhost:8080"}, 200),
        ({"origin": "http://localhost:8081"}, 403),
        ({"origin": "null"}, 403),
    ],
)
async def test_names_and_origins(
    client: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    """Only this machine's own names, and no page but the platform's."""
    assert (await client.get("/api/health", headers=headers)).status_code == status


async def test_an_issued_token_says_what_was_asked(client: httpx.AsyncClient) -> None:
    """``:generateToken`` answers what a service with an Entra identity would get."""
    path = f"/api/hubs/astrocloud/:generateToken?{VERSION}&userId=ana&role=r&group=g"
    token = (await client.post(path, headers=_signed(path))).json()["token"]
    audience = "http://localhost:9/client/hubs/astrocloud"
    claims = jwt.decode(token, KEY, algorithms=["HS256"], audience=audience)
    assert (claims["sub"], claims["role"], claims["webpubsub.group"]) == ("ana", ["r"], ["g"])
