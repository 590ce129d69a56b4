"""What the routes of the daemon have in common: names and numbers of a request, and refusals."""

import re

from starlette.requests import Request

LONGEST_WAIT = 30.0
_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")


class Refused(Exception):
    """A request that cannot be understood; says why."""


def key(request: Request) -> str:
    """The key in the path, which so can name no folder but one of ours."""
    found: str = request.path_params["key"]
    if not _KEY.fullmatch(found):
        raise Refused("A key has up to 100 small letters, digits and hyphens.")
    return found


def number(request: Request, name: str) -> float:
    """A number of the query; 0 where it is not there."""
    try:
        found = float(request.query_params.get(name, "0"))
    except ValueError:
        found = -1.0
    if not 0 <= found < 2**53:
        raise Refused(f"{name} has to be a number from 0.")
    return found
