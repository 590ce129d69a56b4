"""Git addresses on the command line: which words are some, and what can be told without asking."""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from frontend.cli.errors import CliError, UsageError

if TYPE_CHECKING:
    from shared.sources.trees import ArchiveTree

PRIVATE_HOSTS = "ASTROCLOUD_GIT_PRIVATE_HOSTS"
_MEANT = re.compile(r"[a-z][a-z0-9+.-]*://|[\w.+-]+@[\w.-]+:", re.IGNORECASE)


class FetchError(CliError):
    """The repository cannot be had as it was asked for."""


def is_meant(text: str) -> bool:
    """Whether this is an address, and no path."""
    return _MEANT.match(text) is not None


def check(url: str) -> None:
    """Raise UsageError for what is no address of a repository.

    Whether the host may be asked is for the platform to say: it may allow some of its own network.
    """
    from shared.errors import AstroCloudError
    from shared.sources.git import check_url

    try:
        check_url(url, {_host(url)})
    except AstroCloudError as error:
        raise UsageError(error.code, error.title, f"{error.detail}.") from None


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return ""
    return f"{parts.hostname or ''}:{port}"


@contextmanager
def tree_of(url: str, revision: Mapping[str, str]) -> Iterator["ArchiveTree"]:
    """The files of a revision, fetched by this machine; raises FetchError or UsageError."""
    from shared.errors import AstroCloudError, ValidationFailed
    from shared.sites.models import SiteLimits
    from shared.sources.git import GitRequest, fetch_git
    from shared.sources.guard import Guard
    from shared.sources.trees import ArchiveTree

    allowed = [host.strip() for host in os.environ.get(PRIVATE_HOSTS, "").split(",") if host]
    with tempfile.TemporaryDirectory(prefix="astrocloud-") as folder:
        path = Path(folder) / "source.tar.gz"
        wanted: dict[str, Any] = dict(revision)
        try:
            with path.open("wb") as target:
                fetch_git(GitRequest(url=url, **wanted), target, guard=Guard(allowed=allowed))
            tree = ArchiveTree(path, "tar.gz", SiteLimits(), "")
        except AstroCloudError as error:
            kind = UsageError if isinstance(error, ValidationFailed) else FetchError
            raise kind(error.code, error.title, f"{error.detail}.") from None
        yield tree
