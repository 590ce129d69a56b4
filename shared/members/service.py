"""Members come by invitation, change roles and leave; an account always keeps an owner.

An invitation's code names it and is signed by us, so it cannot be guessed; the row says whether it
was used.
"""

from uuid import UUID

from shared.accounts.models import Role
from shared.accounts.service import require_role
from shared.accounts.tokens import read_invitation, sign_invitation
from shared.audit import store as audit
from shared.database import Connection, Database, Scope
from shared.errors import Conflict, NotFound
from shared.members import store
from shared.members.models import Invitation, InvitationCreate, Joined, Member, Members, RoleChange


class LastOwner(Conflict):
    """An account without an owner could never be changed again."""

    code, title = "last_owner", "The account needs an owner"


class InvitationEnded(Conflict):
    """An invitation that was accepted, revoked or has had its time."""

    code, title = "invitation_ended", "The invitation cannot be accepted any more"


class MemberService:
    """Acts for a member of the account; raises NotFound for foreign accounts."""

    def __init__(self, database: Database, keys: tuple[str, ...]) -> None:
        self._database = database
        self._keys = keys

    async def list_members(self, scope: Scope, account_id: UUID) -> Members:
        """Everyone in the account."""
        async with self._database.transaction(scope) as connection:
            await require_role(connection, scope.actor, account_id, "viewer")
            rows = await store.list_members(connection, account_id)
        return Members(items=[Member(**row) for row in rows])

    async def change_role(
        self, scope: Scope, account_id: UUID, user_id: UUID, change: RoleChange
    ) -> Members:
        """Give a member another role; only owners may. Raises LastOwner."""
        async with self._database.transaction(scope) as connection:
            await require_role(connection, scope.actor, account_id, "owner")
            await _keep_an_owner(connection, account_id, user_id, change.role)
            await store.set_role(connection, account_id, user_id, change.role)
            detail = {"user": str(user_id), "role": change.role}
            await audit.record(
                connection, account_id, scope.actor, "member.role", str(user_id), detail
            )
            rows = await store.list_members(connection, account_id)
        return Members(items=[Member(**row) for row in rows])

    async def remove(self, scope: Scope, account_id: UUID, user_id: UUID) -> None:
        """Take a member out, or leave; only owners may remove others. Raises LastOwner."""
        least: Role = "viewer" if user_id == scope.actor else "owner"
        async with self._database.transaction(scope) as connection:
            await require_role(connection, scope.actor, account_id, least)
            await _keep_an_owner(connection, account_id, user_id, None)
            await audit.record(connection, account_id, scope.actor, "member.remove", str(user_id))
            await store.remove_member(connection, account_id, user_id)

    async def invite(
        self, scope: Scope, account_id: UUID, invitation_id: UUID, wanted: InvitationCreate
    ) -> Invitation:
        """An invitation that whoever holds its code can accept once; only owners may."""
        async with self._database.transaction(scope) as connection:
            await require_role(connection, scope.actor, account_id, "owner")
            expires = await store.insert_invitation(
                connection,
                invitation_id,
                account_id,
                scope.actor,
                wanted.role,
                wanted.expires_in_days,
            )
            await audit.record(connection, account_id, scope.actor, "member.invite", wanted.role)
        return Invitation(
            id=invitation_id,
            account_id=account_id,
            role=wanted.role,
            code=sign_invitation(invitation_id, self._keys),
            expires_at=expires,
        )

    async def accept(self, scope: Scope, code: str) -> Joined:
        """Join the account; raises InvalidInvitation, InvitationEnded."""
        invitation_id = read_invitation(code, self._keys)
        async with self._database.transaction(scope) as connection:
            account_id = await store.accept_invitation(connection, invitation_id, scope.actor)
        if account_id is None:
            raise InvitationEnded("Ask an owner of the account for a new invitation")
        return Joined(account_id=account_id)


async def _keep_an_owner(
    connection: Connection, account_id: UUID, user_id: UUID, role: str | None
) -> None:
    """Raise where the change would leave no owner, or concerns nobody of the account."""
    roles = await store.lock_members(connection, account_id)
    if user_id not in roles:
        raise NotFound("No such member of this account")
    others = [r for u, r in roles.items() if u != user_id]
    if role != "owner" and "owner" not in others:
        raise LastOwner("Make another member an owner first")
