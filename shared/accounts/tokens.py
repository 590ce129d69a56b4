"""Access tokens (short), refresh tokens (long, rotating) and one-time tickets, all signed by us.

Only we read them, so they are itsdangerous's: HMAC-SHA256 over JSON, a salt for each purpose, keys
that rotate by standing in a list, newest first. Nothing here asks the database.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from shared.accounts.models import Principal
from shared.errors import Unauthenticated, ValidationFailed

ACCESS_SECONDS = 900
REFRESH_DAYS = 30
TICKET_SECONDS = 600


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


class InvalidInvitation(ValidationFailed):
    """A code that names no invitation of ours."""

    code, title = "invalid_invitation", "The invitation is not valid"


class AccessTokens:
    """Signs and verifies access tokens; keys are newest first."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys
        self._serializer = _timed(keys, "access")

    def issue(self, principal: Principal) -> str:
        """A token for ACCESS_SECONDS."""
        assert principal.session_id is not None
        text = self._serializer.dumps([principal.user_id.hex, principal.session_id.hex])
        return str(text)

    def verify(self, token: str) -> Principal:
        """Whose token this is; raises TokenExpired, InvalidToken."""
        from itsdangerous import BadData, SignatureExpired

        try:
            user, session = self._serializer.loads(token, max_age=ACCESS_SECONDS)
        except SignatureExpired:
            raise TokenExpired(
                "The access token has expired: refresh it at /api/v1/auth/refresh"
            ) from None
        except BadData:
            raise InvalidToken("The access token is not one of ours: sign in again") from None
        return Principal(UUID(user), UUID(session))


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A session and how often it has rotated.

    A genuine older rotation can be told from a forged token, so reuse is detected however old the
    token is, and the current one can be given again to a second tab that refreshed at the same
    moment.
    """

    session_id: UUID
    rotation: int

    def sign(self, keys: Sequence[str]) -> str:
        """The token's text."""
        return str(_untimed(keys, "refresh").dumps([self.session_id.hex, self.rotation]))

    @classmethod
    def parse(cls, text: str, keys: Sequence[str]) -> "RefreshToken":
        """Read a token that we signed; raises InvalidToken."""
        from itsdangerous import BadData

        try:
            session, rotation = _untimed(keys, "refresh").loads(text)
        except BadData:
            raise InvalidToken("The refresh token is not one of ours: sign in again") from None
        return cls(UUID(session), rotation)

    def next(self) -> "RefreshToken":
        """The token after this one."""
        return replace(self, rotation=self.rotation + 1)


def sign_invitation(invitation_id: UUID, keys: Sequence[str]) -> str:
    """The code of an invitation."""
    return str(_untimed(keys, "invitation").dumps(invitation_id.hex))


def read_invitation(code: str, keys: Sequence[str]) -> UUID:
    """The invitation that a code names; raises InvalidInvitation."""
    from itsdangerous import BadData

    try:
        return UUID(hex=_untimed(keys, "invitation").loads(code))
    except BadData:
        raise InvalidInvitation("The code is not one of ours: ask for a new invitation") from None


def sign_ticket(identity: str, secret: str) -> str:
    """A one-time ticket of the development sign-in, good for TICKET_SECONDS."""
    return str(_timed([secret], "ticket").dumps(identity))


def read_ticket(text: str, secret: str) -> str:
    """The id of a ticket that this installation signed; raises InvalidTicket."""
    from itsdangerous import BadData

    try:
        return str(_timed([secret], "ticket").loads(text, max_age=TICKET_SECONDS))
    except BadData:
        raise InvalidTicket(
            "This sign-in link is not valid any more: ./dev link prints a new one"
        ) from None


def _timed(keys: Sequence[str], salt: str) -> Any:
    from itsdangerous import URLSafeTimedSerializer

    return URLSafeTimedSerializer(keys[::-1], salt, signer_kwargs=_SIGNER)


def _untimed(keys: Sequence[str], salt: str) -> Any:
    from itsdangerous import URLSafeSerializer

    return URLSafeSerializer(keys[::-1], salt, signer_kwargs=_SIGNER)


_SIGNER = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
