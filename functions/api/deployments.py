"""Deployments: create, look, cancel, promote, roll back."""

from shared.deployments.models import (
    Deployment,
    DeploymentCreate,
    DeploymentDetail,
    RollbackRequest,
)
from shared.services import services
from shared.triggers import pagination
from shared.triggers.http import Call, Reply, Resource
from shared.triggers.pagination import Page, PageQuery

resource = Resource("Deployments")


class DeploymentPage(Page):
    """Deployments of a project, newest first."""

    items: list[Deployment]


@resource.operation(
    "POST",
    "projects/{project_id}/deployments",
    body=DeploymentCreate,
    returns=Deployment,
    status=202,
    needs="deploy",
)
async def create_deployment(call: Call) -> Deployment:
    """Put an uploaded archive online."""
    wanted = call.body(DeploymentCreate)
    scope = call.scope
    project_id = call.id("project_id")
    return await services().deployments.create(scope, project_id, call.new_id, wanted)


@resource.operation(
    "GET", "projects/{project_id}/deployments", query=PageQuery, returns=DeploymentPage
)
async def list_deployments(call: Call) -> DeploymentPage:
    """List a project's deployments, newest first."""
    query = call.query(PageQuery)
    project_id = call.id("project_id")
    found = await services().deployments.list_deployments(
        call.scope, project_id, pagination.number(query), query.lookahead
    )
    items, cursor = pagination.paginate(found, query, lambda d: [d.number])
    return DeploymentPage(items=items, next_cursor=cursor)


@resource.operation("GET", "deployments/{deployment_id}", returns=DeploymentDetail)
async def get_deployment(call: Call) -> DeploymentDetail:
    """Get a deployment with its events."""
    return await services().deployments.get(call.scope, call.id("deployment_id"))


@resource.operation(
    "POST", "deployments/{deployment_id}/cancel", returns=Deployment, status=202, needs="deploy"
)
async def cancel_deployment(call: Call) -> Deployment:
    """Cancel a deployment; its state changes when its work has ended."""
    scope = call.scope
    return await services().deployments.cancel(scope, call.id("deployment_id"))


@resource.operation(
    "POST", "deployments/{deployment_id}/promote", returns=Deployment, needs="deploy"
)
async def promote_deployment(call: Call) -> Deployment:
    """Make a release live; a pin ends with it."""
    scope = call.scope
    return await services().deployments.promote(scope, call.id("deployment_id"))


@resource.operation(
    "POST",
    "projects/{project_id}/rollback",
    body=RollbackRequest,
    returns=Deployment,
    needs="deploy",
)
async def roll_back_project(call: Call) -> Deployment:
    """Go back to an older release and pin it."""
    target = call.body(RollbackRequest).deployment_id
    scope = call.scope
    return await services().deployments.roll_back(scope, call.id("project_id"), target)


@resource.operation("POST", "projects/{project_id}/unpin", status=204, needs="deploy")
async def unpin_project(call: Call) -> Reply:
    """Let new releases go live by themselves again."""
    await services().deployments.unpin(call.scope, call.id("project_id"))
    return Reply()
