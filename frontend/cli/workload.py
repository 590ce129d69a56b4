"""``ps``, ``restart``, ``stop``, ``start``, ``scale``: what runs of the live release."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from frontend.cli.api import Api
from frontend.cli.console import NOTHING, as_json, note, say, since, size, table
from frontend.cli.errors import CliError, UsageError
from frontend.cli.projects import project_of
from frontend.cli.session import signed_in
from frontend.cli.where import Where

START_SECONDS = 180.0
PAUSE_SECONDS = 0.5
PROBLEM_SECONDS, FINAL_SECONDS = 10.0, 2.0
OFF = "off"
_STATES = {
    "none": ("None", ""),
    "starting": ("◷ Starting", ""),
    "running": ("● Running", "green"),
    "unhealthy": ("✕ Unhealthy", "red"),
    "asleep": ("☾ Asleep", ""),
    "stopped": ("■ Stopped", ""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What of the scaling is to change; None leaves it, 0 takes it away."""

    minimum: int | None = None
    maximum: int | None = None
    cpu_percent: int | None = None
    requests_per_replica: int | None = None
    idle_minutes: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether only the present scaling is asked for."""
        return all(getattr(self, name) is None for name in self.__slots__)


class NotStarted(CliError):
    """A server that was started does not run, or a restart does not end."""


async def ps(where: Where, *, json: bool) -> int:
    """Replicas, their state, and what is wrong with them."""
    async with signed_in(where.url) as api:
        project = await project_of(api, where.project)
        workload = await _get(api, project, where)
    if json:
        as_json(workload)
    else:
        _show(project, workload)
    return 0


async def restart(where: Where, *, wait: bool, json: bool) -> int:
    """Replace every process, one after another, and wait until the last new one is ready."""
    async with signed_in(where.url) as api:
        project = await project_of(api, where.project)
        body = {"environment": where.environment}
        workload = await api.post(_path(project, "restart"), body)
        called = _called(project, workload)
        is_asleep = workload["state"] == "asleep"
        if wait and not is_asleep:
            note(f"{called} restarts, one process after another.")
            workload = await _Restart(api, project, where, workload, as_json=json).follow()
    if json:
        as_json(workload)
    elif is_asleep:
        say(f"{called} is asleep: the next request starts it anew.")
    elif wait:
        say(f"✓ {called} has restarted: {workload['ready']} of {_count(workload['wanted'])} ready.")
        _show_problem(workload["problem"])
    else:
        say(f"{called} restarts, one process after another.")
        note("Next: astrocloud ps shows how far it is.")
    return 0


async def stop(where: Where, *, json: bool) -> int:
    """Let nothing run any more."""
    project, workload = await _asked("stop", where)
    if json:
        as_json(workload)
    else:
        say(f"{_called(project, workload)} is stopped: visitors get a page that says so.")
        note("It runs again after astrocloud start, or when another release goes live.")
    return 0


async def start(where: Where, *, json: bool) -> int:
    """Run again what was stopped, and wait until it answers."""
    async with signed_in(where.url) as api:
        project = await project_of(api, where.project)
        workload = await api.post(_path(project, "start"), {"environment": where.environment})
        until = time.monotonic() + START_SECONDS
        while not _is_started(workload) and time.monotonic() < until:
            await asyncio.sleep(PAUSE_SECONDS)
            workload = await _get(api, project, where)
    if not _is_started(workload):
        if not json:
            _show_lines(workload["problem"])
        raise _not_started(project, workload)
    if json:
        as_json(workload)
    else:
        _show(project, workload)
    return 0


async def scale(where: Where, wish: Wish, *, json: bool) -> int:
    """Set how many replicas there are to be, or show it."""
    async with signed_in(where.url) as api:
        project = await project_of(api, where.project)
        workload = await _get(api, project, where)
        if workload["scaling"] is None:
            raise _nothing_runs(project, where)
        if not wish.is_empty:
            wanted = merged(workload["scaling"], wish, workload["capabilities"])
            body = {**wanted, "environment": where.environment}
            workload = await api.replace(f"/projects/{project['id']}/workload/scaling", body)
    if json:
        as_json(workload)
        return 0
    said = "has" if wish.is_empty else "has from now on"
    say(f"{project['slug']} {where.environment} {said} {scaling_words(workload['scaling'])}.")
    return 0


class _Restart:
    """Follows a restart from the answer to it until all replicas are new and ready."""

    def __init__(
        self,
        api: Api,
        project: Mapping[str, Any],
        where: Where,
        workload: dict[str, Any],
        *,
        as_json: bool,
    ) -> None:
        self._api, self._project, self._where = api, project, where
        self._workload, self._as_json = workload, as_json
        self._before = {_life(one) for one in workload["replicas"]}
        self._told = 0
        self._until = time.monotonic() + START_SECONDS
        self._problem_since: float | None = None

    async def follow(self) -> dict[str, Any]:
        """The workload at the end; raises NotStarted where there is none in sight."""
        while not _has_restarted(self._workload):
            if self._is_hopeless():
                if not self._as_json:
                    _show_lines(self._workload["problem"])
                raise _not_restarted(self._project, self._workload)
            self._tell()
            await asyncio.sleep(PAUSE_SECONDS)
            self._workload = await _get(self._api, self._project, self._where)
        return self._workload

    def _tell(self) -> None:
        """Each new replica gives the others time anew."""
        new = [one for one in self._workload["replicas"] if _life(one) not in self._before]
        ready = sum(one["ready"] for one in new if one["process"] == "web")
        if ready > self._told:
            self._told, self._until = ready, time.monotonic() + START_SECONDS
            note(f"{ready} of {_count(self._workload['wanted'])} replaced.")

    def _is_hopeless(self) -> bool:
        """A problem may still go away by itself; one that stays does not."""
        now = time.monotonic()
        if self._workload["state"] in ("stopped", "none") or now > self._until:
            return True
        if self._workload["problem"] is None:
            self._problem_since = None
            return False
        self._problem_since = self._problem_since or now
        is_final = self._workload["problem"]["is_final"]
        # What was seen before the restart is told until somebody has looked again.
        return now - self._problem_since > (FINAL_SECONDS if is_final else PROBLEM_SECONDS)


def merged(
    present: Mapping[str, Any], wish: Wish, capabilities: list[str] | tuple[str, ...]
) -> dict[str, Any]:
    """The scaling as a whole; a minimum above the maximum takes that along.

    Where replicas cannot follow the load there is one number: the one that was given counts.
    """
    given = {name: getattr(wish, name) for name in wish.__slots__}
    scaling = {**present, **{name: value for name, value in given.items() if value is not None}}
    for name in ("cpu_percent", "idle_minutes"):
        scaling[name] = scaling[name] or None
    if wish.maximum is None and wish.minimum is not None:
        fixed = "autoscaling" not in capabilities
        scaling["maximum"] = wish.minimum if fixed else max(present["maximum"], wish.minimum)
    elif wish.minimum is None and wish.maximum is not None and "autoscaling" not in capabilities:
        scaling["minimum"] = wish.maximum
    return scaling


def scaling_words(scaling: Mapping[str, Any]) -> str:
    """Bounds and targets in a sentence."""
    low, high = scaling["minimum"], scaling["maximum"]
    if low == high:
        text = f"{low} replica{'' if low == 1 else 's'}"
    else:
        each = scaling["requests_per_replica"]
        text = f"{low} to {high} replicas, {each} requests in flight each"
        if scaling["cpu_percent"]:
            text += f", {scaling['cpu_percent']} % CPU"
    idle = scaling["idle_minutes"]
    return f"{text}; it sleeps after {idle} idle minutes" if idle else text


def state_text(state: str) -> Text:
    """A workload's state as an icon and a word."""
    words, style = _STATES.get(state, (state, ""))
    return Text(words, style=style)


