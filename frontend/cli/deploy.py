"""``deploy PATH``: a folder or archive goes online, its log comes back, the exit code tells.

0: ready. 1: failed, canceled or superseded. 2: the command cannot be carried out, or the
platform is not reachable. 130: interrupted; the deployment goes on.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from frontend.cli import archive
from frontend.cli.api import Api
from frontend.cli.errors import CliError, RefusedError, UsageError
from frontend.cli.follow import Follower
from frontend.cli.names import slug_of
from frontend.cli.progress import Reporter
from frontend.cli.served import until_served

TICKET = "ASTROCLOUD_TICKET"
INTERRUPTED = 130
SHOWN_SKIPS = 5
NAME_CODES = ("invalid_slug", "slug_reserved", "slug_taken")


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line as an error of ours, so that ``--json`` can carry it."""

    def error(self, message: str) -> NoReturn:
        usage = self.format_usage().removeprefix("usage: ").strip()
        raise UsageError("usage", "The command line is not understood", f"{message}. Use: {usage}")


@dataclass(slots=True)
class Run:
    """One run of the command and what is known of its deployment."""

    reporter: Reporter
    deployment: Mapping[str, Any] | None = field(default=None)

    @property
    def name(self) -> str:
        """How people call the deployment; empty before it exists."""
        if self.deployment is None:
            return ""
        return f"{self.deployment['project_slug']} #{self.deployment['number']}"


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out the command; the answer is the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    run = Run(Reporter(json="--json" in arguments))
    try:
        options = _parser().parse_args(arguments)
        return asyncio.run(_deploy(options, run))
    except CliError as error:
        run.reporter.failed(error.failure, run.name)
        _report(run, error.failure)
        return error.exit_code
    except KeyboardInterrupt:
        return _interrupted(run)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="./dev deploy", description="Put a folder or an archive online.")
    parser.add_argument("path", metavar="PATH", help="a folder, a .zip or a .tar.gz")
    parser.add_argument("--name", metavar="N", help="the project; else the folder's name")
    parser.add_argument("--preview", action="store_true", help="not for production")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--url", required=True, help="where the platform is")
    return parser


async def _deploy(options: argparse.Namespace, run: Run) -> int:
    source = archive.inspect(options.path)
    name = options.name or archive.project_name(source)
    ticket = os.environ.get(TICKET, "")
    if not ticket:
        detail = f"{TICKET} is not set: use ./dev deploy, which gets a ticket by itself."
        raise UsageError("not_signed_in", "Nobody is signed in", detail)
    async with Api(options.url) as api:
        await api.sign_in(ticket)
        project, is_new = await _project(api, options.name or slug_of(name), name)
        run.reporter.step(f"{'New project' if is_new else 'Project'} {project['slug']}")
        upload = await _upload(api, project, source, run.reporter)
        environment = "preview" if options.preview else "production"
        run.deployment = await api.create_deployment(project["id"], upload["id"], environment)
        run.reporter.step(f"Deployment {run.name}")
        follower = Follower(api, run.deployment, run.reporter)
        try:
            run.deployment = await follower.run()
        finally:
            run.deployment = follower.deployment
        if run.deployment["state"] == "ready" and not await until_served(api, run.deployment):
            run.reporter.note("The address does not answer with the new release yet.")
    return _conclude(run)


async def _project(api: Api, slug: str, name: str) -> tuple[Mapping[str, Any], bool]:
    try:
        return await api.find_or_create_project(slug, name)
    except RefusedError as error:
        if error.code not in NAME_CODES:
            raise
        detail = f"{error.detail.rstrip('.')}. Next: choose another name with --name."
        raise UsageError(error.code, error.title, detail) from None


async def _upload(
    api: Api, project: Mapping[str, Any], source: archive.Source, reporter: Reporter
) -> Mapping[str, Any]:
    if not source.is_folder:
        return await _send(api, project, source.path, source.format, reporter)
    with tempfile.TemporaryDirectory(prefix="astrocloud-") as folder:
        path = Path(folder) / "source.zip"
        with path.open("wb") as target:
            packed = await asyncio.to_thread(archive.pack, source, target)
        reporter.note(f"{_files(packed.files)}, {_size(packed.size)}{_skips(packed.skipped)}")
        return await _send(api, project, path, "zip", reporter)


async def _send(
    api: Api, project: Mapping[str, Any], path: Path, kind: str, reporter: Reporter
) -> Mapping[str, Any]:
    upload = await api.create_upload(project["id"], path.stat().st_size, kind)
    with reporter.uploading(path.stat().st_size) as told:
        await api.put(upload, path, told)
    return upload


def _conclude(run: Run) -> int:
    deployment = run.deployment
    assert deployment is not None  # it was followed to its end
    if deployment["state"] == "ready":
        run.reporter.ready(deployment)
        _report(run, None)
        return 0
    failure = deployment.get("failure") or _ended(run.name, deployment["state"])
    run.reporter.failed(failure, run.name)
    _report(run, failure)
    return 1


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
    _report(run, failure)
    return INTERRUPTED


def _report(run: Run, failure: Mapping[str, Any] | None) -> None:
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


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _skips(skipped: Sequence[str]) -> str:
    if not skipped:
        return ""
    more = f" and {len(skipped) - SHOWN_SKIPS:,} more" if len(skipped) > SHOWN_SKIPS else ""
    return f"; {len(skipped):,} left out: {', '.join(skipped[:SHOWN_SKIPS])}{more}"


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


if __name__ == "__main__":
    sys.exit(main())
