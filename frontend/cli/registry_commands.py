"""``astrocloud registry``: what its commands take. What they do is imported when they are used."""

from typing import Annotated

import typer

from frontend.cli.options import Json, Project, Url, finish
from frontend.cli.where import where_of

app = typer.Typer(help="Who pulls a project's private images.", rich_markup_mode=None)


@app.command("set")
def registry_set(
    registry: Annotated[str, typer.Argument(metavar="REGISTRY", help="Its host, such as ghcr.io.")],
    username: Annotated[str, typer.Option("--username", "-u", metavar="NAME", help="Who pulls.")],
    project: Project = None,
    json: Json = False,
    url: Url = None,
) -> int:
    """Pull images as a user; the token is asked for, or read from standard input."""
    from frontend.cli import registry as registries

    where = where_of(project, "production", url)
    return finish(registries.set_(where, registry, username, json=json))


@app.command("show")
def registry_show(project: Project = None, json: Json = False, url: Url = None) -> int:
    """Show the registry and the user; the token is shown to nobody."""
    from frontend.cli import registry as registries

    return finish(registries.show(where_of(project, "production", url), json=json))


@app.command("rm")
def registry_rm(project: Project = None, url: Url = None) -> int:
    """Forget the registry and its token."""
    from frontend.cli import registry as registries

    return finish(registries.remove(where_of(project, "production", url)))
