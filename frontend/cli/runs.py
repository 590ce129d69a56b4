"""A command that ends as a deployment does: its report, its one JSON object, its exit code.

0: ready, or skipped as the project wants it. 1: failed, canceled or superseded. 2: the command
cannot be carried out, the platform is not reachable or refuses. 130: interrupted; the deployment
goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from frontend.cli.api import Api
from frontend.cli.errors import CliError
from frontend.cli.follow import TERMINAL, Follower
from frontend.cli.progress import Reporter
from frontend.cli.projects import called
from frontend.cli.served import until_served

INTERRUPTED = 130
GOING_LIVE_PAUSE = 0.3


@dataclass(slots=True)
class Run:
    """One run of a command and what is known of its deployment."""

    reporter: Reporter
    deployment: Mapping[str, Any] | None = field(default=None)
    failure: Mapping[str, Any] | None = field(default=None)
    """Why a release that stands did not go live."""

    @property
    def name(self) -> str:
        """How people call the deployment; empty before it exists."""
        return called(self.deployment) if self.deployment is not None else ""


def carry_out(run: Run, command: Callable[[Run], Awaitable[int]]) -> int:
    """Run a command to its exit code, and report what went wrong."""

    async def to_end() -> int:
        return await command(run)

    try:
        return asyncio.run(to_end())
    except CliError as error:
        run.reporter.failed(error.failure, run.name)
        report(run, error.failure)
        return error.exit_code
    except KeyboardInterrupt:
        return _interrupted(run)


async def follow(api: Api, run: Run) -> None:
    """Watch the deployment to its end, and until visitors get it."""
    assert run.deployment is not None  # it was made, or looked up
    if run.deployment["state"] not in TERMINAL:
        follower = Follower(api, run.deployment, run.reporter)
        try:
            run.deployment = await follower.run()
        finally:
            run.deployment = follower.deployment
    if run.deployment.get("going_live"):
        await _until_live(api, run)
    if run.deployment["state"] == "ready" and not await until_served(api, run.deployment):
        run.reporter.note("The address does not answer with the new release yet.")


async def _until_live(api: Api, run: Run) -> None:
    """A server that did not run is started first; what is live serves on until it answers."""
    assert run.deployment is not None  # it is going live
    run.reporter.step(f"Starting {run.name}…")
    while run.deployment["going_live"]:
        await asyncio.sleep(GOING_LIVE_PAUSE)
        run.deployment = await api.deployment(run.deployment["id"])
    if run.deployment["live"]:
        return
    path = f"/projects/{run.deployment['project_id']}/workload"
    workload = await api.get(path, environment=run.deployment["environment"])
    failure = (workload.get("next") or {}).get("failure")
    if failure and failure.get("number") == run.deployment["number"]:
        run.failure = failure
        return
    detail = f"{run.name} was to go live, but something else was asked for meanwhile."
    run.failure = {"code": "replaced", "title": "It does not go live", "detail": detail}


def conclude(run: Run) -> int:
    """Report the end of the deployment; the exit code."""
    deployment = run.deployment
    assert deployment is not None  # it was followed to its end
    if run.failure is not None:
        run.reporter.failed(run.failure, run.name)
        report(run, run.failure)
        return 1
    if deployment["state"] == "ready":
        run.reporter.ready(deployment)
        report(run, None)
        return 0
    if skipped := deployment.get("skipped"):
        # As its project wants it: nothing that matters has changed.
        run.reporter.step(f"{run.name}: {skipped}")
        report(run, None)
        return 0
    failure = deployment.get("failure") or _ended(run.name, deployment["state"])
    run.reporter.failed(failure, run.name)
    report(run, failure)
    return 1


def report(run: Run, failure: Mapping[str, Any] | None) -> None:
    """The one object of ``--json``."""
    known = run.deployment or {"id": None, "state": "failed"}
    run.reporter.result(
        {
            "deployment": known["id"],
            "state": known["state"],
            "url": known.get("url"),
            "permalink": known.get("permalink"),
            "failure": failure,
        }
    )


def _ended(name: str, state: str) -> dict[str, str]:
    if state == "superseded":
        detail = f"{name} was skipped: a newer deployment of the project took its place."
        return {"code": "superseded", "title": "Skipped", "detail": detail}
    detail = f"{name} ended as {state}. Run the command again to deploy it."
    return {"code": state, "title": state.capitalize(), "detail": detail}


def _interrupted(run: Run) -> int:
    detail = "Nothing was deployed."
    if run.deployment is not None:
        detail = f"{run.name} goes on without you: nothing was canceled."
    failure = {"code": "interrupted", "title": "Interrupted", "detail": detail}
    run.reporter.failed(failure)
    report(run, failure)
    return INTERRUPTED
