"""What the commands of ``./dev`` do once the packages are installed."""

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any

from infrastructure.local import control, links, ports, probes
from infrastructure.local import logs as log_files
from infrastructure.local.errors import StackError
from infrastructure.local.install import Installer
from infrastructure.local.installation import Installation
from infrastructure.local.paths import Paths
from infrastructure.local.process import Records
from infrastructure.local.progress import Progress
from infrastructure.local.seed import SERVERS, SITES, Site

DATA = ("postgres", "valkey", "azurite", "gateway", "secrets", "seed.json")
_MOST_WORKERS = 4
"""Each test process starts services of its own."""


def up(paths: Paths, begun: float, *, reset: bool, core_tools: bool) -> int:
    """Bring the stack up, show how, and end with where to go."""
    with Progress() as progress:
        tools = Installer(paths, progress).ensure_core_tools() if core_tools else None
        if reset:
            _reset(paths, progress)
        connection = control.connect(paths)
        already = connection is not None
        connection = connection or control.start(paths, tools)
        try:
            base = _watch(connection, progress, quiet=already)
        except BaseException:
            progress.say("  Stopping what was started …")
            connection.leave()
            raise
        connection.close()
    took = "already" if already else f"after {time.time() - begun:.1f} s"
    _say_where(Installation(paths, ports.Ports(base)), took)
    return 0


def down(paths: Paths) -> int:
    """Stop everything, each service its own way."""
    with Progress() as progress:
        if not _stop(paths, progress):
            progress.say("Nothing runs.")
    return 0


def status(paths: Paths) -> int:
    """One line a service; exit code 0 when all are ready."""
    connection = control.connect(paths)
    if connection is None:
        print("Nothing runs: `./dev up` brings everything up.")
        return 1
    connection.ask("status")
    answer = connection.answer()
    connection.close()
    services = [unit for unit in answer["units"] if unit["service"]]
    print(f"{'SERVICE':<12}{'STATE':<12}{'PID':>8}{'PORT':>7}{'MEMORY':>10}  SINCE     RESTARTS")
    for unit in services:
        print(_status_line(unit))
    for unit in answer["units"]:
        if not unit["service"] and unit["state"] in ("starting", "failed"):
            print(f"{unit['name']}: {unit['detail'] or 'being deployed'}")
    return 0 if all(unit["state"] == "ready" for unit in services) else 1


def logs(paths: Paths, service: str | None, lines: int, *, follow: bool) -> int:
    """The last lines of one service, or of all."""
    known = {log.stem: log for log in sorted(paths.logs.glob("*.log"))}
    if service and service not in known:
        raise StackError(f"No log of {service!r}: there are {', '.join(known) or 'none yet'}.")
    chosen = {service: known[service]} if service else known
    count = lines or (200 if service else 10)
    for name, line in log_files.follow(chosen, count, forever=follow):
        print(line if service else f"{name:<11} {line}", flush=True)
    return 0


def link(paths: Paths) -> int:
    """A new one-time link."""
    print(links.sign_in(_running(paths)))
    return 0


def astrocloud(paths: Paths, arguments: Sequence[str]) -> int:
    """The command line, where it was called, signed in to this stack by a one-time ticket."""
    from frontend.cli.main import main
    from frontend.cli.words import own_words

    os.chdir(os.environ.get("ASTROCLOUD_DEV_FOLDER", "."))
    words = own_words(arguments)
    # Our ticket is for our platform only, and what needs none works without the stack.
    if _is_elsewhere(words) or not _asks_the_stack(words):
        return main(arguments)
    try:
        installation = _running(paths)
    except StackError as error:
        if "--json" in words:
            print(json.dumps(_not_up(str(error))))
        print(f"./dev {arguments[0]}: {error}", file=sys.stderr)
        return 2
    os.environ["ASTROCLOUD_PLATFORM"] = installation.platform_url
    os.environ["ASTROCLOUD_TICKET"] = links.ticket(installation)
    return main(arguments)


def _is_elsewhere(arguments: Sequence[str]) -> bool:
    return any(word == "--url" or word.startswith("--url=") for word in arguments)


def _asks_the_stack(arguments: Sequence[str]) -> bool:
    if not arguments or arguments[0].startswith("-") or {"--help", "-h"} & set(arguments):
        return False
    return arguments[0] not in ("inspect", "explain", "unlink", "logout")


def _not_up(detail: str) -> dict[str, object]:
    failure = {"code": "not_up", "title": "The stack is not up", "detail": detail}
    nothing: dict[str, object] = dict.fromkeys(("deployment", "state", "url", "permalink"))
    return {**nothing, "state": "failed", "failure": failure}


