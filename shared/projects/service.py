"""Projects and their uploads, as their members act on them."""

from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

import psycopg

from shared.accounts import store as accounts
from shared.accounts.service import require_role
from shared.audit import store as audit
from shared.clients.blobs import STAGING, Blobs
from shared.config import Settings
from shared.database import Connection, Database, Row, Scope
from shared.deliveries import store as deliveries
from shared.deliveries.service import DeliveryService
from shared.deployments import store as deployments
from shared.errors import Conflict, Forbidden, NotFound, TooLarge, ValidationFailed
from shared.plans import limits
from shared.projects import store
from shared.projects.models import (
    Git,
    GitSettings,
    Live,
    Project,
    ProjectCreate,
    ProjectUpdate,
    Registry,
    RegistrySettings,
    Upload,
    UploadCreate,
)
from shared.projects.slugs import check_slug
from shared.routes import store as routes
from shared.routes.models import host_of
from shared.workloads import store as workloads

if TYPE_CHECKING:
    from shared.crypto import Crypto

UPLOAD_MINUTES = 60


class SlugTaken(Conflict):
    """Another project has the slug, or had it a short while ago."""

    code, title = "slug_taken", "This name is taken"


class LimitReached(Forbidden):
    """The account's plan allows no more."""

    code, title = "limit_reached", "The plan's limit is reached"


class UploadTooLarge(TooLarge):
    """The archive is above the plan's bound."""

    code, title = "upload_too_large", "The archive is too large"


class AccountSuspended(Forbidden):
    """The operators have suspended the account."""

    code, title = "account_suspended", "The account is suspended"


