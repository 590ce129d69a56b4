"""``rollback``, ``promote``, ``unpin``, ``cancel``, ``redeploy``: what is done with deployments."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from frontend.cli.api import Api
from frontend.cli.console import as_json, say
from frontend.cli.errors import UsageError
from frontend.cli.follow import TERMINAL
from frontend.cli.progress import Reporter
from frontend.cli.projects import called, deployment_of, project_of
from frontend.cli.runs import Run, carry_out, conclude, follow, report
from frontend.cli.session import signed_in

STOPPING_PAUSE = 0.5
Act = Callable[[Api, Mapping[str, Any], Run], Awaitable[int]]


def rollback(to: str | None, project: str | None, url: str | None, *, json: bool) -> int:
    """Go back to an older release, at once, and pin it."""

    async def act(api: Api, project: Mapping[str, Any], run: Run) -> int:
        target = await deployment_of(api, project, to) if to else None
        body = {"deployment_id": target["id"]} if target else {}
        run.deployment = await api.post(f"/projects/{project['id']}/rollback", body)
        await follow(api, run)
        code = conclude(run)
        pinned = "as it is" if code else f"to #{run.deployment['number']}"
        run.reporter.note(
            f"Production is pinned {pinned}: newer releases wait."
            " astrocloud promote NUMBER or astrocloud unpin ends that."
        )
        return code

    return _with_project(act, project, url, json)


def promote(number: str, project: str | None, url: str | None, *, json: bool) -> int:
    """Make a release live; a preview is built again for production."""

    async def act(api: Api, project: Mapping[str, Any], run: Run) -> int:
        target = await deployment_of(api, project, number)
        run.deployment = await api.post(f"/deployments/{target['id']}/promote")
        if run.deployment["state"] not in TERMINAL:
            run.reporter.step(f"Deployment {run.name}")
        await follow(api, run)
        return conclude(run)

    return _with_project(act, project, url, json)


def redeploy(
    number: str | None,
    project: str | None,
    url: str | None,
    *,
    preview: bool | None,
    use_cache: bool,
    json: bool,
) -> int:
    """The source of an earlier deployment once more, with today's settings and variables."""

    async def act(api: Api, project: Mapping[str, Any], run: Run) -> int:
        before = await deployment_of(api, project, number)
        environment = before["environment"]
        if preview is not None:
            environment = "preview" if preview else "production"
        return await _again(api, project, run, before, environment, use_cache=use_cache)

    return _with_project(act, project, url, json)


def redeploy_live(project: str | None, url: str | None) -> int:
    """The source of what is live in production once more."""

    async def act(api: Api, project: Mapping[str, Any], run: Run) -> int:
        live = project.get("live")
        if live is None:
            detail = f"Nothing of {project['slug']} is live. Next: astrocloud deploy"
            raise UsageError("nothing_live", "Nothing to deploy again", detail)
        before = {"id": live["deployment_id"], "number": live["number"]}
        return await _again(api, project, run, before, "production", use_cache=True)

    return _with_project(act, project, url, json=False)


async def _again(
    api: Api,
    project: Mapping[str, Any],
    run: Run,
    before: Mapping[str, Any],
    environment: str,
    *,
    use_cache: bool,
) -> int:
    source = {"type": "deployment", "deployment_id": before["id"]}
    run.deployment = await api.create_deployment(
        project["id"], source, environment, use_cache=use_cache
    )
    run.reporter.step(f"Deployment {run.name}, the source of #{before['number']}")
    await follow(api, run)
    return conclude(run)


def cancel(number: str | None, project: str | None, url: str | None, *, json: bool) -> int:
    """End a deployment; 0 when its work has ended, 1 when it was ready before."""

    async def act(api: Api, project: Mapping[str, Any], run: Run) -> int:
        target = await deployment_of(api, project, number)
        run.deployment = target
        if target["state"] in TERMINAL:
            detail = f"{called(target)} has ended already: it is {target['state']}."
            raise UsageError("deployment_ended", "Nothing to cancel", detail)
        run.deployment = await api.post(f"/deployments/{target['id']}/cancel")
        run.reporter.step(f"Stopping {run.name}…")
        while run.deployment["state"] not in TERMINAL:
            await asyncio.sleep(STOPPING_PAUSE)
            run.deployment = await api.deployment(target["id"])
        state = run.deployment["state"]
        run.reporter.step(f"{run.name} is {state}.")
        report(run, run.deployment.get("failure"))
        return 0 if state == "canceled" else 1

    return _with_project(act, project, url, json)


def unpin(project: str | None, url: str | None, *, json: bool) -> int:
    """Let new releases go live by themselves again."""

    async def act() -> int:
        async with signed_in(url) as api:
            found = await project_of(api, project)
            await api.post(f"/projects/{found['id']}/unpin")
        if json:
            as_json({"project": found["slug"], "pinned": False})
        else:
            say(f"{found['slug']} is not pinned: new releases go live by themselves.")
        return 0

    return asyncio.run(act())


def _with_project(act: Act, project: str | None, url: str | None, json: bool) -> int:
    async def command(run: Run) -> int:
        async with signed_in(url) as api:
            return await act(api, await project_of(api, project), run)

    return carry_out(Run(Reporter(json=json)), command)