def test(paths: Paths, arguments: Sequence[str]) -> int:
    """Run pytest on a layer or a part of one, or on all: then side by side, a file at a time."""
    words = list(arguments)
    if not words:
        words = ["-n", str(min(os.cpu_count() or 1, _MOST_WORKERS)), "--dist", "loadfile"]
    first = words[0].partition("::")[0] if words else ""
    if first and not first.startswith("-") and (paths.root / "tests" / first).exists():
        words[0] = f"tests/{words[0]}"
    elif not any((paths.root / word.partition("::")[0]).exists() for word in words):
        words += ["tests", "--ignore=tests/benchmarks"]
    return _become(paths, ["-m", "pytest", *words])


def bench(paths: Paths, arguments: Sequence[str]) -> int:
    """Measure, and show each figure beside its goal."""
    return _become(paths, ["-m", "tests.benchmarks", *arguments])


def _become(paths: Paths, words: Sequence[str]) -> int:
    os.chdir(paths.root)
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606  no shell


def _running(paths: Paths) -> Installation:
    connection = control.connect(paths)
    if connection is None:
        raise StackError("The stack is not up: run `./dev up` first.")
    connection.ask("status")
    answer = connection.answer()
    connection.close()
    if answer.get("phase") != "ready":
        raise StackError("The stack is not ready yet: `./dev status` says what it waits for.")
    return Installation(paths, ports.Ports(answer["base"]))


def _watch(connection: control.Connection, progress: Progress, *, quiet: bool) -> int:
    """Show what happens until all is ready; the base of the ports."""
    connection.ask("watch")
    for event in connection.events():
        match event["event"]:
            case "unit":
                if not quiet or event["state"] == "starting":
                    _show(event, progress)
            case "note":
                progress.say(f"  {progress.mark('warn')} {event['text']}")
            case "ready":
                return int(event["base"])
            case "failed":
                raise StackError(event["text"])
    raise StackError("The stack was stopped by another command.")


def _show(unit: dict[str, Any], progress: Progress) -> None:
    name, detail = unit["name"], unit["detail"]
    match unit["state"]:
        case "starting":
            progress.started(name)
        case "ready" | "done":
            progress.finished(name, detail, unit["seconds"])
        case "restarting":
            progress.say(f"  {progress.mark('warn')} {name}: {detail}")
        case "failed":
            progress.failed(name)
        case "stopped":
            progress.finished(name, "stopped")


def _stop(paths: Paths, progress: Progress) -> bool:
    """Stop a running stack, or what a killed one left; whether there was anything."""
    connection = control.connect(paths)
    if connection is None:
        left = Records(paths.run / "processes.json").end_leftovers()
        if left:
            progress.say(f"  Ended what an earlier run had left: {', '.join(left)}.")
        return bool(left)
    connection.ask("stop")
    for event in connection.events():
        if event["event"] == "unit" and event["state"] == "stopping":
            progress.started(event["name"])
        elif event["event"] == "unit" and event["state"] == "stopped":
            progress.finished(event["name"], "stopped")
    connection.close()
    return True


def _reset(paths: Paths, progress: Progress) -> None:
    _stop(paths, progress)
    gone = [name for name in DATA if (paths.state / name).exists()]
    for name in gone:
        path = paths.state / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    paths.make()
    if gone:
        progress.say(f"  Removed all data and keys: {', '.join(gone)}.")


def _say_where(installation: Installation, took: str) -> None:
    print(f"\nAstroCloud is up {took}.\n")
    print(f"  Sign in   {links.sign_in(installation)}")
    print("            works once, within ten minutes; `./dev link` prints another")
    print(f"  Status    {installation.platform_url}/")
    for address in asyncio.run(_samples_online(installation.ports["gateway"])):
        print(f"  Site      {address}")
    print(f"  Servers   {', '.join(_addresses(installation.ports['gateway'], SERVERS))}")
    print("            are being built now; `./dev status` tells if one cannot be")
    print("\n  Next      ./dev deploy path/to/a/folder")


async def _samples_online(port: int) -> list[str]:
    return [
        f"http://{site.host}:{port}/"
        for site in SITES
        if not site.is_ours and await probes.http(port, "/", site.host)()
    ]


def _addresses(port: int, sites: Sequence[Site]) -> list[str]:
    return [f"http://{site.host}:{port}/" for site in sites]


def _status_line(unit: dict[str, Any]) -> str:
    memory = f"{unit['memory'] / 1024**2:.0f} MB" if unit["memory"] else "-"
    since = time.strftime("%H:%M:%S", time.localtime(unit["since"]))
    line = f"{unit['name']:<12}{unit['state']:<12}{unit['pid'] or '-':>8}{unit['port'] or '-':>7}"
    why = f"  {unit['detail']}" if unit["detail"] else ""
    return f"{line}{memory:>10}  {since}  {unit['restarts']:>8}{why}"
