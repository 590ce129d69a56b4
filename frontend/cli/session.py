"""Which platform a command speaks to, and as whom.

A token is only ever sent to the platform that its user named it for: a folder's link, which may
have come with somebody else's files, decides nothing about it.
"""

import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from frontend.cli import config, link
from frontend.cli.api import Api
from frontend.cli.errors import NotSignedIn, UsageError
from frontend.cli.transport import LOOPBACK, is_local

PLATFORM = "ASTROCLOUD_PLATFORM"
TOKEN = "ASTROCLOUD_TOKEN"  # noqa: S105 - the name of a variable
TICKET = "ASTROCLOUD_TICKET"
_HOW = "Next: astrocloud login --url ADDRESS, or ./dev astrocloud for the stack on this machine."


@dataclass(frozen=True, slots=True)
class Platform:
    """An address, and what signs in there."""

    url: str
    token: str = field(default="", repr=False)
    ticket: str = field(default="", repr=False)


def platform(url: str | None, folder: Path) -> Platform:
    """Where to, and as whom: raises NotSignedIn where either is not known."""
    named = url or os.environ.get(PLATFORM)
    if named:
        return _named(normal(named))
    known = config.load()
    linked = link.find(folder)
    if linked is not None and linked.url in known.tokens:
        return Platform(linked.url, known.tokens[linked.url])
    if linked is not None and known.default != linked.url:
        raise NotSignedIn(
            f"The folder is linked to a project of {linked.url}, where you are not signed in."
            f" Next: astrocloud login --url {linked.url}"
        )
    if known.default is None:
        raise NotSignedIn(f"No platform is known. {_HOW}")
    return _named(known.default)


def _named(url: str) -> Platform:
    if ticket := os.environ.get(TICKET):
        return Platform(url, ticket=ticket)
    token = os.environ.get(TOKEN) or config.load().tokens.get(url)
    if not token:
        how = _HOW.replace("ADDRESS", url)
        raise NotSignedIn(f"There is no token for {url}. {how} In CI, set {TOKEN}.")
    return Platform(url, token)


def normal(text: str) -> str:
    """A platform's address in one form; raises UsageError for one that is none."""
    text = text.strip()
    local = text.startswith(("localhost", LOOPBACK))
    parts = urlsplit(text if "://" in text else f"{'http' if local else 'https'}://{text}")
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        raise _bad_url(text, "it is not the address of a platform")
    if parts.scheme == "http" and not (is_local(host) or host == LOOPBACK):
        raise _bad_url(text, "your token would be sent unencrypted")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _bad_url(text: str, reason: str) -> UsageError:
    shown = text.rpartition("@")[2]
    detail = f"{shown} is not used: {reason}. Next: give an address such as https://example.com."
    return UsageError("address_refused", "This address is not accepted", detail)


@asynccontextmanager
async def signed_in(url: str | None, folder: Path | None = None) -> AsyncIterator[Api]:
    """A client that may ask."""
    there = platform(url, folder or Path.cwd())
    async with Api(there.url) as api:
        if there.ticket:
            await api.sign_in(there.ticket)
        else:
            api.use_token(there.token)
        yield api


async def log_in(url: str | None, token: str | None) -> tuple[str, Mapping[str, Any], Path]:
    """Check a token and keep it; with a ticket one is made first. The address, who, and where."""
    named = url or os.environ.get(PLATFORM) or config.load().default
    if not named:
        raise UsageError(
            "no_platform",
            "No platform is known",
            "astrocloud login needs an address. Next: astrocloud login --url https://example.com",
        )
    address = normal(named)
    async with Api(address) as api:
        token = token or await _made(api, address)
        api.use_token(token)
        me = await api.get("/me")
    return address, me, config.save(address, token)


async def _made(api: Api, address: str) -> str:
    ticket = os.environ.get(TICKET)
    if not ticket:
        raise NotSignedIn(
            f"{address} wants an API token. Next: make one in the dashboard, under Tokens of your"
            " account, and pipe it to astrocloud login --token-stdin. For the stack of this"
            " machine: ./dev astrocloud login."
        )
    await api.sign_in(ticket)
    me = await api.get("/me")
    body = {
        "name": f"astrocloud on {socket.gethostname()}"[:80].strip(),
        "scopes": ["read", "deploy", "manage"],
        "expires_in_days": 365,
    }
    made = await api.post_plainly(f"/accounts/{me['accounts'][0]['id']}/tokens", body)
    return str(made["token"])
