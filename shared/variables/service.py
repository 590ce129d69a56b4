"""Variables as members act on them; what deployments are given stands in ``resolution``.

A secret value goes in and never comes out here. What a plain one holds is told to members, not to
viewers, and stands in no audit entry.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from shared.accounts import store as accounts
from shared.accounts.service import require_role
from shared.audit import store as audit
from shared.crypto import Crypto, Unreadable
from shared.database import Connection, Database, Row, Scope
from shared.errors import NotFound
from shared.plans import limits
from shared.variables import dotenv, resolution, store
from shared.variables.errors import (
    BranchOfProduction,
    InvalidVariable,
    SecretStays,
    VariablesLimit,
)
from shared.variables.models import (
    Variable,
    VariableCreate,
    Variables,
    VariablesImport,
    VariablesImported,
    VariableUpdate,
)
from shared.variables.names import name_problem, value_problem

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Owner:
    """A project, or an account for all its projects."""

    account_id: UUID
    project_id: UUID | None
    name: str


class VariableService:
    """Sets, lists, imports and deletes variables."""

    def __init__(self, database: Database, crypto: Crypto) -> None:
        self._database = database
        self._crypto = crypto

    async def list_of_project(self, scope: Scope, project_id: UUID) -> Variables:
        """A project's own variables; raises NotFound."""
        async with self._database.transaction(scope) as connection:
            return await self._list(connection, scope, await _project(connection, project_id))

    async def list_of_account(self, scope: Scope, account_id: UUID) -> Variables:
        """What all projects of an account share; raises NotFound."""
        async with self._database.transaction(scope) as connection:
            await require_role(connection, scope.actor, account_id, "viewer")
            return await self._list(connection, scope, _account(account_id))

    async def set_of_project(
        self, scope: Scope, project_id: UUID, variable_id: UUID, wanted: VariableCreate
    ) -> Variable:
        """Set a variable of a project; raises NotFound, Forbidden, InvalidVariable."""
        async with self._database.transaction(scope) as connection:
            owner = await _project(connection, project_id)
            return await self._set(connection, scope, owner, variable_id, wanted)

    async def set_of_account(
        self, scope: Scope, account_id: UUID, variable_id: UUID, wanted: VariableCreate
    ) -> Variable:
        """Set a variable for all projects of an account; raises NotFound, Forbidden."""
        async with self._database.transaction(scope) as connection:
            return await self._set(connection, scope, _account(account_id), variable_id, wanted)

    async def update(self, scope: Scope, variable_id: UUID, change: VariableUpdate) -> Variable:
        """Change a variable; raises NotFound, Forbidden, SecretStays, InvalidVariable."""
        async with self._database.transaction(scope) as connection:
            row = await self._permitted(connection, scope, variable_id)
            if row["secret"] and change.secret is False and change.value is None:
                raise SecretStays(
                    f"{row['name']} is secret: to make it readable, send a new value with it"
                )
            wanted = VariableCreate(
                name=row["name"],
                value=self._value(row) if change.value is None else change.value,
                secret=row["secret"] if change.secret is None else change.secret,
                scope=change.scope or row["scope"],
                environment=row["environment"],
                branch=row["branch"],
            )
            owner = _Owner(row["account_id"], row["project_id"], "")
            await store.lock_owner(connection, owner.account_id, owner.project_id)
            changed = await self._put(connection, scope, owner, variable_id, wanted)
            await _check_total(connection, owner)
            await _record(connection, scope, owner, "variable.update", wanted)
            return self._variable(changed, readable=True)

    async def delete(self, scope: Scope, variable_id: UUID) -> None:
        """Delete a variable; raises NotFound, Forbidden."""
        async with self._database.transaction(scope) as connection:
            row = await self._permitted(connection, scope, variable_id)
            await store.delete_variable(connection, variable_id)
            detail = {"environment": row["environment"], "branch": row["branch"]}
            await audit.record(
                connection, row["account_id"], scope.actor, "variable.delete", row["name"], detail
            )

    async def import_dotenv(
        self, scope: Scope, project_id: UUID, wanted: VariablesImport
    ) -> VariablesImported:
        """Set all that a dotenv text names, or nothing; raises InvalidDotenv, Forbidden."""
        async with self._database.transaction(scope) as connection:
            owner = await _project(connection, project_id)
            await require_role(connection, scope.actor, owner.account_id, "member")
            _check_branch(wanted.environment, wanted.branch)
            found = dotenv.parse(wanted.text)
            known = await store.lock_owner(connection, owner.account_id, owner.project_id)
            replaced = 0
            for name, value in found.values.items():
                identity = known.get((name, wanted.environment, wanted.branch))
                replaced += identity is not None
                one = VariableCreate(name=name, value=value, **wanted.model_dump(exclude={"text"}))
                await self._put(connection, scope, owner, identity or uuid4(), one)
            await _check_total(connection, owner)
            detail = {"names": list(found.values), **wanted.model_dump(exclude={"text"})}
            await audit.record(
                connection, owner.account_id, scope.actor, "variable.import", owner.name, detail
            )
        return VariablesImported(
            names=list(found.values),
            created=len(found.values) - replaced,
            replaced=replaced,
            notes=found.notes,
        )

    async def reseal(self, limit: int = 500) -> int:
        """Seal with the newest key some of what older ones sealed; how many of it.

        Nothing is left where it answers 0 and warns of nothing: then older keys can go.
        """
        async with self._database.transaction() as connection:
            return await store.reseal(connection, self._crypto.key_id, limit, self._rotated)

    async def clean(self) -> int:
        """Delete the variables of deleted projects; how many."""
        async with self._database.transaction() as connection:
            return await store.delete_of_deleted_projects(connection)

    async def _list(self, connection: Connection, scope: Scope, owner: _Owner) -> Variables:
        rows = await store.list_variables(connection, owner.account_id, owner.project_id)
        readable = await _may_read(connection, scope.actor, owner.account_id)
        return Variables(items=[self._variable(row, readable=readable) for row in rows])

    async def _set(
        self,
        connection: Connection,
        scope: Scope,
        owner: _Owner,
        variable_id: UUID,
        wanted: VariableCreate,
    ) -> Variable:
        await require_role(connection, scope.actor, owner.account_id, "member")
        _check_branch(wanted.environment, wanted.branch)
        known = await store.lock_owner(connection, owner.account_id, owner.project_id)
        identity = known.get((wanted.name, wanted.environment, wanted.branch), variable_id)
        row = await self._put(connection, scope, owner, identity, wanted)
        await _check_total(connection, owner)
        await _record(connection, scope, owner, "variable.set", wanted)
        return self._variable(row, readable=True)

    async def _put(
        self,
        connection: Connection,
        scope: Scope,
        owner: _Owner,
        variable_id: UUID,
        wanted: VariableCreate,
    ) -> Row:
        problem = name_problem(wanted.name) or value_problem(wanted.value)
        if problem is not None:
            raise InvalidVariable(f"{problem[0].upper()}{problem[1:]}")
        context = resolution.context_of(owner.account_id, variable_id)
        values = {
            **wanted.model_dump(exclude={"value"}),
            "id": variable_id,
            "account_id": owner.account_id,
            "project_id": owner.project_id,
            "sealed": self._crypto.seal(context, wanted.value),
            "bytes": len(wanted.name) + len(wanted.value.encode()),
            "created_by": scope.actor,
        }
        return await store.put_variable(connection, values)

    async def _permitted(self, connection: Connection, scope: Scope, variable_id: UUID) -> Row:
        row = await store.read_variable(connection, variable_id)
        if row is None:
            raise NotFound("No such variable")
        await require_role(connection, scope.actor, row["account_id"], "member")
        return row

    def _value(self, row: Row) -> str:
        context = resolution.context_of(row["account_id"], row["id"])
        return self._crypto.open(context, row["sealed"], f"the variable {row['name']}")

    def _variable(self, row: Row, *, readable: bool) -> Variable:
        shown = {name: row[name] for name in Variable.model_fields if name != "value"}
        value = self._value(row) if readable and not row["secret"] else None
        return Variable(**shown, value=value)

    def _rotated(self, sealed: str, name: str) -> str | None:
        try:
            return self._crypto.rotate(sealed, name)
        except Unreadable as error:
            _log.warning("not sealed again: %s", error.detail)
            return None


