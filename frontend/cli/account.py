"""``login``, ``logout``, ``whoami``: who asks."""

import sys
from pathlib import Path

from frontend.cli import config
from frontend.cli.console import as_json, say, table
from frontend.cli.errors import UsageError
from frontend.cli.session import log_in, normal, platform, signed_in


async def login(url: str | None, token: str | None, *, from_input: bool) -> int:
    """Check a token and keep it for its platform."""
    if token and from_input:
        detail = "--token and --token-stdin exclude each other: give one."
        raise UsageError("usage", "The command line is not understood", detail)
    if from_input:
        token = sys.stdin.readline().strip()
        if not token:
            detail = "Standard input is empty. Next: pipe the token, or paste it and press Enter."
            raise UsageError("token_missing", "There is no token", detail)
    address, me, path = await log_in(url, token)
    say(f"Signed in to {address} as {me['user']['name']}.")
    say(f"The token is kept in {path}, for you alone.", "dim")
    return 0


def logout(url: str | None) -> int:
    """Forget the token of a platform; it lives on until it is revoked there."""
    address = normal(url) if url else config.load().default
    if address is None or not config.forget(address):
        say(f"Nobody was signed in{f' to {address}' if address else ''}.")
        return 0
    say(f"Signed out of {address}.")
    say("The token still works where else it is kept: the dashboard revokes it.", "dim")
    return 0


async def whoami(url: str | None, *, json: bool) -> int:
    """Who is signed in where, with which accounts."""
    there = platform(url, Path.cwd())
    async with signed_in(url) as api:
        me = await api.get("/me")
    if json:
        as_json({"platform": there.url, **me})
        return 0
    say(f"{me['user']['name']} on {there.url}")
    table(("ACCOUNT", "ROLE"), [(a["name"], a["role"]) for a in me["accounts"]])
    return 0
