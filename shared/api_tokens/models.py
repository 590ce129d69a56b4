"""What the API takes and says of tokens."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared.accounts.models import TokenScope
from shared.models import Request, Response


class ApiTokenCreate(Request):
    """A new token: what it is for, what it may do, how many days it lives."""

    name: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^\S(.*\S)?$")]
    scopes: Annotated[list[TokenScope], Field(min_length=1, max_length=3)] = ["read", "deploy"]
    expires_in_days: Annotated[int, Field(ge=1, le=365)] = 90


class ApiToken(Response):
    """A token without its secret."""

    id: UUID
    account_id: UUID
    name: str
    scopes: list[TokenScope]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class NewApiToken(ApiToken):
    """A token with its secret, which is shown this once."""

    token: str


class ApiTokens(Response):
    """The tokens of an account that are not revoked, newest first."""

    items: list[ApiToken]