def number_or_off(text: str | None, option: str) -> int | None:
    """What an option says that takes a number or ``off``: 0 is off."""
    if text is None:
        return None
    if text.lower() == OFF:
        return 0
    if not text.isdecimal() or not 0 < int(text) < 100_000:
        detail = f"{option} {text}: give a number above 0, or {OFF}."
        raise UsageError("usage", "The command line is not understood", detail)
    return int(text)


async def _get(api: Api, project: Mapping[str, Any], where: Where) -> dict[str, Any]:
    path = f"/projects/{project['id']}/workload"
    return await api.get(path, environment=where.environment)


def _is_started(workload: Mapping[str, Any]) -> bool:
    """It answers; or it may sleep, and the next request wakes it."""
    may_sleep = (workload["scaling"] or {}).get("idle_minutes") is not None
    return workload["state"] == "running" or (workload["state"] == "asleep" and may_sleep)


def _has_restarted(workload: Mapping[str, Any]) -> bool:
    return bool(workload["current"]) and workload["ready"] >= workload["wanted"] > 0


def _life(replica: Mapping[str, Any]) -> tuple[Any, ...]:
    return replica["name"], replica["started_at"]


async def _asked(action: str, where: Where) -> tuple[dict[str, Any], dict[str, Any]]:
    async with signed_in(where.url) as api:
        project = await project_of(api, where.project)
        body = {"environment": where.environment}
        return project, await api.post(_path(project, action), body)


