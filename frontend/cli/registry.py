"""``registry set``, ``show``, ``rm``: who pulls a project's own images from a registry.

The token comes from a prompt or from standard input, and is given back to nobody.
"""

import sys
from collections.abc import Mapping
from typing import Any

from frontend.cli.api import Api
from frontend.cli.console import as_json, note, say
from frontend.cli.errors import UsageError
from frontend.cli.projects import project_of
from frontend.cli.session import signed_in
from frontend.cli.where import Where

_DOCKER_HUB = "docker.io"
_OF_DOCKER_HUB = {"hub.docker.com", "index.docker.io", "registry-1.docker.io", "www.docker.com"}


def host_of(text: str) -> str:
    """The registry's host, also where somebody has given its address."""
    host = text.strip().lower().removeprefix("https://").rstrip("/")
    if not host or "/" in host or ":/" in host:
        first = host.partition("/")[0] or "ghcr.io"
        detail = f"{text} is no registry: give its host alone. Next: astrocloud registry set"
        raise UsageError("usage", "The command line is not understood", f"{detail} {first}")
    return _DOCKER_HUB if host in _OF_DOCKER_HUB else host


async def set_(where: Where, registry: str, username: str, *, json: bool) -> int:
    """Pull as this user from now on."""
    host = host_of(registry)
    token = _asked(f"Token of {username} at {host}: ")
    body = {"registry": host, "username": username, "token": token}
    async with signed_in(where.url) as api:
        project = await project_of(api, where.project)
        changed = await _change(api, project, body)
    if json:
        as_json({"registry": changed["registry"]})
        return 0
    say(f"{project['slug']} pulls from {host} as {username}.")
    note(f"It counts from the next deployment on: astrocloud deploy --image {host}/NAME:TAG")
    return 0


async def show(where: Where, *, json: bool) -> int:
    """Where from and as whom."""
    async with signed_in(where.url) as api:
        project = await project_of(api, where.project)
    registry = project["registry"]
    if json:
        as_json({"registry": registry})
    elif registry is None:
        say(f"{project['slug']} pulls images without a name: only what everybody may.")
        note("Next: astrocloud registry set ghcr.io --username NAME")
    else:
        kept = "its token is kept" if registry["has_token"] else "without a token"
        host, username = registry["registry"], registry["username"]
        say(f"{project['slug']} pulls from {host} as {username}; {kept}.")
    return 0


async def remove(where: Where) -> int:
    """Forget the token; what runs goes on."""
    async with signed_in(where.url) as api:
        project = await project_of(api, where.project)
        registry = project["registry"]
        if registry is None:
            detail = f"{project['slug']} has no registry. Next: astrocloud registry show"
            raise UsageError("registry_unknown", "No such registry", detail)
        await _change(api, project, None)
    say(f"{project['slug']} pulls from {registry['registry']} no longer; its token is deleted.")
    return 0


async def _change(
    api: Api, project: Mapping[str, Any], registry: Mapping[str, str] | None
) -> dict[str, Any]:
    return await api.change(f"/projects/{project['id']}", {"registry": registry})


def _asked(question: str) -> str:
    """A token that no shell remembers."""
    if sys.stdin.isatty():
        import getpass

        token = getpass.getpass(question, stream=sys.stderr).strip()
    else:
        token = sys.stdin.read().strip()
    if not token:
        detail = "Standard input is empty. Next: pipe the token, or paste it when you are asked."
        raise UsageError("token_missing", "There is no token", detail)
    return token
