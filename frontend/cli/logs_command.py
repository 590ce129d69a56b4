"""``logs``: what the live server says, or the log of one deployment's build and start.

Without a deployment it is the live server's, as people expect of a platform that runs servers;
where none is live (a static site) it is the newest deployment's.
"""

import asyncio
import json as json_module
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from frontend.cli import listing
from frontend.cli.api import Api
from frontend.cli.console import as_json, note
from frontend.cli.errors import UsageError
from frontend.cli.follow import TERMINAL
from frontend.cli.progress import shown
from frontend.cli.projects import called, project_of
from frontend.cli.runtime_log import Lines, RuntimeLog
from frontend.cli.session import signed_in
from frontend.cli.tasks import task_of
from frontend.cli.times import moment_of
from frontend.cli.where import Where

POLL_SECONDS = 1.0
DEFAULT_LINES, MOST_LINES = 100, 10_000
LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")
_SHORT_TASK = re.compile(r"task-[0-9A-Fa-f-]{1,35}")
_STYLES = {"error": "red", "fatal": "bold red", "warn": "yellow", "debug": "dim", "trace": "dim"}
_QUIET = TERMINAL - {"failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for; ``build`` is None where it was left to us."""

    number: str | None = None
    follow: bool = False
    build: bool | None = None
    lines: int | None = None
    since: str | None = None
    level: str | None = None
    grep: str | None = None
    replica: str | None = None

    @property
    def count(self) -> int:
        """How many lines at most: a time alone asks for all since then."""
        return self.lines or (MOST_LINES if self.since else DEFAULT_LINES)

    @property
    def is_filtered(self) -> bool:
        """Whether something was said that only servers' logs know."""
        return any((self.since, self.level, self.grep, self.replica))


async def show(where: Where, options: Options, *, json: bool) -> int:
    """Choose the log and show it."""
    _check(options)
    filters = {
        "environment": where.environment,
        "replica": options.replica,
        "level": _levels(options.level),
        "q": options.grep,
        "since": moment_of(options.since) if options.since else None,
    }
    async with signed_in(where.url) as api:
        project = await project_of(api, where.project)
        if not await _is_runtime(api, project, where, options):
            forever = options.follow
            return await listing.show_logs(api, project, options.number, forever=forever, json=json)
        await _tell_of_newer(api, project)
        filters |= await _task_filters(api, project, options.replica)
        log = RuntimeLog(api, project["id"], filters)
        lines = await log.newest(options.count)
        if options.follow:
            await _follow(log, lines, json=json)
    if json:
        as_json({"items": lines})
        return 0
    for line in lines:
        _write(line)
    if options.since and not options.lines and len(lines) == MOST_LINES:
        note(f"These are the last {MOST_LINES:,} lines; a shorter --since, or --grep, shows fewer.")
    if not lines:
        note("Nothing fits." if options.is_filtered else "It has said nothing yet.")
    return 0


async def _follow(log: RuntimeLog, lines: Lines, *, json: bool) -> None:
    """Until somebody interrupts it; with ``json`` one object a line."""
    while True:
        for line in lines:
            if json:
                as_json(line)
            else:
                _write(line)
        if not lines:
            await asyncio.sleep(POLL_SECONDS)
        lines = await log.read()


def _write(line: Mapping[str, Any]) -> None:
    text = Text(f"{str(line['time'])[:23].removesuffix('Z')}  ", style="dim")
    text.append(f"{shown(str(line['replica'] or line['source']))}  ", style="cyan")
    fields = _fields(line)
    # The level of a JSON line stands in none of its other parts.
    level = f"{line['level']}  " if fields is not None and line["level"] else ""
    body = Text(level) + Text.from_ansi(shown(str(line["text"])))
    body.stylize("dim" if line["source"] == "platform" else _STYLES.get(line["level"] or "", ""))
    for name, value in (fields or {}).items():
        body.append(f" {shown(str(name))}={shown(_value(value))}", style="dim")
    Console(highlight=False, soft_wrap=True).print(text.append_text(body))
    sys.stdout.flush()


def _fields(line: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is not in the text: a JSON line without a message is its own text."""
    fields: dict[str, Any] | None = line["fields"]
    if fields is None or not str(line["text"]).lstrip().startswith("{"):
        return fields
    try:
        written = json_module.loads(line["text"])
    except (ValueError, RecursionError):
        return fields
    return None if isinstance(written, dict) and fields.keys() <= written.keys() else fields


def _value(value: object) -> str:
    return value if isinstance(value, str) else json_module.dumps(value, ensure_ascii=False)


def _check(options: Options) -> None:
    of_build = options.number is not None or options.build
    if of_build and options.is_filtered:
        raise _usage("--since, --level, --grep and --replica are for what the live server says")
    if options.number is not None and options.build is False:
        raise _usage("a deployment's log is that of its build: leave --runtime or the number out")


def _levels(level: str | None) -> str | None:
    """This level and all that are worse."""
    if level is None:
        return None
    known = {"warning": "warn"}.get(level.lower(), level.lower())
    if known not in LEVELS:
        raise _usage(f"--level {level} is none: give {', '.join(LEVELS[:-1])} or {LEVELS[-1]}")
    return ",".join(LEVELS[LEVELS.index(known) :])


def _usage(text: str) -> UsageError:
    return UsageError("usage", "The command line is not understood", f"{text}.")


async def _is_runtime(api: Api, project: Mapping[str, Any], where: Where, options: Options) -> bool:
    """What was said, else whether a server is live."""
    if options.build is not None or options.number is not None:
        return options.build is False
    if options.is_filtered or where.environment != "production":
        return True
    workload = await api.get(f"/projects/{project['id']}/workload", environment=where.environment)
    return bool(workload["state"] != "none")


async def _task_filters(
    api: Api, project: Mapping[str, Any], replica: str | None
) -> dict[str, Any]:
    """A task that is named by the beginning of its id, as ``tasks`` shows it."""
    if replica is None or not _SHORT_TASK.fullmatch(replica):
        return {}
    task = await task_of(api, project, replica.removeprefix("task-"))
    return {"replica": task["replica"], "environment": task["environment"]}


async def _tell_of_newer(api: Api, project: Mapping[str, Any]) -> None:
    """A deployment that is at work or has failed is what many are after."""
    page = await api.get(f"/projects/{project['id']}/deployments", limit=1)
    newest = next(iter(page["items"]), None)
    if newest is not None and newest["state"] not in _QUIET:
        state = str(newest["state"]).replace("_", " ")
        note(f"{called(newest)} is {state}; its log: astrocloud logs {newest['number']}")
