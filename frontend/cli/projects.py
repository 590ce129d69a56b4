"""Which project and which deployment a command means."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from frontend.cli import link
from frontend.cli.api import Api
from frontend.cli.errors import RefusedError, UsageError
from frontend.cli.names import slug_of

_NUMBER = re.compile(r"#?(\d{1,9})")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def project_of(api: Api, name: str | None, folder: Path | None = None) -> dict[str, Any]:
    """The named project, else the linked one, else the one that is called as the folder."""
    folder = folder or Path.cwd()
    if name:
        return await api.find_project(name) or await _missing(api, name)
    linked = link.find(folder)
    if linked is not None and linked.url == api.url:
        return await linked_project(api, linked)
    slug = slug_of(folder.resolve().name)
    if project := await api.find_project(slug):
        return project
    detail = (
        f"No project is linked to this folder, and none is called {slug}."
        " Next: name one with --project, or astrocloud link NAME."
    )
    raise UsageError("no_project", "Which project is meant?", detail)


async def linked_project(api: Api, linked: link.Link) -> dict[str, Any]:
    """The project of a link; raises UsageError where it is gone."""
    try:
        return await api.get(f"/projects/{linked.project_id}")
    except RefusedError as error:
        if error.status != 404:
            raise
        detail = (
            f"{linked.slug}, which this folder is linked to, does not exist any more or is not"
            " yours. Next: astrocloud link NAME, or astrocloud unlink."
        )
        raise UsageError("project_unknown", "The linked project is gone", detail) from None


async def _missing(api: Api, name: str) -> dict[str, Any]:
    from difflib import get_close_matches

    slugs = [project["slug"] async for project in api.items("/projects", limit=100)]
    near = get_close_matches(name, slugs, n=1)
    hint = f"Did you mean {near[0]}?" if near else "Next: astrocloud list shows yours."
    raise UsageError("project_unknown", "No such project", f"There is no project {name}. {hint}")


async def deployment_of(api: Api, project: Mapping[str, Any], text: str | None) -> dict[str, Any]:
    """The deployment of a number (42, #42) or id; without one the newest."""
    if text and _ID.fullmatch(text.lower()):
        return await api.deployment(text.lower())
    wanted = _NUMBER.fullmatch(text) if text else None
    if text and wanted is None:
        detail = f"{text} is no deployment. Next: give its number, such as 42, or its id."
        raise UsageError("deployment_unknown", "No such deployment", detail)
    number = int(wanted[1]) if wanted else None
    limit = 100 if number else 1
    async for found in api.items(f"/projects/{project['id']}/deployments", limit=limit):
        if number is None or found["number"] == number:
            return found
        if found["number"] < number:
            break
    what = f"{project['slug']} has no deployment {f'#{number}' if number else 'yet'}."
    detail = f"{what} Next: astrocloud list {project['slug']}, or astrocloud deploy."
    raise UsageError("deployment_unknown", "No such deployment", detail)


def called(deployment: Mapping[str, Any]) -> str:
    """How people call a deployment."""
    return f"{deployment['project_slug']} #{deployment['number']}"
