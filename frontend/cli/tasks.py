"""``tasks`` and ``schedules``: commands that ran, or run at set times, in what is live."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.text import Text

from frontend.cli.api import Api
from frontend.cli.console import NOTHING, age, as_json, note, say, span, table
from frontend.cli.errors import UsageError
from frontend.cli.projects import project_of
from frontend.cli.session import signed_in
from frontend.cli.where import Where

_STATES = {
    "queued": ("◷ Queued", ""),
    "running": ("⚒ Running", ""),
    "succeeded": ("✓ Succeeded", "green"),
    "failed": ("✕ Failed", "red"),
    "canceled": ("⊘ Canceled", ""),
    "lost": ("? Lost", "red"),
}


async def show_tasks(where: Where, limit: int, *, json: bool) -> int:
    """Tasks of a project, newest first."""
    async with signed_in(where.url) as api:
        project = await project_of(api, where.project)
        items: list[Mapping[str, Any]] = []
        async for item in api.items(f"/projects/{project['id']}/tasks", limit=min(limit, 100)):
            if len(items) == limit:
                break
            items.append(item)
    if json:
        as_json({"items": items})
    elif not items:
        say(f"No command has run in {project['slug']} yet. Next: astrocloud run -- CMD")
    else:
        table(("TASK", "STATE", "RELEASE", "COMMAND", "AGE", "TOOK"), [_row(t) for t in items])
    return 0


async def cancel(where: Where, text: str, *, json: bool) -> int:
    """Ask for the end of a task; its beginning is enough to name it."""
    async with signed_in(where.url) as api:
        project = await project_of(api, where.project)
        found = await task_of(api, project, text)
        task = await api.post(f"/tasks/{found['id']}/cancel")
    if json:
        as_json(task)
    else:
        say(f"Canceling {task['command']}.")
        note("Next: astrocloud tasks shows when it has ended.")
    return 0


async def show_schedules(where: Where, *, json: bool) -> int:
    """Schedules of what is live, with the end of their last run."""
    async with signed_in(where.url) as api:
        project = await project_of(api, where.project)
        path = f"/projects/{project['id']}/schedules"
        items = (await api.get(path, environment=where.environment))["items"]
    if json:
        as_json({"items": items})
    elif not items:
        say(f"{project['slug']} has no schedules. Next: add one to astrocloud.toml:")
        say('[schedules.report]\ncron = "0 6 * * *"\ncommand = "…"')
    else:
        table(
            ("SCHEDULE", "CRON (UTC)", "COMMAND", "LAST RUN", "ENDED"),
            [_schedule(s) for s in items],
        )
    return 0


def _row(task: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        str(task["id"])[:8],
        _state(task),
        f"#{task['number']} {task['environment']}",
        _short(str(task["command"])),
        age(task["created_at"]),
        _took(task),
    )


def _schedule(one: Mapping[str, Any]) -> tuple[Any, ...]:
    last = one["runs"][0] if one["runs"] else None
    return (
        one["name"],
        one["schedule"]["cron"],
        _short(str(one["schedule"]["command"])),
        age(last["started_at"]) if last else NOTHING,
        _state(last) if last else NOTHING,
    )


def _state(run: Mapping[str, Any]) -> Text:
    words, style = _STATES.get(str(run["state"]), (str(run["state"]), ""))
    code = run["exit_code"]
    return Text(f"{words} ({code})" if code else words, style=style)


def _took(task: Mapping[str, Any]) -> str:
    if not task["started_at"] or not task["finished_at"]:
        return NOTHING
    begun, ended = (
        datetime.fromisoformat(task[name].replace("Z", "+00:00"))
        for name in ("started_at", "finished_at")
    )
    return span((ended - begun).total_seconds())


def _short(command: str) -> str:
    line = " ".join(command.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


async def task_of(api: Api, project: Mapping[str, Any], text: str) -> Mapping[str, Any]:
    """The one task whose id begins so; raises UsageError."""
    beginning = text.lower()
    found = []
    async for task in api.items(f"/projects/{project['id']}/tasks", limit=100):
        if str(task["id"]).startswith(beginning):
            found.append(task)
    if len(found) == 1:
        return found[0]
    reason = "means several tasks" if found else "is no task of this project"
    detail = f"{text} {reason}. Next: astrocloud tasks shows their names."
    raise UsageError("task_unknown", "Which task is meant?", detail)
