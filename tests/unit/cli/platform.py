"""A platform in memory for the command: projects, deployments, variables, as the API has them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

URL = "http://localhost:8080"
TOKEN = "astro_token"
ACCOUNT = "00000000-0000-4000-8000-000000000001"
FAILURE = {
    "code": "build_failed",
    "title": "The command vite is not installed",
    "detail": "npm run build ended with 127.",
    "cause": "command-not-found",
    "lines": [{"n": 214, "text": "sh: 1: vite: not found"}],
    "try": ["Add vite to the dependencies"],
}


SCALING = {
    "minimum": 1,
    "maximum": 1,
    "cpu_percent": None,
    "requests_per_replica": 20,
    "idle_minutes": None,
}
NOTHING_RUNS: dict[str, Any] = {
    "project_id": "p1",
    "environment": "production",
    "state": "none",
    "release_id": None,
    "deployment_id": None,
    "number": None,
    "wanted": 0,
    "ready": 0,
    "current": True,
    "scaling": None,
    "replicas": [],
    "problem": None,
    "next": None,
    "seen_at": None,
    "capabilities": ["autoscaling", "schedules", "images"],
}
RUNNING = {
    **NOTHING_RUNS,
    "state": "running",
    "number": 42,
    "wanted": 1,
    "ready": 1,
    "scaling": SCALING,
    "replicas": [
        {
            "name": "web-1",
            "process": "web",
            "ready": True,
            "restarts": 3,
            "started_at": "2026-11-24T07:00:00Z",
            "cpu_millis": 250,
            "memory_bytes": 64_000_000,
            "last_end": "exit code 1",
            "last_exit_code": 1,
        }
    ],
}
TASK = {
    "id": "00000000-0000-4000-8000-00000000abcd",
    "project_id": "p1",
    "number": 42,
    "environment": "production",
    "command": "",
    "state": "queued",
    "exit_code": None,
    "detail": "",
    "replica": "task-00000000-0000-4000-8000-00000000abcd",
    "cancel_requested": False,
    "created_at": "2026-11-24T07:00:00Z",
    "started_at": None,
    "finished_at": None,
}


class Platform:
    """Answers every request at once; a deployment ends in the state that is set."""

    def __init__(self) -> None:
        self.end = "ready"
        self.known: set[str] = set()
        self.projects: list[dict[str, Any]] = []
        self.deployments: list[dict[str, Any]] = []
        self.variables: list[dict[str, Any]] = []
        self.requests: list[httpx.Request] = []
        self.workload = dict(NOTHING_RUNS)
        self.tasks: list[dict[str, Any]] = []
        self.task_looks: list[dict[str, Any]] = []
        self.schedules: list[dict[str, Any]] = []
        self.lines: list[dict[str, Any]] = []
        self.metrics: dict[str, Any] = {}
        self.refusals: dict[str, tuple[int, dict[str, Any]]] = {}
        self.at_request: Callable[[httpx.Request], None] = lambda request: None
        self.puts: list[bytes] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.at_request(request)
        if request.url.path.startswith("/_blob"):
            self.puts.append(request.read())
            return httpx.Response(201)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return httpx.Response(401, json={"code": "unauthenticated", "detail": "Sign in."})
        parts = request.url.path.removeprefix("/api/v1/").split("/")
        body = json.loads(request.content) if request.content else {}
        return self._answer(request.method, parts, body, dict(request.url.params))

    def line(self, text: str, **values: Any) -> dict[str, Any]:
        """One more line of the runtime log."""
        made = {
            "n": len(self.lines) + 1,
            "time": "2026-11-24T07:00:00.123456Z",
            "replica": "web-1",
            "process": "web",
            "stream": "stdout",
            "source": "runtime",
            "level": None,
            "text": text,
            "logged_at": None,
            "fields": None,
            **values,
        }
        self.lines.append(made)
        return made

    def running(self, **values: Any) -> None:
        """A server is live."""
        self.workload = {**RUNNING, **values}

    def bodies(self, path: str) -> list[Any]:
        """What was sent to addresses with this end."""
        return [
            json.loads(r.content) for r in self.requests if r.content and r.url.path.endswith(path)
        ]

    def project(self, slug: str = "shop") -> dict[str, Any]:
        number = len(self.projects) + 1
        project = {
            "id": f"p{number}",
            "account_id": ACCOUNT,
            "slug": slug,
            "url": f"http://{slug}.apps.localhost:8080",
            "registry": None,
            "live": None,
            "pinned": False,
        }
        self.projects.append(project)
        return project

    def deployment(self, project: Mapping[str, Any], state: str = "ready") -> dict[str, Any]:
        number = len(self.deployments) + 1
        deployment = {
            "id": f"00000000-0000-4000-8000-{number:012}",
            "project_id": project["id"],
            "project_slug": project["slug"],
            "number": number,
            "environment": "production",
            "state": state,
            "source": {"type": "upload"},
            "url": project["url"],
            "permalink": None,
            "live": False,
            "failure": FAILURE if state == "failed" else None,
            "created_at": "2026-11-24T07:00:00Z",
        }
        self.deployments.insert(0, deployment)
        return deployment

    def _answer(
        self, method: str, parts: list[str], body: Any, query: dict[str, str]
    ) -> httpx.Response:
        if refusal := self.refusals.get("/".join(parts[-2:])):
            return httpx.Response(refusal[0], json=refusal[1])
        match method, parts:
            case "GET", ["projects", _, "workload"]:
                return _ok(self.workload)
            case "POST", ["projects", _, "workload", action]:
                if action == "stop":
                    self.workload = {**self.workload, "state": "stopped"}
                return _ok(self.workload, 202)
            case "PUT", ["projects", _, "workload", "scaling"]:
                scaling = {k: v for k, v in body.items() if k != "environment"}
                self.workload = {**self.workload, "scaling": scaling}
                return _ok(self.workload, 202)
            case "POST", ["projects", _, "tasks"]:
                self.tasks.insert(0, {**TASK, "command": body["command"]})
                return _ok(self.tasks[0], 202)
            case "GET", ["projects", _, "tasks"]:
                return _list(self.tasks)
            case "GET", ["tasks", task_id]:
                if self.task_looks:
                    look = self.task_looks.pop(0)
                    self.tasks = [{**t, **look} if t["id"] == task_id else t for t in self.tasks]
                return _one(self.tasks, task_id)
            case "POST", ["tasks", task_id, "cancel"]:
                return _one(self.tasks, task_id)
            case "GET", ["projects", _, "schedules"]:
                return _ok({"items": self.schedules})
            case "GET", ["projects", _, "metrics"]:
                return _ok(self.metrics)
            case "GET", ["projects", _, "logs"]:
                return _ok(self._page(query))
            case "GET", ["me"]:
                accounts = [{"id": ACCOUNT, "name": "Acme", "role": "owner"}]
                return _ok({"user": {"name": "Ana"}, "accounts": accounts})
            case "GET", ["projects"]:
                slug = query.get("slug")
                return _list([p for p in self.projects if slug in (None, p["slug"])])
            case "POST", ["projects"]:
                return _ok(self.project(body["slug"]), 201)
            case "PATCH", ["projects", project_id]:
                given = body["registry"]
                kept = given and {name: given[name] for name in ("registry", "username")}
                project = next(p for p in self.projects if p["id"] == project_id)
                project["registry"] = kept and {**kept, "has_token": "token" in given}
                return _ok(project)
            case "GET", ["projects", project_id]:
                return _one(self.projects, project_id)
            case "POST", ["projects", _, "uploads"]:
                return _ok(_place("upload-1"), 201)
            case "POST", ["projects", _, "prebuilt"]:
                digests = dict.fromkeys(file["digest"] for file in body["files"])
                missing = [digest for digest in digests if digest not in self.known]
                return _ok({**_place("prebuilt-1"), "missing": missing}, 201)
            case "GET", ["projects", project_id, "deployments"]:
                return _list([d for d in self.deployments if d["project_id"] == project_id])
            case "POST", ["projects", project_id, "deployments"]:
                project = next(p for p in self.projects if p["id"] == project_id)
                made = self.deployment(project, self.end)
                return _ok({**made, "environment": body["environment"]}, 202)
            case "POST", ["projects", _, "rollback"]:
                return _one(self.deployments, body.get("deployment_id") or _second(self))
            case "GET", ["deployments", deployment_id]:
                return _one(self.deployments, deployment_id)
            case "POST", ["deployments", deployment_id, "cancel"]:
                found = next(d for d in self.deployments if d["id"] == deployment_id)
                answer = dict(found)
                found["state"] = "canceled"
                return _ok(answer, 202)
            case "POST", ["deployments", deployment_id, "promote"]:
                return _one(self.deployments, deployment_id)
            case "GET", ["deployments", _, "logs"]:
                line = {"n": 1, "time": "2026-11-24T07:00:00.123Z", "text": "hi", "source": "build"}
                lines = [line] if query["after"] == "0" else []
                return _ok({"lines": lines, "next_after": 1, "ended": True})
            case "GET", ["projects" | "accounts" as kind, owner, "variables"]:
                return _list([v for v in self.variables if v["owner"] == (kind, owner)])
            case "POST", ["projects" | "accounts" as kind, owner, "variables"]:
                return _ok(self.variable((kind, owner), **body))
            case "POST", ["projects", _, "variables", "import"]:
                names = [line.partition("=")[0] for line in body["text"].splitlines()]
                counts = {"created": 1, "replaced": len(names) - 1}
                return _ok({"names": names, "notes": ["line 2: A is empty"], **counts})
            case "DELETE", ["variables", variable_id]:
                self.variables = [v for v in self.variables if v["id"] != variable_id]
                return httpx.Response(204)
            case "DELETE", ["projects", _, "cache"]:
                return httpx.Response(202)
        return httpx.Response(404, json={"code": "not_found", "title": "No", "detail": "Not here."})

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        found = [
            line
            for line in self.lines
            if query.get("replica") in (None, line["replica"])
            and query.get("q", "") in line["text"]
            and ("level" not in query or line["level"] in query["level"].split(","))
        ]
        after, last = query.get("after"), len(self.lines)
        if query.get("order", "newest") == "oldest":
            items = [line for line in found if line["n"] > int(after or 0)]
            following: int | None = last
        else:
            items = [line for line in reversed(found) if line["n"] < int(after or last + 1)]
            following = None
        if query.get("as_written") == "true":
            items = [
                {**line, "text": line.get("written", line["text"]), "fields": None}
                for line in items
            ]
        limit = int(query["limit"])
        if len(items) > limit:
            items = items[:limit]
            following = items[-1]["n"]
        return {
            "items": items,
            "next_cursor": following,
            "live_cursor": last,
            "complete": True,
            "searched_until": None,
        }

    def variable(self, owner: tuple[str, str], **values: Any) -> dict[str, Any]:
        made = {
            "id": f"v{len(self.requests)}-{len(self.variables)}",
            "owner": owner,
            "branch": None,
            "scope": "all",
            "environment": "production",
            "secret": False,
            "updated_at": "2026-11-24T07:00:00Z",
            **values,
        }
        self.variables.append(made)
        return made


def _second(platform: Platform) -> str:
    return str(platform.deployments[1]["id"])


def _place(upload_id: str) -> dict[str, Any]:
    address = f"{URL}/_blob/staging/{upload_id}?sig=s"
    return {"id": upload_id, "url": address, "method": "PUT", "headers": {}, "max_bytes": 10**6}


def _ok(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def _list(items: list[Any]) -> httpx.Response:
    return _ok({"items": items, "next_cursor": None})


def _one(items: list[dict[str, Any]], wanted: str) -> httpx.Response:
    found = next((item for item in items if item["id"] == wanted), None)
    if found is None:
        return httpx.Response(404, json={"code": "not_found", "title": "No", "detail": "Not here."})
    return _ok(found)
