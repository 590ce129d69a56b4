"""``deploy``: a folder, archive, repository or image goes online and its log comes back."""

import asyncio
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frontend.cli import archive, link, prebuilt, repository
from frontend.cli.api import Api
from frontend.cli.console import count, size
from frontend.cli.errors import RefusedError, UsageError
from frontend.cli.names import slug_of
from frontend.cli.progress import Reporter
from frontend.cli.projects import linked_project
from frontend.cli.runs import Run, carry_out, conclude, follow
from frontend.cli.session import signed_in

SHOWN_SKIPS = 5
NAME_CODES = ("invalid_slug", "slug_reserved", "slug_taken")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for."""

    source: str = "."
    project: str | None = None
    preview: bool = False
    prebuilt: bool = False
    image: str | None = None
    branch: str | None = None
    tag: str | None = None
    commit: str | None = None
    use_cache: bool = True
    url: str | None = None

    @property
    def revision(self) -> dict[str, str]:
        named = {"branch": self.branch, "tag": self.tag, "commit": self.commit}
        return {name: value for name, value in named.items() if value}


def main(argv: Sequence[str] | None = None) -> int:
    """``astrocloud deploy``."""
    from frontend.cli.main import main as astrocloud

    return astrocloud(["deploy", *(sys.argv[1:] if argv is None else argv)])


def deploy(options: Options, *, json: bool, quiet: bool) -> int:
    """Carry out the command; the answer is the exit code."""

    async def command(run: Run) -> int:
        return await _deploy(options, run)

    return carry_out(Run(Reporter(json=json, quiet=quiet)), command)


async def _deploy(options: Options, run: Run) -> int:
    git = repository.is_meant(options.source)
    _check(options, git)
    if git:
        repository.check(options.source)
    source = None if git or options.image else archive.inspect(options.source)
    if source is not None:
        _check_folder(source)
    where = source.path if source is not None and source.is_folder else Path.cwd()
    async with signed_in(options.url, where) as api:
        project = await _project(api, options, source, run.reporter)
        what: Mapping[str, Any] = (
            _named(options)
            if source is None
            else await _sent(api, project, source, options, run.reporter)
        )
        run.deployment = await api.create_deployment(
            project["id"],
            what,
            "preview" if options.preview else "production",
            use_cache=options.use_cache,
        )
        run.reporter.step(f"Deployment {run.name}")
        await follow(api, run)
    return conclude(run)


def _named(options: Options) -> dict[str, str]:
    """A source that the platform gets itself."""
    if options.image:
        return {"type": "image", "reference": options.image}
    return {"type": "git", "url": options.source, **options.revision}


def _check(options: Options, git: bool) -> None:
    if options.image is not None:
        _check_image(options, options.image)
    if len(options.revision) > 1:
        raise _contradiction("--branch, --tag and --commit name different revisions: give one")
    if options.revision and not git:
        raise _contradiction("--branch, --tag and --commit go with the address of a repository")
    if options.prebuilt and git:
        raise _contradiction("--prebuilt goes with a folder on this machine")


def _check_image(options: Options, reference: str) -> None:
    if options.source != ".":
        raise _contradiction("--image is a source by itself: leave the path out")
    if options.prebuilt or options.revision:
        raise _contradiction("--image goes without --prebuilt, --branch, --tag and --commit")
    if not reference.strip():
        raise _contradiction("--image needs a reference, such as ghcr.io/acme/shop:1.4")


def _check_folder(source: archive.Source) -> None:
    """Refuse what is never a project: ``deploy`` in the wrong place would send it all."""
    place = source.path.resolve()
    if place in (Path.home().resolve(), Path(place.anchor)):
        what = "the top of the file system" if place.parent == place else "your home folder"
        detail = f"{place} is not deployed: it is {what}. Next: name the project's own folder."
        raise UsageError("path_unsupported", "This cannot be deployed", detail)


def _contradiction(text: str) -> UsageError:
    return UsageError("usage", "The command line is not understood", f"{text}.")


async def _project(
    api: Api, options: Options, source: archive.Source | None, reporter: Reporter
) -> Mapping[str, Any]:
    project: Mapping[str, Any]
    linked = _linked(options, source)
    # On another platform the link's project means nothing.
    if linked is not None and linked.url == api.url:
        project, is_new = await linked_project(api, linked), False
    else:
        name = options.project or _name(options, source)
        project, is_new = await _found(api, options.project or slug_of(name), name)
    reporter.step(f"{'New project' if is_new else 'Project'} {project['slug']}")
    return project


def _linked(options: Options, source: archive.Source | None) -> link.Link | None:
    """The link that a folder has itself; a finished site's may stand above it."""
    if options.project:
        return None
    if options.image:
        return link.find(Path.cwd())
    if source is None or not source.is_folder:
        return None
    return link.find(source.path) if options.prebuilt else link.read(source.path)


