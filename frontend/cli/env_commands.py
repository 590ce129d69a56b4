"""``astrocloud env``: what its commands take. What they do is imported when they are used."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from frontend.cli.options import Json, Project, Url, finish

if TYPE_CHECKING:
    from frontend.cli.env import Where

Environments = Annotated[
    str | None,
    typer.Option("--environment", "-e", metavar="NAMES", help="production, preview, or both."),
]
BranchOnly = Annotated[
    str | None, typer.Option("--branch", metavar="NAME", help="Only for previews of this branch.")
]
Shared = Annotated[
    bool, typer.Option("--shared", help="Those that all projects of the account share.")
]
Scope = Annotated[str, typer.Option("--scope", metavar="USE", help="build, run, or all.")]

Redeploy = Annotated[
    bool, typer.Option("--redeploy", help="Deploy what is live again, with the new values.")
]

app = typer.Typer(help="Variables of builds and apps.", rich_markup_mode=None)


@app.command("ls")
def env_ls(
    project: Project = None, shared: Shared = False, json: Json = False, url: Url = None
) -> int:
    """List the variables."""
    from frontend.cli import env as variables

    return finish(
        variables.show(variables.Where(project=project, shared=shared, url=url), json=json)
    )


@app.command("set")
def env_set(
    words: Annotated[
        list[str], typer.Argument(metavar="NAME[=VALUE]...", help="Without a value: asked for it.")
    ],
    environment: Environments = None,
    branch: BranchOnly = None,
    scope: Scope = "all",
    secret: Annotated[
        bool | None,
        typer.Option("--secret/--plain", help="Default: secret, except VITE_… and such."),
    ] = None,
    shared: Shared = False,
    redeploy: Redeploy = False,
    project: Project = None,
    url: Url = None,
) -> int:
    """Set variables, for production unless said otherwise."""
    from frontend.cli import env as variables

    names = variables.environments(environment, branch, ("production",))
    where = variables.Where(
        project=project, shared=shared, environments=names, branch=branch, url=url
    )
    if redeploy:
        variables.check_redeploy(where)
    work = variables.set_(
        where, words, variables.scope_of(scope), secret=secret, redeployed=redeploy
    )
    return _then(finish(work), where, redeploy)


@app.command("rm")
def env_rm(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    environment: Environments = None,
    branch: BranchOnly = None,
    shared: Shared = False,
    redeploy: Redeploy = False,
    project: Project = None,
    url: Url = None,
) -> int:
    """Remove a variable, from everywhere unless said otherwise."""
    from frontend.cli import env as variables

    names = variables.environments(environment, branch, ())
    where = variables.Where(
        project=project, shared=shared, environments=names, branch=branch, url=url
    )
    if redeploy:
        variables.check_redeploy(where)
    return _then(finish(variables.remove(where, name)), where, redeploy)


@app.command("pull")
def env_pull(
    file: Annotated[Path, typer.Argument(metavar="[FILE]")] = Path(".env"),
    environment: Environments = None,
    branch: BranchOnly = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace a file that is there.")] = False,
    project: Project = None,
    url: Url = None,
) -> int:
    """Write the variables to a file, without secrets."""
    from frontend.cli import env as variables

    names = variables.environments(environment, branch, ("production",))
    where = variables.Where(project=project, environments=names, branch=branch, url=url)
    return finish(variables.pull(where, file, overwrite=yes))


@app.command("import")
def env_import(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A .env file, or -.")],
    environment: Environments = None,
    branch: BranchOnly = None,
    scope: Scope = "all",
    secret: Annotated[bool, typer.Option("--secret/--plain", help="Secret by default.")] = True,
    redeploy: Redeploy = False,
    project: Project = None,
    url: Url = None,
) -> int:
    """Set all variables of a file; none is removed."""
    from frontend.cli import env as variables

    names = variables.environments(environment, branch, ("production",))
    where = variables.Where(project=project, environments=names, branch=branch, url=url)
    if redeploy:
        variables.check_redeploy(where)
    work = variables.import_(
        where, file, variables.scope_of(scope), secret=secret, redeployed=redeploy
    )
    return _then(finish(work), where, redeploy)


def _then(code: int, where: "Where", redeploy: bool) -> int:
    """What is live again, where that is wished and the change was made."""
    if code or not redeploy:
        return code
    from frontend.cli import releases

    return releases.redeploy_live(where.project, where.url)
