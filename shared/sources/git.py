"""Git repositories: which revision is wanted, and fetching it as an archive.

Only https is spoken, through the guard, and only one commit is fetched. How a server is talked to
stands in ``git_client``, how a pack is taken apart in ``packs``, and how a commit becomes an
archive in ``git_archive``; they are imported when something is fetched.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO
from urllib.parse import urlsplit

from shared.sites.models import MIB
from shared.sources.guard import Guard
from shared.sources.repository_url import check_url

# What servers expect beside a token, where the user gives the token alone.
_USERNAMES = {"gitlab.com": "oauth2", "bitbucket.org": "x-token-auth"}
_USERNAME = "x-access-token"

Progress = Callable[[int], None]
"""Told how many bytes have arrived, now and then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitBounds:
    """What one fetch may cost: time for all of it, bytes of the pack, and what it unpacks to."""

    seconds: float = 300
    pack_bytes: int = 512 * MIB
    bytes: int = 1024 * MIB
    file_bytes: int = 128 * MIB
    files: int = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRequest:
    """A revision of a repository; without branch, tag and commit it is the default branch's."""

    url: str
    branch: str | None = None
    tag: str | None = None
    commit: str | None = None
    username: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    bounds: GitBounds = field(default_factory=GitBounds)

    @property
    def login(self) -> str:
        """The user name that goes with the token."""
        host = (urlsplit(self.url).hostname or "").lower()
        return self.username or _USERNAMES.get(host, _USERNAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRevision:
    """What was fetched, and what of it was left out."""

    url: str
    commit: str
    branch: str | None
    tag: str | None
    message: str
    author: str
    committed_at: datetime
    files: int
    bytes: int
    warnings: tuple[str, ...] = ()


def fetch_git(
    request: GitRequest,
    target: BinaryIO,
    *,
    guard: Guard,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> GitRevision:
    """Write a revision's files to ``target`` as tar.gz, whose bytes depend on the commit alone.

    Blocks; ``stop`` ends it within a second. Everything kept on disk meanwhile is gone when it
    returns or raises: a GitError, or one of the errors of the guard.
    """
    from shared.sources.git_fetch import fetch

    return fetch(request, target, guard, progress, stop)


__all__ = ["GitBounds", "GitRequest", "GitRevision", "Progress", "check_url", "fetch_git"]
