"""What the API takes and says of members and invitations."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared.accounts.models import Role
from shared.models import Request, Response


class Member(Response):
    """A user within an account."""

    user_id: UUID
    login: str
    name: str
    role: Role
    since: datetime


class Members(Response):
    """The members of an account, first joined first."""

    items: list[Member]


class RoleChange(Request):
    """The role that a member is to have."""

    role: Role


class InvitationCreate(Request):
    """The role that whoever accepts will have."""

    role: Role = "member"
    expires_in_days: Annotated[int, Field(ge=1, le=30)] = 7


class Invitation(Response):
    """An invitation with the code that accepts it, which works once."""

    id: UUID
    account_id: UUID
    role: Role
    code: str
    expires_at: datetime


class InvitationAccept(Request):
    """The code of an invitation."""

    code: Annotated[str, Field(min_length=1, max_length=256)]


class Joined(Response):
    """The account that one now belongs to."""

    account_id: UUID
