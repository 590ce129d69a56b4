"""Resource Manager: task runs by name, their log's address, their end."""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.fakes.azure.registry import TOKEN
from tests.fakes.azure.storage import Storage
from tests.fakes.azure.tasks import Engine, TaskRunner

GROUP, REGISTRY, SUBSCRIPTION = "group", "astrocloud", "00000000-0000-0000-0000-000000000001"
API_VERSION = "2025-03-01-preview"
_ROOT = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{{group}}/providers"
    "/Microsoft.ContainerRegistry/registries/{registry}"
)


class Management:
    """What was asked for and what became of it. ``runs`` holds every run that was ever begun.

    ``provisioning`` is what is told of names whose run is not scheduled, in place of the run.
    """

    def __init__(self, storage: Storage, make_engine: Callable[[], Engine]) -> None:
        self.runs: dict[str, TaskRunner] = {}
        self.names: dict[str, str] = {}
        self.requests: dict[str, Any] = {}
        self.provisioning: dict[str, str] = {}
        self._storage = storage
        self._make_engine = make_engine

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.post(f"{_ROOT}/listBuildSourceUploadUrl", self._asked(self._upload_url)),
            web.put(f"{_ROOT}/taskRuns/{{name}}", self._asked(self._put)),
            web.get(f"{_ROOT}/taskRuns/{{name}}", self._asked(self._get)),
            web.delete(f"{_ROOT}/taskRuns/{{name}}", self._asked(self._delete)),
            web.post(f"{_ROOT}/runs/{{run}}/listLogSasUrl", self._asked(self._log)),
            web.post(f"{_ROOT}/runs/{{run}}/cancel", self._asked(self._cancel)),
        ]

    def _asked(self, handler: Any) -> Any:
        async def asked(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Authorization") != f"Bearer {TOKEN}":
                return _error(401, "InvalidAuthenticationToken", "The access token is invalid.")
            if request.query.get("api-version") != API_VERSION:
                return _error(400, "NoRegisteredProviderFound", "No such api-version.")
            if request.match_info["group"] != GROUP:
                return _error(404, "ResourceGroupNotFound", "Resource group could not be found.")
            if request.match_info["registry"] != REGISTRY:
                what = "The Resource 'Microsoft.ContainerRegistry/registries/x' was not found."
                return _error(404, "ResourceNotFound", what)
            return await handler(request)  # type: ignore[no-any-return]

        return asked

    async def _upload_url(self, request: web.Request) -> web.Response:
        url, path = self._storage.upload_address(request.host)
        return web.json_response({"uploadUrl": url, "relativePath": path})

    async def _put(self, request: web.Request) -> web.Response:
        """The same request is the same run; another one is another run of that name."""
        name, body = request.match_info["name"], await request.json()
        wanted = body["properties"]["runRequest"]
        if wanted.get("timeout", 300) < 300:
            return _error(400, "InvalidRequest", "timeout must be at least 300")
        status, headers = 200, {}
        if self.requests.get(name) != body:
            self.requests[name] = body
            source = self._storage.sources[wanted["sourceLocation"]]
            number = f"ca{len(self.runs) + 1}"
            self._storage.log_address(request.host, number)
            log = self._storage.logs[number]
            runner = TaskRunner(number, wanted, source, log, self._make_engine())
            self.names[name], self.runs[number] = number, runner
            runner.begin()
            # The resource is made in the background: whoever likes follows it there.
            status = 201
            headers["Azure-AsyncOperation"] = f"https://{request.host}{request.path}/operation"
        return web.json_response(self._told(name), status=status, headers=headers)

    async def _get(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.names:
            what = f"The Resource '.../registries/{REGISTRY}/taskRuns/{name}' was not found."
            return _error(404, "ResourceNotFound", what)
        return web.json_response(self._told(name))

    async def _delete(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.requests.pop(name, None)
        return web.Response(status=200 if self.names.pop(name, None) else 204)

    async def _log(self, request: web.Request) -> web.Response:
        run = request.match_info["run"]
        if run not in self.runs:
            return _error(404, "RunNotFound", "The run was not found.")
        return web.json_response({"logLink": self._storage.log_address(request.host, run)})

    async def _cancel(self, request: web.Request) -> web.Response:
        runner = self.runs.get(request.match_info["run"])
        if runner is None:
            return _error(404, "RunNotFound", "The run was not found.")
        if runner.has_ended:
            return _error(400, "RunAlreadyEnded", "The run cannot be canceled any more.")
        await runner.cancel()
        return web.Response(status=200)

    def _told(self, name: str) -> dict[str, Any]:
        number = self.names[name]
        run = self.runs[number]
        shown = json.loads(json.dumps(self.requests[name]["properties"]["runRequest"]))
        for value in shown.get("values", ()):
            if value.get("isSecret"):
                del value["value"]
        if name in self.provisioning:
            state = self.provisioning[name]
            return _resource(name, {"provisioningState": state, "runRequest": shown})
        properties = {
            "runId": number,
            "status": run.status,
            "provisioningState": "Succeeded",
            "createTime": run.created.isoformat(),
            "runType": "QuickRun",
        }
        if run.finished:
            properties["finishTime"] = run.finished.isoformat()
        result = {"id": f"/runs/{number}", "name": number, "properties": properties}
        about = {"provisioningState": "Succeeded", "runRequest": shown, "runResult": result}
        return _resource(name, about)


def _resource(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"/registries/{REGISTRY}/taskRuns/{name}",
        "name": name,
        "type": "Microsoft.ContainerRegistry/registries/taskRuns",
        "properties": properties,
    }


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)
