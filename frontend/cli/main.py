"""``astrocloud``: the command line. What it takes stands here, what it does in the other modules.

They are imported when their command runs, so that ``--help`` and completion answer at once.
"""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from frontend.cli import env_commands, registry_commands, server_commands
from frontend.cli.errors import CliError, UsageError
from frontend.cli.options import Json, NoCache, Number, Project, Url, finish

INTERRUPTED = 130
DEBUG = "ASTROCLOUD_DEBUG"

_SETTINGS = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(
    name="astrocloud",
    help="Put sites and apps online, and look after them.",
    context_settings=_SETTINGS,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
cache = typer.Typer(help="What builds keep for the next.", rich_markup_mode=None)
app.add_typer(server_commands.app)
app.add_typer(env_commands.app, name="env")
app.add_typer(registry_commands.app, name="registry")
app.add_typer(cache, name="cache")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the answer is the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _make_printable()
    try:
        return _run(arguments)
    except CliError as error:
        _report(error, arguments)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has what they wanted.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        # The outermost place: nobody is shown a traceback.
        if os.environ.get(DEBUG):
            raise
        _report(_fault(error), arguments)
        return 2


def _run(arguments: Sequence[str]) -> int:
    from typer.exceptions import TyperException

    command = typer.main.get_command(app)
    try:
        code = command.main(list(arguments), prog_name="astrocloud", standalone_mode=False)
    except TyperException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "astrocloud"
        message = error.format_message().rstrip(".")
        end = "" if message.endswith("?") else "."
        detail = f"{message}{end} Next: {path} --help"
        raise UsageError("usage", "The command line is not understood", detail) from None
    return int(code or 0)


def _report(error: CliError, arguments: Sequence[str]) -> None:
    """Tell an error, and with ``--json`` in the form that the command's results have."""
    from frontend.cli import failures
    from frontend.cli.words import own_words

    words = own_words(arguments)
    command = next((word for word in words if not word.startswith("-")), "")
    failures.tell(error, command, as_json="--json" in words)


def _fault(error: Exception) -> CliError:
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        return UsageError(
            "system_error",
            "The system refused something",
            f"{name}{error.strerror}. Next: make it possible, then run the command again.",
        )
    detail = (
        f"{type(error).__name__}: {error}. This is a fault of the command. Next: run it again with"
        f" {DEBUG}=1 and report what it shows."
    )
    return UsageError("internal_error", "The command has a fault", detail)


def _make_printable() -> None:
    """A terminal that lacks a character shows another one, rather than ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> int:
    if version:
        from frontend.cli.version import version as known

        print(f"astrocloud {known()}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
    return 0


@app.command()
def login(
    url: Url = None,
    token: Annotated[str | None, typer.Option("--token", help="An API token.")] = None,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the token from standard input.")
    ] = False,
) -> int:
    """Sign in to a platform with an API token."""
    from frontend.cli import account

    return finish(account.login(url, token, from_input=token_stdin))


@app.command()
def logout(url: Url = None) -> int:
    """Forget the token of a platform."""
    from frontend.cli import account

    return account.logout(url)


@app.command()
def whoami(url: Url = None, json: Json = False) -> int:
    """Show who is signed in, and where."""
    from frontend.cli import account

    return finish(account.whoami(url, json=json))


@app.command()
def deploy(
    source: Annotated[
        str,
        typer.Argument(metavar="[PATH|URL]", help="A folder, .zip, .tar.gz, or Git repository."),
    ] = ".",
    project: Annotated[
        str | None,
        typer.Option("--name", "--project", "-p", metavar="NAME", help="Default: as the folder."),
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview/--prod", help="For production if neither is said.")
    ] = False,
    prebuilt: Annotated[
        bool, typer.Option("--prebuilt", help="The folder is the finished site: build nothing.")
    ] = False,
    image: Annotated[
        str | None,
        typer.Option("--image", metavar="REFERENCE", help="A container image; nothing is built."),
    ] = None,
    branch: Annotated[str | None, typer.Option("--branch", metavar="NAME")] = None,
    tag: Annotated[str | None, typer.Option("--tag", metavar="NAME")] = None,
    commit: Annotated[str | None, typer.Option("--commit", metavar="SHA")] = None,
    no_cache: NoCache = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Without the log.")] = False,
    json: Json = False,
    url: Url = None,
) -> int:
    """Put a folder, an archive, a Git repository or an image online."""
    from frontend.cli.deploy import Options
    from frontend.cli.deploy import deploy as carry_out

    options = Options(
        source=source,
        project=project,
        preview=preview,
        prebuilt=prebuilt,
        image=image,
        branch=branch,
        tag=tag,
        commit=commit,
        use_cache=not no_cache,
        url=url,
    )
    return carry_out(options, json=json, quiet=quiet)


@app.command()
def redeploy(
    number: Number = None,
    project: Project = None,
    preview: Annotated[
        bool | None, typer.Option("--preview/--prod", help="Default: where it was before.")
    ] = None,
    no_cache: NoCache = False,
    json: Json = False,
    url: Url = None,
) -> int:
    """Deploy the source of a deployment again."""
    from frontend.cli import releases

    return releases.redeploy(
        number, project, url, preview=preview, use_cache=not no_cache, json=json
    )


@app.command(name="list")
def list_(
    project: Annotated[
        str | None, typer.Argument(metavar="[PROJECT]", help="Show its deployments.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000)] = 20,
    json: Json = False,
    url: Url = None,
) -> int:
    """List projects, or the deployments of one."""
    from frontend.cli import listing

    return finish(listing.show_list(project, url, limit, json=json))


@app.command()
def logs(
    number: Annotated[
        str | None,
        typer.Argument(metavar="[DEPLOYMENT]", help="The log of its build and start, such as 42."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as more comes.")] = False,
    build: Annotated[
        bool | None,
        typer.Option("--build/--runtime", help="Default: what the live server says, if any."),
    ] = None,
    lines: Annotated[
        int | None,
        typer.Option("--lines", "-n", min=1, max=10_000, help="Default: 100, or all of --since."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Such as 15m, 1h, 2d.")
    ] = None,
    level: Annotated[
        str | None, typer.Option("--level", metavar="LEVEL", help="This one and worse.")
    ] = None,
    grep: Annotated[str | None, typer.Option("--grep", metavar="TEXT")] = None,
    replica: Annotated[str | None, typer.Option("--replica", metavar="NAME")] = None,
    environment: server_commands.Environment = "production",
    project: Project = None,
    json: Json = False,
    url: Url = None,
) -> int:
    """Show what the live server says, or the log of a deployment."""
    from frontend.cli import logs_command
    from frontend.cli.where import where_of

    options = logs_command.Options(
        number=number,
        follow=follow,
        build=build,
        lines=lines,
        since=since,
        level=level,
        grep=grep,
        replica=replica,
    )
    return finish(logs_command.show(where_of(project, environment, url), options, json=json))


@app.command()
def rollback(
    to: Annotated[
        str | None, typer.Option("--to", metavar="N", help="Default: the release before.")
    ] = None,
    project: Project = None,
    json: Json = False,
    url: Url = None,
) -> int:
    """Go back to an earlier release, at once."""
    from frontend.cli import releases

    return releases.rollback(to, project, url, json=json)


@app.command()
def promote(
    number: Annotated[str, typer.Argument(metavar="DEPLOYMENT", help="Its number, such as 42.")],
    project: Project = None,
    json: Json = False,
    url: Url = None,
) -> int:
    """Make a release live."""
    from frontend.cli import releases

    return releases.promote(number, project, url, json=json)


@app.command()
def unpin(project: Project = None, json: Json = False, url: Url = None) -> int:
    """Let new releases go live again after a rollback."""
    from frontend.cli import releases

    return releases.unpin(project, url, json=json)


@app.command()
def cancel(
    number: Number = None, project: Project = None, json: Json = False, url: Url = None
) -> int:
    """Stop a deployment."""
    from frontend.cli import releases

    return releases.cancel(number, project, url, json=json)


@app.command(name="open")
def open_(
    number: Annotated[
        str | None, typer.Argument(metavar="[DEPLOYMENT]", help="Default: what is live.")
    ] = None,
    project: Project = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print it.")] = False,
    url: Url = None,
) -> int:
    """Print a project's address and open it."""
    from frontend.cli import listing

    return finish(listing.open_site(number, project, url, browse=not no_browser))


@app.command()
def link(
    name: Annotated[
        str | None, typer.Argument(metavar="[PROJECT]", help="Default: called as the folder.")
    ] = None,
    url: Url = None,
) -> int:
    """Link this folder to a project."""
    from frontend.cli import listing

    return finish(listing.make_link(name, url))


@app.command()
def unlink() -> int:
    """Take the link away."""
    from frontend.cli import listing

    return listing.remove_link()


@app.command()
def inspect(
    source: Annotated[
        str, typer.Argument(metavar="[PATH|URL]", help="A folder or a Git repository.")
    ] = ".",
    branch: Annotated[str | None, typer.Option("--branch", metavar="NAME")] = None,
    tag: Annotated[str | None, typer.Option("--tag", metavar="NAME")] = None,
    commit: Annotated[str | None, typer.Option("--commit", metavar="SHA")] = None,
    json: Json = False,
) -> int:
    """Show how a source would be built and why; nothing is deployed."""
    from frontend.cli.inspect import inspect as look

    return look(source, {"branch": branch, "tag": tag, "commit": commit}, json)


@app.command(context_settings={"ignore_unknown_options": False})
def explain(
    log: Annotated[str, typer.Argument(metavar="LOG", help="A file, or - for standard input.")],
    exit_code: Annotated[
        str | None, typer.Option("--exit-code", metavar="N", help="128 + n for signal n.")
    ] = None,
    phase: Annotated[
        str | None, typer.Option("--phase", help="install, build or start; else told by the log.")
    ] = None,
    json: Json = False,
) -> int:
    """Say why a build or an app failed, from its log."""
    from frontend.cli.explain import explain_log

    return explain_log(log, exit_code, phase, json)


@cache.command("clear")
def clear_cache(project: Project = None, json: Json = False, url: Url = None) -> int:
    """Drop what earlier builds have kept."""
    from frontend.cli import listing

    return finish(listing.clear_cache(project, url, json=json))
