"""Reading logs, and the address at which they arrive live."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared.logs import fanout
from shared.logs.lines import NumberedLine
from shared.logs.runtime.models import Environment
from shared.models import Request, Response
from shared.services import services
from shared.triggers.http import Call, Reply, Resource

resource = Resource("Logs")
_MINUTES = 60


class LogQuery(Request):
    """Lines with numbers above ``after``."""

    after: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=1, le=5000)] = 1000


class LogPage(Response):
    """Lines in order; ``ended`` when none will follow the last of them."""

    lines: list[NumberedLine]
    next_after: int
    ended: bool


class NegotiateRequest(Request):
    """What to watch besides the account: one deployment, or what runs of a project."""

    deployment_id: UUID | None = None
    project_id: UUID | None = None
    environment: Environment = "production"


class Negotiated(Response):
    """A Web PubSub address and the groups that it lets its holder join."""

    url: str
    groups: list[str]


@resource.operation("GET", "deployments/{deployment_id}/logs", query=LogQuery, returns=LogPage)
async def read_logs(call: Call) -> LogPage:
    """Read a page of a deployment's log."""
    query = call.query(LogQuery)
    deployment_id = call.id("deployment_id")
    page = await services().logs.read(call.scope, deployment_id, query.after, query.limit)
    return LogPage(lines=page.lines, next_after=page.next_after, ended=page.ended)


@resource.operation("GET", "deployments/{deployment_id}/logs/download", media_type="text/plain")
async def download_logs(call: Call) -> Reply:
    """Download a deployment's log as text."""
    pieces = [p async for p in services().logs.text(call.scope, call.id("deployment_id"))]
    return Reply("".join(pieces), media_type="text/plain")


@resource.operation("POST", "negotiate", body=NegotiateRequest, returns=Negotiated, needs="read")
async def negotiate(call: Call) -> Negotiated:
    """Get an address for live logs and events."""
    wanted = call.body(NegotiateRequest)
    me = await services().accounts.me(call.principal)
    groups = [f"account-{account.id}" for account in me.accounts]
    if wanted.deployment_id is not None:
        await services().deployments.get(call.scope, wanted.deployment_id)
        groups.append(fanout.group(wanted.deployment_id))
    if wanted.project_id is not None:
        await services().projects.get(call.scope, wanted.project_id)
        groups.append(fanout.runtime_group(wanted.project_id, wanted.environment))
    url = await services().push.client_access_url(str(me.user.id), groups, _MINUTES)
    return Negotiated(url=url, groups=groups)
