"""``list``, ``open``, ``link``, ``cache``, logs of builds: looking at projects and deployments."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from frontend.cli import link as links
from frontend.cli.api import Api
from frontend.cli.console import NOTHING, age, as_json, note, say, state, table
from frontend.cli.errors import UsageError
from frontend.cli.follow import TERMINAL, Follower
from frontend.cli.logs import LogFollower
from frontend.cli.progress import Reporter
from frontend.cli.projects import called, deployment_of, project_of
from frontend.cli.session import platform, signed_in


async def show_list(project: str | None, url: str | None, limit: int, *, json: bool) -> int:
    """Projects, or the deployments of one, newest first."""
    async with signed_in(url) as api:
        path = "/projects"
        if project:
            path = f"/projects/{(await project_of(api, project))['id']}/deployments"
        items: list[Mapping[str, Any]] = []
        async for item in api.items(path, limit=min(limit, 100)):
            if len(items) == limit:
                break
            items.append(item)
    if json:
        as_json({"items": items})
    elif not items:
        say("No deployment yet. Next: astrocloud deploy" if project else _EMPTY)
    elif project:
        table(("#", "STATE", "ENVIRONMENT", "SOURCE", "AGE", "ADDRESS"), [_row(d) for d in items])
    else:
        table(("PROJECT", "LIVE", "SINCE", "ADDRESS"), [_project_row(item) for item in items])
    return 0


_EMPTY = "No project yet. Next: astrocloud deploy FOLDER"


def _project_row(project: Mapping[str, Any]) -> tuple[str, ...]:
    live = project.get("live")
    number = f"#{live['number']}{' (pinned)' if project.get('pinned') else ''}" if live else NOTHING
    return project["slug"], number, age(live["since"] if live else None), project["url"]


def _row(deployment: Mapping[str, Any]) -> tuple[Any, ...]:
    address = deployment.get("permalink") or NOTHING
    return (
        str(deployment["number"]),
        state(deployment),
        deployment["environment"],
        _source(deployment.get("source") or {}),
        age(deployment.get("created_at")),
        address,
    )


def _source(source: Mapping[str, Any]) -> str:
    if source.get("type") != "git":
        return str(source.get("type") or NOTHING)
    named = source.get("branch") or source.get("tag") or "git"
    commit = str(source.get("commit") or "")[:7]
    message = str(source.get("commit_message") or "").split("\n")[0][:40]
    return " ".join(part for part in (named, commit, message) if part)


async def show_logs(
    api: Api, project: Mapping[str, Any], number: str | None, *, forever: bool, json: bool
) -> int:
    """A deployment's log on standard output; whatever else is said goes beside it."""
    deployment = await deployment_of(api, project, number)
    reporter = Reporter(json=False, log_only=True)
    reporter.step(called(deployment))
    if forever and not json:
        await Follower(api, deployment, reporter).run()
        return 0
    lines: list[Mapping[str, Any]] = []
    follower = LogFollower(api, deployment["id"], lines.append if json else reporter.line)
    await follower.catch_up()
    if json:
        as_json({"items": lines})
    if deployment["state"] not in TERMINAL:
        reporter.note(
            f"{called(deployment)} goes on: astrocloud logs {deployment['number']} -f follows it."
        )
    return 0


async def open_site(
    number: str | None, project: str | None, url: str | None, *, browse: bool
) -> int:
    """Print an address, and show it in a browser where there is a person."""
    async with signed_in(url) as api:
        found = await project_of(api, project)
        address = found["url"]
        if number:
            deployment = await deployment_of(api, found, number)
            address = deployment.get("permalink")
            if not address:
                detail = f"{called(deployment)} has no address: it is {deployment['state']}."
                raise UsageError("no_release", "Nothing to open", detail)
        elif found.get("live") is None:
            note(f"Nothing of {found['slug']} is live yet. Next: astrocloud deploy")
    say(address)
    if browse and sys.stdout.isatty():
        import webbrowser

        webbrowser.open(address)
    return 0


async def make_link(name: str | None, url: str | None) -> int:
    """Remember in this folder which project it is."""
    folder = Path.cwd()
    async with signed_in(url) as api:
        project = await project_of(api, name or None)
    there = platform(url, folder).url
    links.write(folder, links.Link(project["id"], project["slug"], there))
    say(f"Linked to {project['slug']} on {there}.")
    if not links.is_ignored(folder):
        note(f"Next: add {links.FOLDER} to .gitignore: each clone has a link of its own.", "yellow")
    return 0


def remove_link() -> int:
    """Forget it."""
    say("Unlinked." if links.remove(Path.cwd()) else "This folder is not linked to a project.")
    return 0


async def clear_cache(project: str | None, url: str | None, *, json: bool) -> int:
    """Drop what earlier builds of a project have kept."""
    async with signed_in(url) as api:
        found = await project_of(api, project)
        await api.delete(f"/projects/{found['id']}/cache")
    if json:
        as_json({"project": found["slug"]})
        return 0
    say(f"The build cache of {found['slug']} is being cleared: the next build downloads anew.")
    return 0
