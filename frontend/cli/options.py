"""Options and arguments that several commands of ``astrocloud`` take."""

from collections.abc import Coroutine
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Url = Annotated[
    str | None,
    typer.Option("--url", metavar="ADDRESS", help="The platform; default: the one used last."),
]
Project = Annotated[
    str | None,
    typer.Option(
        "--project", "-p", metavar="NAME", help="Default: the linked one, or the folder's."
    ),
]
Number = Annotated[
    str | None,
    typer.Argument(metavar="[DEPLOYMENT]", help="Its number, such as 42; default: the newest."),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Build everything anew.")]


def finish(work: Coroutine[Any, Any, int]) -> int:
    """Run a command that asks the platform, to its exit code."""
    import asyncio

    return asyncio.run(work)