def _path(project: Mapping[str, Any], action: str) -> str:
    return f"/projects/{project['id']}/workload/{action}"


def _called(project: Mapping[str, Any], workload: Mapping[str, Any]) -> str:
    return f"{project['slug']} #{workload['number']}"


def _show(project: Mapping[str, Any], workload: Mapping[str, Any]) -> None:
    environment = workload["environment"]
    if workload["state"] == "none":
        say(f"No server of {project['slug']} is live in {environment}.")
        _show_next(workload)
        note("Next: astrocloud deploy puts one online; a static site has no replicas.")
        return
    line = state_text(workload["state"])
    line.append(f"  {_called(project, workload)}  {environment}  ")
    line.append(f"{workload['ready']} of {_count(workload['wanted'])} ready")
    say(line)
    if workload["replicas"]:
        table(_HEADS, [_row(one) for one in workload["replicas"]])
    _show_problem(workload["problem"])
    _show_next(workload)


_HEADS = ("REPLICA", "PROCESS", "READY", "RESTARTS", "SINCE", "CPU", "MEMORY", "LAST END")


def _row(replica: Mapping[str, Any]) -> tuple[Any, ...]:
    ready = replica["ready"]
    cpu, memory = replica["cpu_millis"], replica["memory_bytes"]
    return (
        replica["name"],
        replica["process"],
        Text("✓ yes", style="green") if ready else Text("… no", style="yellow"),
        str(replica["restarts"]),
        since(replica["started_at"]),
        NOTHING if cpu is None else f"{cpu / 1000:.2f}",
        NOTHING if memory is None else size(memory),
        replica["last_end"] or NOTHING,
    )


def _show_problem(problem: Mapping[str, Any] | None) -> None:
    if problem is None:
        return
    say(f"✕ {problem['detail']}", style="bold red")
    _show_lines(problem)
    note("Next: astrocloud logs shows more of what it said.")


def _show_lines(problem: Mapping[str, Any] | None) -> None:
    """What the cluster has seen, and what the process has said last."""
    for event in problem["events"] if problem else ():
        say(f"  {event}", style="dim")
    for line in problem["last_lines"] if problem else ():
        say(f"  │ {line}")


def _show_next(workload: Mapping[str, Any]) -> None:
    following = workload["next"] or {}
    if failure := following.get("failure"):
        number = f"#{failure['number']}" if failure.get("number") else "A release"
        say(f"✕ {number} did not go live: {failure['title']}", style="bold red")
        say(f"  {failure['detail']}")
    elif following.get("release_id"):
        say("Another release is starting, and goes live as soon as it is ready.")


def _count(number: int) -> str:
    return f"{number} replica{'' if number == 1 else 's'}"


def _nothing_runs(project: Mapping[str, Any], where: Where) -> UsageError:
    detail = (
        f"No server of {project['slug']} is live in {where.environment}."
        " Next: astrocloud deploy; its bounds can also stand in astrocloud.toml, under scaling."
    )
    return UsageError("nothing_runs", "No server is live", detail)


def _not_restarted(project: Mapping[str, Any], workload: Mapping[str, Any]) -> NotStarted:
    problem = workload["problem"]
    if workload["state"] in ("stopped", "none"):
        reason = f"it is {workload['state']} now."
    elif problem:
        reason = problem["detail"]
    else:
        reason = f"the new replicas were not ready within {START_SECONDS:.0f} s."
    detail = f"{_called(project, workload)}: {reason}"
    if workload["ready"]:
        detail += f" What ran before answers meanwhile ({_count(workload['ready'])})."
    if "Next:" not in detail:
        detail += " Next: astrocloud logs; then deploy what mends it, or astrocloud rollback."
    return NotStarted("restart_unfinished", "The restart does not come to its end", detail)


def _not_started(project: Mapping[str, Any], workload: Mapping[str, Any]) -> NotStarted:
    problem = workload["problem"]
    reason = problem["detail"] if problem else f"it was not ready within {START_SECONDS:.0f} s."
    detail = f"{_called(project, workload)} is {workload['state']}: {reason}"
    detail += " Next: astrocloud ps, astrocloud logs."
    return NotStarted("not_started", "It does not get ready", detail)
