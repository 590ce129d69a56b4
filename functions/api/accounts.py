"""Accounts: their members, invitations and API tokens."""

from shared.api_tokens.models import ApiTokenCreate, ApiTokens, NewApiToken
from shared.members.models import (
    Invitation,
    InvitationAccept,
    InvitationCreate,
    Joined,
    Members,
    RoleChange,
)
from shared.services import services
from shared.triggers.http import Call, Reply, Resource

resource = Resource("Accounts")


@resource.operation("GET", "accounts/{account_id}/members", returns=Members)
async def list_members(call: Call) -> Members:
    """List the members of an account with their roles."""
    return await services().members.list_members(call.scope, call.id("account_id"))


@resource.operation(
    "PATCH", "accounts/{account_id}/members/{user_id}", body=RoleChange, returns=Members
)
async def change_role(call: Call) -> Members:
    """Give a member another role."""
    change = call.body(RoleChange)
    account_id, user_id = call.id("account_id"), call.id("user_id")
    return await services().members.change_role(call.scope, account_id, user_id, change)


@resource.operation("DELETE", "accounts/{account_id}/members/{user_id}", status=204)
async def remove_member(call: Call) -> Reply:
    """Take a member out of an account, or leave it."""
    await services().members.remove(call.scope, call.id("account_id"), call.id("user_id"))
    return Reply()


@resource.operation(
    "POST",
    "accounts/{account_id}/invitations",
    body=InvitationCreate,
    returns=Invitation,
    status=201,
    needs="session",
)
async def invite(call: Call) -> Invitation:
    """Get a code with which somebody joins the account."""
    wanted = call.body(InvitationCreate)
    account_id = call.id("account_id")
    return await services().members.invite(call.scope, account_id, call.new_id, wanted)


@resource.operation(
    "POST", "invitations/accept", body=InvitationAccept, returns=Joined, needs="session"
)
async def accept_invitation(call: Call) -> Joined:
    """Join the account of an invitation."""
    return await services().members.accept(call.scope, call.body(InvitationAccept).code)


@resource.operation("GET", "accounts/{account_id}/tokens", returns=ApiTokens)
async def list_tokens(call: Call) -> ApiTokens:
    """List the API tokens of an account, without their secrets."""
    return await services().api_tokens.list_tokens(call.scope, call.id("account_id"))


@resource.operation(
    "POST",
    "accounts/{account_id}/tokens",
    body=ApiTokenCreate,
    returns=NewApiToken,
    status=201,
    needs="session",
)
async def create_token(call: Call) -> NewApiToken:
    """Make an API token; its secret is shown this once."""
    wanted = call.body(ApiTokenCreate)
    account_id = call.id("account_id")
    return await services().api_tokens.create(call.scope, account_id, call.new_id, wanted)


@resource.operation("DELETE", "tokens/{token_id}", status=204)
async def revoke_token(call: Call) -> Reply:
    """End an API token."""
    await services().api_tokens.revoke(call.scope, call.id("token_id"))
    return Reply()
