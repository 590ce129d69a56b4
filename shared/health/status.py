"""The public status: what runs, and on a local installation which sites are live.

Elsewhere the names of tenants' sites are nobody's business, so the list is empty there.
"""

from shared.accounts.service import AccountService
from shared.errors import Unavailable
from shared.health.models import LiveSite, Status
from shared.health.service import HealthService
from shared.projects.service import ProjectService

_MOST_SITES = 50


class StatusService:
    """Health and live sites together."""

    def __init__(
        self,
        health: HealthService,
        accounts: AccountService,
        projects: ProjectService,
        *,
        show_sites: bool,
    ) -> None:
        self._health = health
        self._accounts = accounts
        self._projects = projects
        self._show_sites = show_sites

    async def current(self) -> Status:
        """As of now; a database that is away shows as a failed dependency, not as an error."""
        health = await self._health.ready()
        try:
            sites = await self._sites() if self._show_sites else []
        except Unavailable:
            sites = []
        return Status(status=health.status, dependencies=health.dependencies, sites=sites)

    async def _sites(self) -> list[LiveSite]:
        scope = await self._accounts.developer_scope()
        found = await self._projects.live_sites(scope, _MOST_SITES)
        return [
            LiveSite(
                project=project.slug,
                url=project.url,
                deployment=project.live.number,
                since=project.live.since,
            )
            for project in found
            if project.live is not None
        ]
