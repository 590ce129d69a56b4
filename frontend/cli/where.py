"""Which environment of which project a command means."""

from dataclasses import dataclass

from frontend.cli.errors import UsageError

ENVIRONMENTS = ("production", "preview")


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A project by its name or that of the folder, and one of its environments."""

    project: str | None = None
    environment: str = "production"
    url: str | None = None


def where_of(project: str | None, environment: str, url: str | None) -> Where:
    """What the options say; raises UsageError for an environment that does not exist."""
    if environment not in ENVIRONMENTS:
        detail = f"{environment} is no environment: give production or preview."
        raise UsageError("usage", "The command line is not understood", detail)
    return Where(project=project, environment=environment, url=url)
