"""Signing in and out, and who is who.

A refresh token is used once. Two browser tabs that refresh at the same moment are no theft: for ten
seconds the previous token gets the current one again; after that its use revokes the session.
"""

from uuid import UUID, uuid4

from shared.accounts import store
from shared.accounts.models import Me, Membership, Principal, Role, Tokens, User
from shared.accounts.tokens import (
    ACCESS_SECONDS,
    REFRESH_DAYS,
    TICKET_SECONDS,
    AccessTokens,
    InvalidToken,
    RefreshToken,
    RefreshTokenReused,
    SessionEnded,
    TicketUsed,
    read_ticket,
)
from shared.database import Connection, Database, Row, Scope
from shared.errors import Forbidden, NotFound

_GRACE_SECONDS = 10
_ROLES: tuple[Role, ...] = ("viewer", "member", "owner")


class AccountService:
    """Sessions, users and members."""

    def __init__(self, database: Database, tokens: AccessTokens, development_secret: str) -> None:
        self._database = database
        self._tokens = tokens
        self._development_secret = development_secret

    def verify(self, access_token: str) -> Principal:
        """Whose access token this is; raises InvalidToken. Asks no database: tokens are short."""
        return self._tokens.verify(access_token)

    async def sign_in_developer(self, ticket_text: str) -> Tokens:
        """Exchange a one-time ticket; raises NotFound where development sign-in does not exist."""
        if not self._development_secret:
            raise NotFound("Development sign-in exists only on a local installation")
        ticket = read_ticket(ticket_text, self._development_secret)
        token = RefreshToken(uuid4(), 0)
        async with self._database.transaction(Scope(session_id=token.session_id)) as connection:
            if not await store.use_ticket(connection, ticket, TICKET_SECONDS):
                raise TicketUsed("This sign-in link was used already: ./dev link prints a new one")
            user_id = await store.development_user(connection)
            await store.insert_session(connection, token.session_id, user_id, REFRESH_DAYS)
        return self._issue(user_id, token)

    async def refresh(self, refresh_text: str) -> Tokens:
        """A new pair for a refresh token; a replayed one revokes its session."""
        token = RefreshToken.parse(refresh_text, self._tokens.keys)
        async with self._database.transaction(Scope(session_id=token.session_id)) as connection:
            session = await store.lock_session(connection, token.session_id)
            if session is None or session["ended"]:
                raise SessionEnded("This session has ended: sign in again")
            renewed = _renew(token, session)
            if renewed is None:
                await store.revoke_session(connection, token.session_id)
            elif renewed.rotation != session["rotation"]:
                await store.rotate_session(connection, token.session_id, renewed.rotation)
        if renewed is None:
            raise RefreshTokenReused(
                "This refresh token was used before, so its session is ended: sign in again"
            )
        return self._issue(session["user_id"], renewed)

    async def sign_out(self, principal: Principal) -> None:
        """End the session; its access token dies by itself within ACCESS_SECONDS."""
        if principal.session_id is None:
            return
        async with self._database.transaction(principal.scope) as connection:
            await store.revoke_session(connection, principal.session_id)

    async def developer_scope(self) -> Scope:
        """The scope of the local developer."""
        async with self._database.transaction() as connection:
            return Scope(user_id=await store.development_user(connection))

    async def me(self, principal: Principal) -> Me:
        """The user and the accounts; raises InvalidToken for a user that is gone."""
        async with self._database.transaction(principal.scope) as connection:
            user = await store.read_user(connection, principal.user_id)
            accounts = await store.list_memberships(connection, principal.user_id)
        if user is None:
            raise InvalidToken("This user does not exist any more: sign in again")
        return Me(user=User(**user), accounts=[Membership(**a) for a in accounts])

    def _issue(self, user_id: UUID, refresh: RefreshToken) -> Tokens:
        access = self._tokens.issue(Principal(user_id, refresh.session_id))
        return Tokens(
            access_token=access,
            refresh_token=refresh.sign(self._tokens.keys),
            expires_in=ACCESS_SECONDS,
        )


async def require_role(
    connection: Connection, user_id: UUID, account_id: UUID, least: Role
) -> None:
    """Raise NotFound for a foreign account and Forbidden for a role below ``least``."""
    memberships = await store.list_memberships(connection, user_id)
    roles = {m["id"]: m["role"] for m in memberships}
    if account_id not in roles:
        raise NotFound("No such account, or you are not a member of it")
    if _ROLES.index(roles[account_id]) < _ROLES.index(least):
        raise Forbidden(f"Your role in this account is {roles[account_id]}: ask an owner")


def _renew(token: RefreshToken, session: Row) -> RefreshToken | None:
    """The token to give for this one, or None where it was replayed."""
    if token.rotation == session["rotation"]:
        return token.next()
    in_grace = session["rotated_ago"] <= _GRACE_SECONDS
    if token.next().rotation == session["rotation"] and in_grace:
        return token.next()
    return None
