"""Commands for what runs: what they take. What they do is imported when they are used."""

from typing import Annotated

import typer

from frontend.cli.options import Json, Project, Url, finish
from frontend.cli.where import where_of

Environment = Annotated[
    str, typer.Option("--environment", "--env", "-e", metavar="NAME", help="production or preview.")
]

app = typer.Typer(rich_markup_mode=None)


@app.command(context_settings={"allow_interspersed_args": False})
def run(
    words: Annotated[list[str], typer.Argument(metavar="[--] CMD...", help="What is to be run.")],
    environment: Environment = "production",
    timeout: Annotated[
        int | None,
        typer.Option("--timeout", min=1, metavar="SECONDS", help="Longest time; default: 600."),
    ] = None,
    project: Project = None,
    json: Json = False,
    url: Url = None,
) -> int:
    """Run a command once with what is live: its code, its variables."""
    from frontend.cli import task_run

    return finish(task_run.run(where_of(project, environment, url), words, timeout, json=json))


@app.command()
def ps(
    environment: Environment = "production",
    project: Project = None,
    json: Json = False,
    url: Url = None,
) -> int:
    """Show what runs: replicas, restarts, CPU, memory, problems."""
    from frontend.cli import workload

    return finish(workload.ps(where_of(project, environment, url), json=json))


@app.command()
def restart(
    environment: Environment = "production",
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Follow it until all are ready.")
    ] = True,
    project: Project = None,
    json: Json = False,
    url: Url = None,
) -> int:
    """Replace every process, one after another."""
    from frontend.cli import workload

    return finish(workload.restart(where_of(project, environment, url), wait=wait, json=json))


@app.command()
def stop(
    environment: Environment = "production",
    project: Project = None,
    json: Json = False,
    url: Url = None,
) -> int:
    """Stop a server; visitors get a page that says so."""
    from frontend.cli import workload

    return finish(workload.stop(where_of(project, environment, url), json=json))


@app.command()
def start(
    environment: Environment = "production",
    project: Project = None,
    json: Json = False,
    url: Url = None,
) -> int:
    """Start a server that was stopped."""
    from frontend.cli import workload

    return finish(workload.start(where_of(project, environment, url), json=json))


@app.command()
def scale(
    minimum: Annotated[int | None, typer.Option("--min", min=1, max=100)] = None,
    maximum: Annotated[int | None, typer.Option("--max", min=1, max=100)] = None,
    cpu: Annotated[
        str | None,
        typer.Option("--cpu", metavar="PERCENT|off", help="More replicas above this use."),
    ] = None,
    requests: Annotated[
        int | None,
        typer.Option("--requests", min=1, metavar="N", help="In flight for each replica."),
    ] = None,
    idle: Annotated[
        str | None,
        typer.Option("--idle", metavar="MINUTES|off", help="Sleep when nobody has asked so long."),
    ] = None,
    environment: Environment = "production",
    project: Project = None,
    json: Json = False,
    url: Url = None,
) -> int:
    """Set how many replicas there are; without options show it."""
    from frontend.cli import workload

    wish = workload.Wish(
        minimum=minimum,
        maximum=maximum,
        cpu_percent=workload.number_or_off(cpu, "--cpu"),
        requests_per_replica=requests,
        idle_minutes=workload.number_or_off(idle, "--idle"),
    )
    return finish(workload.scale(where_of(project, environment, url), wish, json=json))


@app.command()
def metrics(
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="How far back, such as 30m or 24h.")
    ] = "1h",
    environment: Environment = "production",
    project: Project = None,
    json: Json = False,
    url: Url = None,
) -> int:
    """Show requests, errors, latency, CPU and memory."""
    from frontend.cli import metrics as figures

    return finish(figures.show(where_of(project, environment, url), since, json=json))


@app.command()
def tasks(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000)] = 20,
    cancel: Annotated[
        str | None, typer.Option("--cancel", metavar="TASK", help="End one that runs.")
    ] = None,
    project: Project = None,
    json: Json = False,
    url: Url = None,
) -> int:
    """List the commands that were run once."""
    from frontend.cli import tasks as commands

    where = where_of(project, "production", url)
    if cancel is not None:
        return finish(commands.cancel(where, cancel, json=json))
    return finish(commands.show_tasks(where, limit, json=json))


@app.command()
def schedules(
    environment: Environment = "production",
    project: Project = None,
    json: Json = False,
    url: Url = None,
) -> int:
    """List the commands that run at set times."""
    from frontend.cli import tasks as commands

    return finish(commands.show_schedules(where_of(project, environment, url), json=json))
