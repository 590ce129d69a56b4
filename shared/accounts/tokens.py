"""Access tokens (short, signed), refresh tokens (long, rotating) and one-time tickets.

Access tokens and tickets are JWT (RFC 7519) with HS256. Keys rotate by standing in a list, newest
first. Nothing here asks the database.
"""

import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from shared.accounts.models import Principal
from shared.errors import Unauthenticated

ACCESS_SECONDS = 900
REFRESH_DAYS = 30
_ISSUER = "astrocloud"
_TICKET_AUDIENCE = "astrocloud-development"


class InvalidToken(Unauthenticated):
    """The token is stale, forged, malformed or revoked."""

    code, title = "invalid_token", "The token is not valid"


class TokenExpired(InvalidToken):
    """The access token has had its time; refreshing helps."""

    code, title = "token_expired", "The access token has expired"


class SessionEnded(InvalidToken):
    """The session was signed out, revoked or has had its time."""

    code, title = "session_ended", "The session has ended"


class RefreshTokenReused(InvalidToken):
    """A refresh token came twice: somebody else may have it."""

    code, title = "refresh_token_reused", "The refresh token was used before"


class InvalidTicket(InvalidToken):
    """A sign-in link that is stale or not of this installation."""

    code, title = "invalid_ticket", "The sign-in link is not valid"


class TicketUsed(InvalidToken):
    """A sign-in link works once."""

    code, title = "ticket_used", "The sign-in link was used"


class AccessTokens:
    """Signs and verifies access tokens; keys are newest first."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys

    def issue(self, principal: Principal) -> str:
        """A token for ACCESS_SECONDS."""
        import jwt

        now = int(time.time())
        claims = {
            "iss": _ISSUER,
            "sub": str(principal.user_id),
            "sid": str(principal.session_id),
            "iat": now,
            "exp": now + ACCESS_SECONDS,
        }
        return jwt.encode(claims, self.keys[0], algorithm="HS256")

    def verify(self, token: str) -> Principal:
        """Whose token this is; raises InvalidToken."""
        import jwt

        for key in self.keys:
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=["HS256"],
                    issuer=_ISSUER,
                    options={"require": ["exp", "sub", "sid"]},
                )
                return Principal(UUID(claims["sub"]), UUID(claims["sid"]))
            except jwt.InvalidSignatureError:
                continue
            except jwt.ExpiredSignatureError:
                raise TokenExpired(
                    "The access token has expired: refresh it at /api/v1/auth/refresh"
                ) from None
            except (jwt.InvalidTokenError, ValueError):
                break
        raise InvalidToken("The access token is not one of ours: sign in again")


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A session and how often it has rotated.

    Its text is ``<session id>.<rotation>.<signature>``. A genuine older rotation can be told from
    a forged token, so reuse is detected however old the token is, and the current one can be
    given again to a second tab that refreshed at the same moment.
    """

    session_id: UUID
    rotation: int

    def sign(self, keys: Sequence[str]) -> str:
        """The token's text."""
        return f"{self.session_id}.{self.rotation}.{self._signature(keys[0])}"

    @classmethod
    def parse(cls, text: str, keys: Sequence[str]) -> "RefreshToken":
        """Read a token that we signed; raises InvalidToken."""
        session, _, rest = text.partition(".")
        rotation, _, signature = rest.partition(".")
        try:
            token = cls(UUID(session), int(rotation))
        except ValueError:
            raise InvalidToken("The refresh token is malformed: sign in again") from None
        if not any(hmac.compare_digest(token._signature(key), signature) for key in keys):
            raise InvalidToken("The refresh token is not one of ours: sign in again")
        return token

    def next(self) -> "RefreshToken":
        """The token after this one."""
        return replace(self, rotation=self.rotation + 1)

    def _signature(self, key: str) -> str:
        text = f"refresh.{self.session_id}.{self.rotation}"
        return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Ticket:
    """A one-time link of the development sign-in: its id and its end (Unix seconds)."""

    id: str
    expires_at: int

    @classmethod
    def verify(cls, text: str, secret: str) -> "Ticket":
        """Read a ticket that this installation signed; raises InvalidToken."""
        import jwt

        try:
            claims = jwt.decode(
                text,
                secret,
                algorithms=["HS256"],
                audience=_TICKET_AUDIENCE,
                options={"require": ["exp", "jti"]},
            )
            return cls(str(claims["jti"]), int(claims["exp"]))
        except jwt.InvalidTokenError:
            raise InvalidTicket(
                "This sign-in link is not valid any more: ./dev link prints a new one"
            ) from None
