"""JSON Web Tokens of the hub, HS256 with the access key: verified, and issued to clients.

Written on the standard library, because the local stack has few packages and needs one
algorithm. A token is never logged, and an error never repeats it.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import unquote

LEEWAY_SECONDS = 5
RECONNECTION_SECONDS = 7 * 24 * 3600
RECONNECTION_ISSUER = "webpubsub-hub"


class InvalidToken(Exception):
    """The token is malformed, forged, stale or meant for something else."""


class Tokens:
    """Signs and verifies with one access key, used as the text that it is."""

    def __init__(self, access_key: str) -> None:
        self._key = access_key.encode()

    def verify_service(self, token: str, url: str) -> None:
        """A service token is good for one request: its audience is the full URL with query."""
        audience = self._claims(token).get("aud")
        if not isinstance(audience, str) or _plain(audience) != _plain(url):
            raise InvalidToken("The token's audience is not the URL of this request.")

    def verify_client(self, token: str, endpoint: str, hub: str) -> dict[str, Any]:
        """The claims of a client's token: ``sub``, ``role`` and ``webpubsub.group``."""
        claims = self._claims(token)
        audience = claims.get("aud")
        if not isinstance(audience, str) or audience.lower() != _client_audience(endpoint, hub):
            raise InvalidToken("The token's audience is not this hub.")
        return claims

    def verify_reconnection(self, token: str, connection_id: str) -> None:
        """A reconnection token brings back exactly one connection."""
        claims = self._claims(token)
        if claims.get("iss") != RECONNECTION_ISSUER or claims.get("aud") != connection_id:
            raise InvalidToken("The reconnection token belongs to another connection.")

    def issue_reconnection(self, connection_id: str) -> str:
        expires = int(time.time()) + RECONNECTION_SECONDS
        return self._sign({"iss": RECONNECTION_ISSUER, "aud": connection_id, "exp": expires})

    def issue_client(self, endpoint: str, hub: str, claims: Mapping[str, Any], minutes: int) -> str:
        """What ``:generateToken`` answers."""
        now = int(time.time())
        audience = _client_audience(endpoint, hub)
        return self._sign({**claims, "aud": audience, "iat": now, "exp": now + minutes * 60})

    def _sign(self, claims: Mapping[str, Any]) -> str:
        header = _encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        signed = f"{header}.{_encode(json.dumps(claims).encode())}"
        return f"{signed}.{_encode(self._digest(signed))}"

    def _digest(self, signed: str) -> bytes:
        return hmac.new(self._key, signed.encode(), hashlib.sha256).digest()

    def _claims(self, token: str) -> dict[str, Any]:
        head, _, signature = token.rpartition(".")
        try:
            header, payload = (_object(_decode(part)) for part in head.split("."))
            genuine = hmac.compare_digest(self._digest(head), _decode(signature))
        except (ValueError, binascii.Error):
            raise InvalidToken("The token is not a JSON Web Token.") from None
        if header.get("alg") != "HS256" or not genuine:
            raise InvalidToken("The token's signature does not fit the access key.")
        _check_times(payload)
        return payload


def _check_times(claims: Mapping[str, Any]) -> None:
    expires, begins = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(expires, int | float) or not isinstance(begins, int | float):
        raise InvalidToken("The token does not say until when it is valid.")
    if not begins - LEEWAY_SECONDS <= time.time() <= expires + LEEWAY_SECONDS:
        raise InvalidToken("The token has expired or is not yet valid.")


def _client_audience(endpoint: str, hub: str) -> str:
    return f"{endpoint}/client/hubs/{hub}".lower()


def _plain(url: str) -> str:
    # Clients and servers percent-encode the same URL differently; the scheme's case is free.
    return unquote(url).replace("+", " ")


def _object(raw: bytes) -> dict[str, Any]:
    value = json.loads(raw)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return cast("dict[str, Any]", value)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    if not text.isascii():
        raise ValueError("not base64")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