def _account(account_id: UUID) -> _Owner:
    return _Owner(account_id, None, "all projects")


async def _project(connection: Connection, project_id: UUID) -> _Owner:
    row = await store.read_project(connection, project_id)
    if row is None:
        raise NotFound("No such project")
    return _Owner(row["account_id"], row["id"], row["slug"])


async def _may_read(connection: Connection, user_id: UUID, account_id: UUID) -> bool:
    memberships: Sequence[Row] = await accounts.list_memberships(connection, user_id)
    return any(m["id"] == account_id and m["role"] != "viewer" for m in memberships)


def _check_branch(environment: str, branch: str | None) -> None:
    if branch is not None and environment == "production":
        raise BranchOfProduction(
            "A branch belongs to previews: leave it out, or set the variable for preview"
        )


async def _check_total(connection: Connection, owner: _Owner) -> None:
    """Raise VariablesLimit where the owner has more now than the plan allows."""
    account = await accounts.read_account(connection, owner.account_id)
    own = account["limits"] if account else {}
    found = await store.total(connection, owner.account_id, owner.project_id)
    for limit, count in ((limits.VARIABLES, found["n"]), (limits.VARIABLE_BYTES, found["bytes"])):
        bound = limits.value_of(limit, own)
        if count > bound:
            raise VariablesLimit(
                f"That would make {count} {limit.unit}, the plan allows {bound}: delete some that"
                " nothing reads"
            )


async def _record(
    connection: Connection, scope: Scope, owner: _Owner, action: str, wanted: VariableCreate
) -> None:
    """An audit entry without the value."""
    detail = wanted.model_dump(exclude={"value", "name"})
    project = str(owner.project_id) if owner.project_id else None
    await audit.record(
        connection,
        owner.account_id,
        scope.actor,
        action,
        wanted.name,
        {**detail, "project_id": project},
    )
