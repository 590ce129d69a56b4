"""Makes, verifies and revokes API tokens.

A token is ``act_<id>_<secret>``: the id finds the row, the secret has 192 random bits and is kept
as SHA-256. A verified token is remembered for ten seconds, so that is how long a revoked one may
still work.
"""

import hashlib
import hmac
import secrets
import time
from uuid import UUID

from shared.accounts.models import Principal
from shared.accounts.service import require_role
from shared.accounts.tokens import InvalidToken
from shared.api_tokens import store
from shared.api_tokens.models import ApiToken, ApiTokenCreate, ApiTokens, NewApiToken
from shared.audit import store as audit
from shared.database import EVERYONE, Database, Row, Scope
from shared.errors import NotFound

PREFIX = "act_"
_REMEMBERED_SECONDS = 10.0
_MOST_REMEMBERED = 10_000


class ApiTokenEnded(InvalidToken):
    """A token that was revoked or has had its time."""

    code, title = "api_token_ended", "The API token has ended"


class ApiTokenService:
    """Tokens of accounts; each acts as the member who made it, within its account and scopes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._verified: dict[bytes, tuple[float, Principal]] = {}

    async def create(
        self, scope: Scope, account_id: UUID, token_id: UUID, wanted: ApiTokenCreate
    ) -> NewApiToken:
        """A new token, whose secret is told this once; raises NotFound, Forbidden."""
        secret = secrets.token_urlsafe(24)
        async with self._database.transaction(scope) as connection:
            await require_role(connection, scope.actor, account_id, "member")
            row = await store.insert_token(
                connection,
                token_id,
                (account_id, scope.actor),
                wanted.name,
                sorted(set(wanted.scopes)),
                _digest(secret),
                wanted.expires_in_days,
            )
            await audit.record(connection, account_id, scope.actor, "token.create", wanted.name)
        return NewApiToken(**row, token=f"{PREFIX}{token_id.hex}_{secret}")

    async def list_tokens(self, scope: Scope, account_id: UUID) -> ApiTokens:
        """The account's tokens; raises NotFound."""
        async with self._database.transaction(scope) as connection:
            await require_role(connection, scope.actor, account_id, "viewer")
            rows = await store.list_tokens(connection, account_id)
        return ApiTokens(items=[ApiToken(**row) for row in rows])

    async def revoke(self, scope: Scope, token_id: UUID) -> None:
        """End a token; raises NotFound, Forbidden."""
        async with self._database.transaction(scope) as connection:
            row = await store.revoke_token(connection, token_id)
            if row is None:
                raise NotFound("No such token")
            await require_role(connection, scope.actor, row["account_id"], "member")
            await audit.record(
                connection, row["account_id"], scope.actor, "token.revoke", row["name"]
            )
        self._verified.clear()

    async def verify(self, text: str) -> Principal:
        """Whose token this is; raises InvalidToken, ApiTokenEnded."""
        digest, now = _digest(text), time.monotonic()
        known = self._verified.get(digest)
        if known is not None and known[0] > now:
            return known[1]
        principal = await self._look_up(text)
        if len(self._verified) >= _MOST_REMEMBERED:
            self._verified.clear()
        self._verified[digest] = (now + _REMEMBERED_SECONDS, principal)
        return principal

    async def _look_up(self, text: str) -> Principal:
        identity, _, secret = text.removeprefix(PREFIX).partition("_")
        unknown = InvalidToken("The API token is not one of ours: make a new one")
        try:
            token_id = UUID(hex=identity)
        except ValueError:
            raise unknown from None
        async with self._database.transaction(EVERYONE) as connection:
            row = await store.find_token(connection, token_id)
        if row is None or not hmac.compare_digest(bytes(row["secret_hash"]), _digest(secret)):
            raise unknown
        return _principal(row)


def _principal(row: Row) -> Principal:
    if row["ended"]:
        raise ApiTokenEnded("The API token was revoked or has had its time: make a new one")
    return Principal(row["user_id"], account_id=row["account_id"], scopes=frozenset(row["scopes"]))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
