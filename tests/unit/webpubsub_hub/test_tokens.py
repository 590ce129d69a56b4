"""What the hub accepts as a token: its own key, the right audience, the right time."""

import base64
import json
import time
from typing import Any

import jwt
import pytest

from infrastructure.local.webpubsub_hub.tokens import InvalidToken, Tokens

KEY = "k" * 43
URL = "http://127.0.0.1:8090/api/hubs/astrocloud/groups/a%20b/:send?api-version=2024-12-01"
ENDPOINT = "http://127.0.0.1:8090"


def _token(key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode({"exp": int(time.time()) + 60, **claims}, key, algorithm=algorithm)


def test_a_service_token_is_good_for_its_url() -> None:
    """Percent-encoding may differ between who signs and who asks."""
    Tokens(KEY).verify_service(_token(aud=URL), URL)
    Tokens(KEY).verify_service(_token(aud=URL.replace("%20", " ")), URL)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(_token(aud=URL.partition("?")[0]), id="without the query"),
        pytest.param(_token(aud=URL.replace("8090", "8091")), id="for another server"),
        pytest.param(_token(), id="for nobody"),
        pytest.param(_token(aud=[URL]), id="for a list"),
        pytest.param(_token(aud=URL, exp=int(time.time()) - 60), id="expired"),
        pytest.param(_token(aud=URL, exp="soon"), id="without a time"),
        pytest.param(_token(aud=URL, nbf=int(time.time()) + 600), id="not yet valid"),
        pytest.param(_token(key="x" * 43, aud=URL), id="another key"),
        pytest.param(_token(key=KEY * 2, algorithm="HS512", aud=URL), id="another algorithm"),
        pytest.param("", id="nothing"),
        pytest.param("a.b.c", id="no base64"),
        pytest.param("é.é.é", id="no ASCII"),
        pytest.param(_token(aud=URL) + ".more", id="four parts"),
    ],
)
def test_any_other_token_is_refused(token: str) -> None:
    """And the error does not repeat it."""
    with pytest.raises(InvalidToken) as caught:
        Tokens(KEY).verify_service(token, URL)
    assert not token or token not in str(caught.value)


def test_an_unsigned_token_is_refused() -> None:
    """``alg: none`` is the oldest trick."""
    parts = [{"alg": "none"}, {"aud": URL, "exp": time.time() + 60}]
    head = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts
    )
    with pytest.raises(InvalidToken):
        Tokens(KEY).verify_service(f"{head}.", URL)


def test_what_is_issued_is_accepted_and_readable_by_others() -> None:
    """A client's token says who and what; PyJWT agrees."""
    tokens = Tokens(KEY)
    token = tokens.issue_client(ENDPOINT, "astrocloud", {"sub": "ana", "role": ["r"]}, 5)
    claims = tokens.verify_client(token, ENDPOINT, "AstroCloud")
    assert (claims["sub"], claims["role"]) == ("ana", ["r"])
    audience = f"{ENDPOINT}/client/hubs/astrocloud"
    assert jwt.decode(token, KEY, algorithms=["HS256"], audience=audience)["sub"] == "ana"
    with pytest.raises(InvalidToken):
        tokens.verify_client(token, ENDPOINT, "another")


def test_a_reconnection_token_brings_back_one_connection() -> None:
    """Neither another connection, nor a client's token instead of it."""
    tokens = Tokens(KEY)
    token = tokens.issue_reconnection("one")
    tokens.verify_reconnection(token, "one")
    for wrong in (token, tokens.issue_client(ENDPOINT, "astrocloud", {}, 5)):
        with pytest.raises(InvalidToken):
            tokens.verify_reconnection(wrong, "two")
