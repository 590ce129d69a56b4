"""What the API says of users, accounts and sessions, and what it takes to sign in."""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.database import Scope
from shared.models import Request, Response

Role = Literal["owner", "member", "viewer"]


TokenScope = Literal["read", "deploy", "manage"]
"""What a token may do: look; put online and roll back; change projects."""

ALL_SCOPES: frozenset[TokenScope] = frozenset({"read", "deploy", "manage"})


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: a user by a session, or a program by a token that is bound to one account."""

    user_id: UUID
    session_id: UUID | None = None
    account_id: UUID | None = None
    scopes: frozenset[TokenScope] = ALL_SCOPES

    @property
    def scope(self) -> Scope:
        """The scope of the caller's transactions."""
        return Scope(user_id=self.user_id, account_id=self.account_id)


class DevelopmentSignIn(Request):
    """A one-time ticket of this installation (only where the environment is local)."""

    ticket: Annotated[str, Field(min_length=1, max_length=2048)]


class RefreshRequest(Request):
    """The refresh token, unless its cookie brings it."""

    refresh_token: Annotated[str, Field(max_length=256)] | None = None


class Tokens(Response):
    """A pair of tokens; ``expires_in`` is the access token's remaining life in seconds."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the OAuth name, no secret
    expires_in: int


class User(Response):
    """A person."""

    id: UUID
    login: str
    name: str


class Membership(Response):
    """An account that the user belongs to."""

    id: UUID
    slug: str
    name: str
    role: Role


class Me(Response):
    """Who is signed in, and in which accounts."""

    user: User
    accounts: list[Membership]
