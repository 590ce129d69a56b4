"""Addresses of repositories as people give them: what is meant, and what to write instead."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from shared.sites.errors import shown
from shared.sources.addresses import parse_address
from shared.sources.errors import GitAddressRefused

_SCP = re.compile(r"(?:[\w.+-]+@)?([\w-]+(?:\.[\w-]+)+):(?!//)/?(.+)")
_BARE = re.compile(r"[\w-]+(?:\.[\w-]+)+/\S+")
_AZURE_SSH = re.compile(r"v3/([^/]+)/([^/]+)/([^/]+)")
# Pages of a revision: what stands between the repository and the name of its branch.
_PAGES = (
    re.compile(r"(/.+?)/-/(?:tree|blob|raw|commits)/([^/]+)(?:/(.*))?"),
    re.compile(r"(/[^/]+/[^/]+)/src/(?:branch|tag)/([^/]+)(?:/(.*))?"),
    re.compile(r"(/[^/]+/[^/]+)/(?:tree|blob|raw|commits|src)/([^/]+)(?:/(.*))?"),
)
_OTHER_PAGE = re.compile(
    r"(/[^/]+/[^/]+?)/(?:-/)?(?:issues|pulls?|merge_requests|wiki|releases|actions|commit)(?:/.*)?"
)
_KNOWN = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org"})


def check_url(url: str, allowed: Collection[str] = ()) -> str:
    """The address of a repository in its normal form; raises GitAddressRefused, AddressRefused."""
    url = url.strip()
    _check_scheme(url)
    target = parse_address(url, allowed)
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise GitAddressRefused(
            f"The address of {target.host} goes on after its path with ? or #: leave that out"
        )
    path = target.path.rstrip("/")
    if not path:
        raise GitAddressRefused(
            f"https://{target.authority} names a host, but no repository: add its path"
        )
    if target.host in _KNOWN or "/-/" in path:
        _check_page(f"{target.scheme}://{target.authority}", path)
    return f"{target.scheme}://{target.authority}{path}"


def _check_scheme(url: str) -> None:
    scheme, slashes, _ = url.partition("://")
    if slashes and scheme.lower() in ("https", "http"):
        return
    meant = _meant(url)
    instead = f": use {meant}" if meant else ": give the address that begins with https://"
    what = f"{scheme.lower()}:// addresses are" if slashes else "this is"
    if slashes and re.fullmatch(r"[a-zA-Z0-9+.-]{1,20}", scheme):
        raise GitAddressRefused(f"Repositories are fetched over https only, {what} not{instead}")
    raise GitAddressRefused(f"Repositories are fetched over https only, {what} not one{instead}")


def _meant(url: str) -> str | None:
    """The https address of what is reached otherwise, where it can be told."""
    scheme, slashes, rest = url.partition("://")
    if slashes:
        if scheme.lower() not in ("ssh", "git", "git+ssh", "ssh+git", "git+https", "ftp", "ftps"):
            return None
        authority, _, path = rest.partition("/")
        host = authority.rpartition("@")[2].partition(":")[0]
    elif match := _SCP.fullmatch(url):
        host, path = match.groups()
    elif _BARE.fullmatch(url) and not url.startswith("."):
        host, _, path = url.partition("/")
    else:
        return None
    host = host.lower()
    if host == "ssh.dev.azure.com" and (azure := _AZURE_SSH.fullmatch(path.strip("/"))):
        return "https://dev.azure.com/{}/{}/_git/{}".format(*azure.groups())
    is_plain = re.fullmatch(r"[\w./~+-]+", path) and re.fullmatch(r"[\w.-]+\.[\w-]+", host)
    return f"https://{host}/{path.lstrip('/')}" if is_plain else None


def _check_page(origin: str, path: str) -> None:
    """Raise for a page that shows a repository in a browser."""
    for pattern in _PAGES:
        if match := pattern.fullmatch(path):
            repository, branch, folder = match.groups()
            root = f" and root to {shown(folder)}" if folder else ""
            raise GitAddressRefused(
                f"This is a page of the repository {origin}{repository}: give that address, and set"
                f" branch to {shown(branch)}{root}"
            )
    if match := _OTHER_PAGE.fullmatch(path):
        raise GitAddressRefused(
            f"This is a page of the repository {origin}{match[1]}: give that address"
        )
