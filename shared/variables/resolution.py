"""Which variables a deployment is given, and the snapshot of them that its row keeps."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from shared.crypto import Crypto
from shared.database import Connection, Row
from shared.variables import store
from shared.variables.models import ResolvedVariable, Snapshot

PREFIX = "ASTROCLOUD_"
# They differ from deployment to deployment although what is built does not.
_OF_ONE_DEPLOYMENT = frozenset({"ASTROCLOUD_GIT_SHA", "ASTROCLOUD_RELEASE_ID"})

Resolved = Mapping[str, ResolvedVariable]


async def resolve(
    connection: Connection,
    crypto: Crypto,
    *,
    account_id: UUID,
    project_id: UUID,
    environment: str,
    branch: str | None,
) -> dict[str, ResolvedVariable]:
    """The variables that members set, by name; raises Unreadable, naming the variable."""
    rows = await store.list_for_deployment(connection, account_id, project_id, environment, branch)
    return {row["name"]: _resolved(crypto, row) for row in strongest(rows)}


def strongest(rows: Iterable[Row]) -> list[Row]:
    """One row a name: a project's goes before its account's, then a branch's before the rest."""
    chosen: dict[str, Row] = {}
    for row in sorted(rows, key=_strength):
        chosen[row["name"]] = row
    return list(chosen.values())


def system_variables(**known: str | None) -> dict[str, ResolvedVariable]:
    """Those that the platform sets (``url`` → ``ASTROCLOUD_URL``), as far as they are known."""
    return {
        f"{PREFIX}{name.upper()}": ResolvedVariable(value, secret=False, scope="all")
        for name, value in known.items()
        if value
    }


def context_of(account_id: UUID, variable_id: UUID) -> str:
    """What a variable's value is sealed for."""
    return f"variable {variable_id} of account {account_id}"


def seal_snapshot(crypto: Crypto, deployment_id: UUID, variables: Resolved) -> Snapshot:
    """The variables as the deployment's row keeps them."""
    content = {name: [v.value, v.secret, v.scope] for name, v in sorted(variables.items())}
    sealed = crypto.seal_json(_snapshot_context(deployment_id), content)
    building = {name: v for name, v in variables.items() if v.scope != "run"}
    return Snapshot(sealed, fingerprint(crypto, variables), fingerprint(crypto, building))


def open_snapshot(
    crypto: Crypto, deployment_id: UUID, sealed: str | None
) -> dict[str, ResolvedVariable]:
    """The variables again; none where the row has no snapshot."""
    if sealed is None:
        return {}
    name = f"the variables of deployment {deployment_id}"
    content: Mapping[str, Any] = crypto.open_json(_snapshot_context(deployment_id), sealed, name)
    return {name: ResolvedVariable(*fields) for name, fields in content.items()}


def fingerprint(crypto: Crypto, variables: Resolved) -> str:
    """Equal where a build would see the same, and the output be searched for the same."""
    seen = [
        [name, v.value, v.secret, v.scope]
        for name, v in sorted(variables.items())
        if name not in _OF_ONE_DEPLOYMENT and (v.secret or v.scope != "run")
    ]
    return crypto.fingerprint("variables", json.dumps(seen))


def secret_values(variables: Resolved) -> list[str]:
    """What must show in no log."""
    return sorted({v.value for v in variables.values() if v.secret and v.value})


def _strength(row: Row) -> tuple[bool, bool]:
    return row["project_id"] is not None, row["branch"] is not None


def _resolved(crypto: Crypto, row: Row) -> ResolvedVariable:
    context = context_of(row["account_id"], row["id"])
    value = crypto.open(context, row["sealed"], f"the variable {row['name']}")
    return ResolvedVariable(value, row["secret"], row["scope"])


def _snapshot_context(deployment_id: UUID) -> str:
    return f"variables of deployment {deployment_id}"
