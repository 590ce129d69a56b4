"""What goes wrong on the way to a deployment, each with its exit code.

A text names the thing, the reason and the next step, as the API's own errors do.
"""

from typing import ClassVar
from urllib.parse import urlsplit

_ELSEWHERE = "Check the address and your network, then run the command again."


class CliError(Exception):
    """A failure that its ``title`` and ``detail`` explain completely."""

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, title: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.title, self.detail = code, title, detail

    @property
    def failure(self) -> dict[str, str]:
        """The failure as the API and ``--json`` have it."""
        return {"code": self.code, "title": self.title, "detail": self.detail}


class UsageError(CliError):
    """What was asked for cannot be done: a wrong path, option or sign-in."""

    exit_code = 2


class UnreachableError(CliError):
    """The platform does not answer."""

    exit_code = 2

    def __init__(self, url: str, reason: str) -> None:
        local = urlsplit(url).hostname in ("localhost", "127.0.0.1")
        remedy = "Look at ./dev status, or start it: ./dev up" if local else _ELSEWHERE
        detail = f"{url} does not answer ({reason}). {remedy}"
        super().__init__("unreachable", "The platform is not reachable", detail)


class NotSignedIn(UsageError):
    """Nobody is signed in, or no longer."""

    def __init__(self, detail: str) -> None:
        super().__init__("not_signed_in", "Nobody is signed in", detail)


class RefusedError(CliError):
    """The platform answered that it does not do this."""

    exit_code = 2

    def __init__(self, status: int, code: str, title: str, detail: str) -> None:
        super().__init__(code, title, detail)
        self.status = status
