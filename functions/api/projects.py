"""Projects and their uploads."""

from typing import Annotated

from pydantic import Field

from shared.projects.models import (
    Prebuilt,
    PrebuiltCreate,
    Project,
    ProjectCreate,
    ProjectUpdate,
    Upload,
    UploadCreate,
)
from shared.services import services
from shared.triggers import pagination
from shared.triggers.http import Call, Reply, Resource
from shared.triggers.pagination import Page, PageQuery

resource = Resource("Projects")


class ProjectQuery(PageQuery):
    """A page of projects; ``slug`` finds the one that has it."""

    slug: Annotated[str, Field(max_length=80)] | None = None


class ProjectPage(Page):
    """Projects, newest first."""

    items: list[Project]


@resource.operation("GET", "projects", query=ProjectQuery, returns=ProjectPage)
async def list_projects(call: Call) -> ProjectPage:
    """List your projects, newest first."""
    query = call.query(ProjectQuery)
    after = pagination.time_and_id(query)
    found = await services().projects.list_projects(call.scope, after, query.slug, query.lookahead)
    items, cursor = pagination.paginate(
        found, query, lambda p: [p.created_at.isoformat(), str(p.id)]
    )
    return ProjectPage(items=items, next_cursor=cursor)


@resource.operation("POST", "projects", body=ProjectCreate, returns=Project, status=201)
async def create_project(call: Call) -> Project:
    """Create a project; its slug becomes its address."""
    wanted = call.body(ProjectCreate)
    return await services().projects.create(call.scope, call.new_id, wanted)


@resource.operation("GET", "projects/{project_id}", returns=Project)
async def get_project(call: Call) -> Project:
    """Get a project with what is live."""
    return await services().projects.get(call.scope, call.id("project_id"))


@resource.operation("PATCH", "projects/{project_id}", body=ProjectUpdate, returns=Project)
async def update_project(call: Call) -> Project:
    """Change a project."""
    change = call.body(ProjectUpdate)
    scope = call.scope
    return await services().projects.update(scope, call.id("project_id"), change)


@resource.operation("DELETE", "projects/{project_id}", status=204)
async def delete_project(call: Call) -> Reply:
    """Take a project offline and delete it."""
    await services().projects.delete(call.scope, call.id("project_id"))
    return Reply()


@resource.operation(
    "POST",
    "projects/{project_id}/uploads",
    body=UploadCreate,
    returns=Upload,
    status=201,
    needs="deploy",
)
async def create_upload(call: Call) -> Upload:
    """Get an address to PUT an archive to."""
    archive = call.body(UploadCreate)
    scope = call.scope
    project_id = call.id("project_id")
    return await services().projects.start_upload(scope, project_id, call.new_id, archive)


@resource.operation(
    "POST",
    "projects/{project_id}/prebuilt",
    body=PrebuiltCreate,
    returns=Prebuilt,
    status=201,
    needs="deploy",
    max_body=8_388_608,
)
async def create_prebuilt(call: Call) -> Prebuilt:
    """Name all files of a finished site, and be told which are missing."""
    files = call.body(PrebuiltCreate)
    project_id = call.id("project_id")
    return await services().prebuilt.start(call.scope, project_id, call.new_id, files)


@resource.operation("DELETE", "projects/{project_id}/cache", status=202, needs="deploy")
async def clear_cache(call: Call) -> Reply:
    """Forget what earlier builds have kept: the next one downloads everything anew."""
    await services().projects.clear_cache(call.scope, call.id("project_id"))
    return Reply()
