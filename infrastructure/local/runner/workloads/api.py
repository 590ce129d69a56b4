"""The HTTP interface of workloads; ``shared.clusters.runner`` is the client."""

from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from infrastructure.local.runner.requests import LONGEST_WAIT, Refused, key, number
from infrastructure.local.runner.workloads.service import Workloads, check_image
from infrastructure.local.runner.workloads.tasks import Task, Tasks, name
from shared.clusters.port import Workload, WorkloadRef
from shared.errors import AstroCloudError

MOST_REPLICAS = 100
T = TypeVar("T", bound=BaseModel)


class Apply(BaseModel):
    """The body of an apply."""

    workload: Workload
    replicas: int


def routes(workloads: Workloads, tasks: Tasks) -> list[BaseRoute]:
    """The routes over workloads and tasks."""
    api = _Api(workloads, tasks)
    one = "/workloads/{project}/{release}"
    task = f"{one}/tasks/{{key}}"
    return [
        Route(one, api.apply, methods=["PUT"]),
        Route(one, api.status, methods=["GET"]),
        Route(one, api.delete, methods=["DELETE"]),
        Route(f"{one}/scale", api.scale, methods=["POST"]),
        Route(f"{one}/restart", api.restart, methods=["POST"]),
        Route("/workloads/{project}", api.delete_project, methods=["DELETE"]),
        Route(task, api.start_task, methods=["PUT"]),
        Route(task, api.task_status, methods=["GET"]),
        Route(task, api.delete_task, methods=["DELETE"]),
        Route(f"{task}/log", api.task_log, methods=["GET"]),
        Route(f"{task}/cancel", api.cancel_task, methods=["POST"]),
    ]


async def told(_request: Request, error: Exception) -> Response:
    """An error of ours as the client reads it."""
    assert isinstance(error, AstroCloudError)
    return JSONResponse({"code": error.code, "detail": error.detail}, error.status)


class _Api:
    def __init__(self, workloads: Workloads, tasks: Tasks) -> None:
        self._workloads = workloads
        self._tasks = tasks

    async def apply(self, request: Request) -> Response:
        asked = _body(Apply, await request.body())
        _same(asked.workload, request)
        await self._workloads.apply(asked.workload, _replicas(asked.replicas))
        return Response(status_code=204)

    async def status(self, request: Request) -> Response:
        found = await self._workloads.status(ref(request))
        if found is None:
            return JSONResponse({"detail": "There is no such workload."}, 404)
        return Response(found.model_dump_json(), media_type="application/json")

    async def scale(self, request: Request) -> Response:
        text = request.query_params.get("replicas", "")
        if not text.isdecimal():
            raise Refused("replicas has to be a number from 0.")
        await self._workloads.scale(ref(request), _replicas(int(text)))
        return Response(status_code=204)

    async def restart(self, request: Request) -> Response:
        await self._workloads.restart(ref(request))
        return Response(status_code=204)

    async def delete(self, request: Request) -> Response:
        await self._workloads.delete(ref(request))
        await self._tasks.delete_of_release(ref(request))
        return Response(status_code=204)

    async def delete_project(self, request: Request) -> Response:
        project = identifier(request, "project")
        await self._workloads.delete_project(project)
        await self._tasks.delete_of_project(project)
        return Response(status_code=204)

    async def start_task(self, request: Request) -> Response:
        task = _body(Task, await request.body())
        _same(task.workload, request)
        check_image(task.workload)
        await self._tasks.start(key(request), task)
        return Response(status_code=204)

    async def task_status(self, request: Request) -> Response:
        found = await self._tasks.task_status(ref(request), key(request))
        if found is None:
            return JSONResponse({"detail": "There is no such task."}, 404)
        return Response(found.model_dump_json(), media_type="application/json")

    async def task_log(self, request: Request) -> Response:
        after, wait = number(request, "after"), min(number(request, "wait"), LONGEST_WAIT)
        frames = await self._tasks.log(name(ref(request), key(request)), int(after), wait)
        told = ",".join(frame.model_dump_json() for frame in frames)
        return Response(f"[{told}]", media_type="application/json")

    async def cancel_task(self, request: Request) -> Response:
        await self._tasks.cancel(name(ref(request), key(request)))
        return Response(status_code=204)

    async def delete_task(self, request: Request) -> Response:
        await self._tasks.delete(name(ref(request), key(request)))
        return Response(status_code=204)


def ref(request: Request) -> WorkloadRef:
    """The workload that a request is about."""
    return WorkloadRef(
        project=identifier(request, "project"), release=identifier(request, "release")
    )


def identifier(request: Request, name: str) -> UUID:
    """A UUID of the path, which so can name no folder but one of ours."""
    try:
        return UUID(request.path_params[name])
    except ValueError:
        raise Refused(f"The {name} has to be a UUID.") from None


def _same(workload: Workload, request: Request) -> None:
    if workload.ref != ref(request):
        raise Refused("The workload is another than the one that it was sent as.")


def _body(shape: type[T], data: bytes) -> T:
    try:
        return shape.model_validate_json(data)
    except ValidationError as error:
        # Neither the input nor its keys may be told: both may hold a secret.
        kinds: set[str] = {problem["type"] for problem in error.errors(include_input=False)}
        raise Refused(f"The request is not understood ({', '.join(sorted(kinds))}).") from None


def _replicas(count: int) -> int:
    if not 0 <= count <= MOST_REPLICAS:
        raise Refused(f"replicas has to be a number from 0 to {MOST_REPLICAS}.")
    return count
