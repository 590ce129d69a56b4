"""What runs of a project: replicas, restarts, scaling, tasks and schedules."""

from typing import Annotated

from pydantic import Field

from shared.detection.run_settings import Scaling
from shared.models import Response
from shared.services import services
from shared.triggers import pagination
from shared.triggers.http import Call, Resource
from shared.triggers.pagination import Page, PageQuery
from shared.workloads.models import (
    EnvironmentQuery,
    ScalingUpdate,
    ScheduleStatus,
    Task,
    TaskCreate,
    Workload,
)

resource = Resource("Workloads")


class TaskPage(Page):
    """Tasks of a project, newest first."""

    items: list[Task]


class ScheduleList(Response):
    """The schedules of what is live."""

    items: Annotated[list[ScheduleStatus], Field(description="By name.")]


@resource.operation(
    "GET", "projects/{project_id}/workload", query=EnvironmentQuery, returns=Workload
)
async def get_workload(call: Call) -> Workload:
    """See what runs of an environment's live release."""
    environment = call.query(EnvironmentQuery).environment
    return await services().workloads.get(call.scope, call.id("project_id"), environment)


@resource.operation(
    "POST",
    "projects/{project_id}/workload/restart",
    body=EnvironmentQuery,
    returns=Workload,
    status=202,
    needs="deploy",
)
async def restart_workload(call: Call) -> Workload:
    """Replace every process, one after another."""
    environment = call.body(EnvironmentQuery).environment
    return await services().workloads.restart(call.scope, call.id("project_id"), environment)


@resource.operation(
    "POST",
    "projects/{project_id}/workload/stop",
    body=EnvironmentQuery,
    returns=Workload,
    status=202,
    needs="deploy",
)
async def stop_workload(call: Call) -> Workload:
    """Stop what is live, until it is started again or something else goes live."""
    environment = call.body(EnvironmentQuery).environment
    return await services().workloads.stop(call.scope, call.id("project_id"), environment)


@resource.operation(
    "POST",
    "projects/{project_id}/workload/start",
    body=EnvironmentQuery,
    returns=Workload,
    status=202,
    needs="deploy",
)
async def start_workload(call: Call) -> Workload:
    """Start what was stopped."""
    environment = call.body(EnvironmentQuery).environment
    return await services().workloads.start(call.scope, call.id("project_id"), environment)


@resource.operation(
    "PUT",
    "projects/{project_id}/workload/scaling",
    body=ScalingUpdate,
    returns=Workload,
    status=202,
    needs="deploy",
)
async def scale_workload(call: Call) -> Workload:
    """Set how many replicas there are to be, at once and for releases to come."""
    wanted = call.body(ScalingUpdate)
    scaling = Scaling(**wanted.model_dump(exclude={"environment"}))
    project_id = call.id("project_id")
    return await services().workloads.scale(call.scope, project_id, wanted.environment, scaling)


@resource.operation(
    "POST",
    "projects/{project_id}/tasks",
    body=TaskCreate,
    returns=Task,
    status=202,
    needs="deploy",
)
async def create_task(call: Call) -> Task:
    """Run a command once with what is live: its image, its variables."""
    wanted = call.body(TaskCreate)
    project_id = call.id("project_id")
    return await services().tasks.create(call.scope, project_id, call.new_id, wanted)


@resource.operation("GET", "projects/{project_id}/tasks", query=PageQuery, returns=TaskPage)
async def list_tasks(call: Call) -> TaskPage:
    """List a project's tasks, newest first."""
    query = call.query(PageQuery)
    before = pagination.time_and_id(query)
    project_id = call.id("project_id")
    found = await services().tasks.list_tasks(call.scope, project_id, before, query.lookahead)
    items, cursor = pagination.paginate(
        found, query, lambda t: [t.created_at.isoformat(), str(t.id)]
    )
    return TaskPage(items=items, next_cursor=cursor)


@resource.operation("GET", "tasks/{task_id}", returns=Task)
async def get_task(call: Call) -> Task:
    """Get a task."""
    return await services().tasks.get(call.scope, call.id("task_id"))


@resource.operation("POST", "tasks/{task_id}/cancel", returns=Task, status=202, needs="deploy")
async def cancel_task(call: Call) -> Task:
    """Cancel a task; its state changes when it has ended."""
    return await services().tasks.cancel(call.scope, call.id("task_id"))


@resource.operation(
    "GET", "projects/{project_id}/schedules", query=EnvironmentQuery, returns=ScheduleList
)
async def list_schedules(call: Call) -> ScheduleList:
    """List the schedules of what is live, with their latest runs."""
    environment = call.query(EnvironmentQuery).environment
    project_id = call.id("project_id")
    items = await services().workloads.schedules(call.scope, project_id, environment)
    return ScheduleList(items=items)
