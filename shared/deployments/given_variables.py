"""The variables that a deployment is given: chosen once, kept sealed in its row, masked in its log.

Which variable goes before which stands in ``shared.variables``.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from shared.config import Settings
from shared.crypto import Crypto
from shared.database import Database
from shared.deployments import source_store
from shared.projects.service import site_url
from shared.sites.models import Inspect
from shared.sites.secrets import OutputScanner
from shared.variables.models import ResolvedVariable, Snapshot
from shared.variables.resolution import (
    open_snapshot,
    resolve,
    seal_snapshot,
    secret_values,
    system_variables,
)

_REMEMBERED = 256


class GivenVariables:
    """Chooses, seals and opens them; ``secrets_of`` is what logs ask."""

    def __init__(self, database: Database, crypto: Crypto, settings: Settings) -> None:
        self._database = database
        self._crypto = crypto
        self._sites_url = settings.sites_url
        self._secrets: OrderedDict[UUID, Sequence[str]] = OrderedDict()

    async def choose(
        self, row: Mapping[str, Any], branch: str | None, commit: str | None, release_id: UUID
    ) -> Snapshot:
        """The variables of this moment for a deployment's row, sealed."""
        async with self._database.transaction() as connection:
            chosen = await resolve(
                connection,
                self._crypto,
                account_id=row["account_id"],
                project_id=row["project_id"],
                environment=row["environment"],
                branch=branch,
            )
        of_platform = system_variables(
            url=self._url(row),
            environment=row["environment"],
            git_sha=commit,
            git_branch=branch,
            release_id=str(release_id),
        )
        return seal_snapshot(self._crypto, row["id"], {**chosen, **of_platform})

    def open(self, row: Mapping[str, Any]) -> dict[str, ResolvedVariable]:
        """What the row's deployment was given; raises Unreadable."""
        return open_snapshot(self._crypto, row["id"], row["variables"])

    def secret_values(self, row: Mapping[str, Any]) -> list[str]:
        """What of that must not be shown."""
        return secret_values(self.open(row))

    def inspector(self, row: Mapping[str, Any]) -> tuple[Inspect | None, Sequence[str]]:
        """What looks through the output for secret values, and names that it does not look for."""
        secrets = {name: one.value for name, one in self.open(row).items() if one.secret}
        if not secrets:
            return None, ()
        scanner = OutputScanner(secrets)
        return scanner.check, scanner.ignored

    async def secrets_of(self, deployment_id: UUID) -> Sequence[str]:
        """The values to mask in a deployment's log: the same from its build's beginning on."""
        if deployment_id in self._secrets:
            return self._secrets[deployment_id]
        async with self._database.transaction() as connection:
            sealed = await source_store.read_variables(connection, deployment_id)
        if sealed is None:
            return ()  # it has been given none yet, so its log can hold none
        values = secret_values(open_snapshot(self._crypto, deployment_id, sealed))
        self._secrets[deployment_id] = values
        if len(self._secrets) > _REMEMBERED:
            self._secrets.popitem(last=False)
        return values

    def _url(self, row: Mapping[str, Any]) -> str:
        slug = row["project_slug"]
        is_production = row["environment"] == "production"
        return site_url(self._sites_url, slug if is_production else f"{slug}--{row['number']}")