class ProjectService:
    """Creates, reads, changes and deletes projects, and lets archives be uploaded."""

    def __init__(
        self,
        database: Database,
        delivery: DeliveryService,
        blobs: Blobs,
        crypto: "Crypto",
        settings: Settings,
    ) -> None:
        self._database = database
        self._deliveries = delivery
        self._crypto = crypto
        self._blobs = blobs
        self._settings = settings
        self._sites = urlsplit(settings.sites_url)

    async def create(self, scope: Scope, project_id: UUID, wanted: ProjectCreate) -> Project:
        """A new project with its host; raises InvalidSlug, SlugTaken, LimitReached."""
        check_slug(wanted.slug)
        user_id = scope.actor
        try:
            async with self._database.transaction(scope) as connection:
                account_id = wanted.account_id or await _first_account(connection, user_id)
                await require_role(connection, user_id, account_id, "member")
                ids = await self._insert(connection, project_id, account_id, wanted)
                await audit.record(connection, account_id, user_id, "project.create", wanted.slug)
                project = self._project(await existing_project(connection, project_id))
        except psycopg.errors.UniqueViolation:
            raise _taken(wanted.slug) from None
        await self._deliveries.attempt_all(scope, ids)
        return project

    async def _insert(
        self, connection: Connection, project_id: UUID, account_id: UUID, wanted: ProjectCreate
    ) -> list[UUID]:
        """The rows of a new project; the deliveries of its route."""
        await self._check_limit(connection, account_id)
        name = wanted.name or wanted.slug
        if not await store.insert_project(connection, project_id, account_id, wanted.slug, name):
            return []
        environments = await store.insert_environments(connection, project_id, account_id)
        host = host_of(wanted.slug, self._sites.hostname or "")
        if not await routes.claim_host(connection, host, project_id, environments["production"]):
            raise _taken(wanted.slug)
        return await routes.write_later(connection, account_id, [host])

    async def _check_limit(self, connection: Connection, account_id: UUID) -> None:
        bound = await account_limit(connection, account_id, limits.PROJECTS)
        if await store.count_projects(connection, account_id) >= bound:
            raise LimitReached(f"The account has {bound} projects, as many as its plan allows")

    async def list_projects(
        self, scope: Scope, after: tuple[datetime, UUID] | None, slug: str | None, limit: int
    ) -> list[Project]:
        """The caller's projects, newest first."""
        async with self._database.transaction(scope) as connection:
            rows = await store.list_projects(connection, after, slug, limit)
        return [self._project(row) for row in rows]

    async def get(self, scope: Scope, project_id: UUID) -> Project:
        """One project; raises NotFound."""
        async with self._database.transaction(scope) as connection:
            return self._project(await existing_project(connection, project_id))

    async def update(self, scope: Scope, project_id: UUID, change: ProjectUpdate) -> Project:
        """Change a project; raises NotFound, Forbidden."""
        user_id = scope.actor
        given = change.model_fields_set
        async with self._database.transaction(scope) as connection:
            row = await permitted_project(connection, user_id, project_id)
            if change.name is not None:
                await store.rename_project(connection, project_id, change.name)
            if "settings" in given:
                settings = change.settings.model_dump(exclude_none=True) if change.settings else {}
                await store.set_settings(connection, project_id, settings)
            if "git" in given:
                await self._set_git(connection, row, change.git)
            if "registry" in given:
                await self._set_registry(connection, row, change.registry)
            await audit.record(
                connection, row["account_id"], user_id, "project.update", row["slug"]
            )
            return self._project(await existing_project(connection, project_id))

    async def _set_git(
        self, connection: Connection, project: Row, wanted: GitSettings | None
    ) -> None:
        """Another repository. A token belongs to its address: with another one it goes."""
        from shared.sources.repository_url import check_url

        if wanted is None:
            await store.set_git(connection, project["id"], None, None, keep_token=False)
            return
        git = {
            "url": check_url(wanted.url, self._settings.outgoing_allowed),
            "branch": wanted.branch,
            "username": wanted.username,
        }
        stays = bool(project["git"]) and project["git"]["url"] == git["url"]
        token = wanted.token
        sealed = self._crypto.seal(_token_context(project["id"]), token) if token else None
        await store.set_git(
            connection, project["id"], git, sealed, keep_token=stays and token is None
        )

    async def _set_registry(
        self, connection: Connection, project: Row, wanted: RegistrySettings | None
    ) -> None:
        """Another registry. A token belongs to it and its user: with another one it goes."""
        from shared.projects.registry import context_of

        if wanted is None:
            await store.set_registry(connection, project["id"], None, None, keep_token=False)
            return
        known = {"registry": wanted.registry, "username": wanted.username}
        token = wanted.token
        sealed = self._crypto.seal(context_of(project["id"]), token) if token else None
        keep = token is None and project["registry"] == known
        await store.set_registry(connection, project["id"], known, sealed, keep_token=keep)

    async def delete(self, scope: Scope, project_id: UUID) -> None:
        """Take a project offline and give up its hosts; raises NotFound, Forbidden."""
        user_id = scope.actor
        async with self._database.transaction(scope) as connection:
            row = await existing_project(connection, project_id)
            await require_role(connection, user_id, row["account_id"], "owner")
            await store.delete_project(connection, project_id)
            await deployments.request_cancel_of_project(connection, project_id)
            await workloads.make_project_due(connection, project_id)
            hosts = await routes.free_hosts(connection, project_id)
            ids = await routes.write_later(connection, row["account_id"], hosts)
            await audit.record(
                connection, row["account_id"], user_id, "project.delete", row["slug"]
            )
        await self._deliveries.attempt_all(scope, ids)

    async def start_upload(
        self, scope: Scope, project_id: UUID, upload_id: UUID, archive: UploadCreate
    ) -> Upload:
        """A place for an archive; raises NotFound, Forbidden, UploadTooLarge."""
        user_id = scope.actor
        async with self._database.transaction(scope) as connection:
            row = await permitted_project(connection, user_id, project_id)
            bound = await account_limit(connection, row["account_id"], limits.UPLOAD_BYTES)
            if archive.size > bound:
                raise UploadTooLarge(
                    f"The archive has {archive.size} bytes, the plan allows {bound}:"
                    " leave out what the site does not serve"
                )
            expires = await store.insert_upload(
                connection,
                upload_id,
                row,
                user_id,
                (archive.format, archive.size),
                UPLOAD_MINUTES,
            )
        signature = self._blobs.upload_signature(STAGING, str(upload_id), expires)
        return Upload(
            id=upload_id,
            url=f"{self._settings.platform_url}/_blob/{STAGING}/{upload_id}?{signature}",
            headers=UPLOAD_HEADERS,
            max_bytes=bound,
            expires_at=expires,
        )

    async def clear_cache(self, scope: Scope, project_id: UUID) -> None:
        """Have the builder forget what builds of a project kept; raises NotFound, Forbidden."""
        async with self._database.transaction(scope) as connection:
            row = await permitted_project(connection, scope.actor, project_id)
            payload = {"cache": str(project_id)}
            ids = [await deliveries.insert(connection, row["account_id"], "cache_clear", payload)]
            await audit.record(
                connection, row["account_id"], scope.actor, "project.clear_cache", row["slug"]
            )
        await self._deliveries.hand_over(ids)

    async def live_sites(self, scope: Scope, limit: int) -> list[Project]:
        """What is live of all that a scope sees, most recently changed first."""
        async with self._database.transaction(scope) as connection:
            rows = await store.list_live(connection, limit)
        return [self._project(row) for row in rows]

    async def clean_uploads(self) -> int:
        """Delete staged archives that nothing needs any more; how many."""
        async with self._database.transaction() as connection:
            stale = await store.take_stale_uploads(connection, 500)
        for upload_id in stale:
            for name in (str(upload_id), listing_name(upload_id)):
                await self._blobs.delete(STAGING, name)
        return len(stale)

    def _project(self, row: Row) -> Project:
        live = None
        if row["live_release_id"] is not None:
            live = Live(
                deployment_id=row["live_deployment_id"],
                number=row["live_number"],
                release_id=row["live_release_id"],
                since=row["live_since"],
            )
        return Project(
            id=row["id"],
            account_id=row["account_id"],
            slug=row["slug"],
            name=row["name"],
            url=site_url(self._settings.sites_url, row["slug"]),
            settings=row["settings"],
            git=Git(**row["git"], has_token=row["has_git_token"]) if row["git"] else None,
            registry=(
                Registry(**row["registry"], has_token=row["has_registry_token"])
                if row["registry"]
                else None
            ),
            live=live,
            pinned=row["pinned"],
            waiting_releases=row["waiting_releases"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )


UPLOAD_HEADERS = {
    "x-ms-blob-type": "BlockBlob",
    "Content-Type": "application/octet-stream",
}


def listing_name(upload_id: UUID | str) -> str:
    """The staging blob that names the files of a prebuilt site; other uploads have none."""
    return f"{upload_id}.files"


def site_url(sites_url: str, label: str) -> str:
    """The address of a host below the sites' domain, scheme and port included."""
    scheme, _, rest = sites_url.partition("://")
    return f"{scheme}://{label}.{rest}"


async def account_limit(connection: Connection, account_id: UUID, limit: limits.Limit) -> int:
    """The account's bound; raises Forbidden for a suspended account."""
    account = await accounts.read_account(connection, account_id)
    if account is None:
        raise NotFound("No such account, or you are not a member of it")
    if account["suspended_at"] is not None:
        raise AccountSuspended(
            f"The account {account['slug']} is suspended: ask the operators of this platform"
        )
    return limits.value_of(limit, account["limits"])


async def _first_account(connection: Connection, user_id: UUID) -> UUID:
    memberships = await accounts.list_memberships(connection, user_id)
    if not memberships:
        raise ValidationFailed("You belong to no account: ask an owner to invite you")
    first: UUID = memberships[0]["id"]
    return first


async def existing_project(connection: Connection, project_id: UUID) -> Row:
    """A project that the transaction's scope sees; raises NotFound."""
    row = await store.read_project(connection, project_id)
    if row is None:
        raise NotFound("No such project")
    return row


async def permitted_project(connection: Connection, user_id: UUID, project_id: UUID) -> Row:
    """The project, where the user may change it."""
    row = await existing_project(connection, project_id)
    await require_role(connection, user_id, row["account_id"], "member")
    return row


def git_token_of(crypto: "Crypto", project_id: UUID, sealed: str | None) -> str | None:
    """The token of a project's repository; raises Unreadable."""
    if sealed is None:
        return None
    return crypto.open(_token_context(project_id), sealed, "the token of the repository")


def _token_context(project_id: UUID) -> str:
    return f"git token of project {project_id}"


def _taken(slug: str) -> SlugTaken:
    return SlugTaken(
        f"{slug} is in use, or was until a short while ago: choose another",
    )