def _name(options: Options, source: archive.Source | None) -> str:
    if source is not None:
        return archive.project_name(source, is_built=options.prebuilt)
    if options.image:
        # After the last slash: before it a colon is a port, behind it a tag.
        return re.split(r"[:@]", options.image.rpartition("/")[2])[0] or "app"
    last = re.split(r"[/:]", options.source.split("?")[0].rstrip("/"))[-1]
    return last.removesuffix(".git") or "site"


async def _found(api: Api, slug: str, name: str) -> tuple[Mapping[str, Any], bool]:
    try:
        return await api.find_or_create_project(slug, name)
    except RefusedError as error:
        if error.code not in NAME_CODES:
            raise
        detail = f"{error.detail.rstrip('.')}. Next: choose another name with --name."
        raise UsageError(error.code, error.title, detail) from None


async def _sent(
    api: Api,
    project: Mapping[str, Any],
    source: archive.Source,
    options: Options,
    reporter: Reporter,
) -> dict[str, Any]:
    """The source, after it was uploaded."""
    if options.prebuilt:
        upload = await _prebuilt(api, project, source, reporter)
        return {"type": "prebuilt", "upload_id": upload["id"]}
    if not source.is_folder:
        upload = await _send(api, project, source.path, source.format, reporter)
        return {"type": "upload", "upload_id": upload["id"]}
    with tempfile.TemporaryDirectory(prefix="astrocloud-") as folder:
        path = Path(folder) / "source.zip"
        with path.open("wb") as target:
            packed = await asyncio.to_thread(archive.pack, source, target)
        told = f"{count(packed.files, 'file')}, {size(packed.size)}"
        reporter.note(told + _skips(packed.skipped))
        upload = await _send(api, project, path, "zip", reporter)
    return {"type": "upload", "upload_id": upload["id"]}


async def _prebuilt(
    api: Api, project: Mapping[str, Any], source: archive.Source, reporter: Reporter
) -> Mapping[str, Any]:
    if not source.is_folder:
        raise _contradiction("--prebuilt goes with a folder, not with an archive")
    skipped: list[str] = []
    files = await asyncio.to_thread(prebuilt.files_of, source.path, skipped)
    named = {"files": [file.described for file in files]}
    upload = await api.post(f"/projects/{project['id']}/prebuilt", named)
    missing = upload["missing"]
    if missing:
        with tempfile.TemporaryDirectory(prefix="astrocloud-") as folder:
            path = Path(folder) / "missing.zip"
            await asyncio.to_thread(prebuilt.pack, files, missing, path)
            prebuilt.check_size(upload, path)
            with reporter.uploading(path.stat().st_size) as told:
                await api.put(upload, path, told)
    reporter.note(f"{len(missing):,} of {count(len(files), 'file')} uploaded{_skips(skipped)}")
    return upload


async def _send(
    api: Api, project: Mapping[str, Any], path: Path, kind: str, reporter: Reporter
) -> Mapping[str, Any]:
    upload = await api.create_upload(project["id"], path.stat().st_size, kind)
    with reporter.uploading(path.stat().st_size) as told:
        await api.put(upload, path, told)
    return upload


def _skips(skipped: Sequence[str]) -> str:
    if not skipped:
        return ""
    more = f" and {len(skipped) - SHOWN_SKIPS:,} more" if len(skipped) > SHOWN_SKIPS else ""
    return f"; {len(skipped):,} left out: {', '.join(skipped[:SHOWN_SKIPS])}{more}"


if __name__ == "__main__":
    sys.exit(main())
