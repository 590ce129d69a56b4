"""Who calls: the access token from the header or the cookie, and the cookies that carry tokens.

``__Host-`` cookies bind to the one host (RFC 6265bis). A cookie travels by itself, so a request
that changes something and is signed in by cookie must come from our own origin.
"""

from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Literal

import azure.functions as func

from shared.accounts.models import Principal, Tokens, TokenScope
from shared.accounts.tokens import REFRESH_DAYS
from shared.api_tokens.service import PREFIX
from shared.errors import Forbidden, Unauthenticated
from shared.services import services

ACCESS_COOKIE = "__Host-astrocloud-access"
REFRESH_COOKIE = "__Host-astrocloud-refresh"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


Permission = TokenScope | Literal["session"]


class ScopeMissing(Forbidden):
    """A token that may do less than was asked of it."""

    code, title = "scope_missing", "The token may not do this"


class SessionRequired(Forbidden):
    """Something that only a person who is signed in may do."""

    code, title = "session_required", "Sign in yourself for this"


class CrossOrigin(Forbidden):
    """A request signed in by cookie that did not come from our own pages."""

    code, title = "cross_origin", "Request from another origin"


async def authenticate(request: func.HttpRequest) -> Principal:
    """The caller; raises Unauthenticated, InvalidToken or CrossOrigin."""
    header = request.headers.get("authorization", "")
    if header:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("The Authorization header must be: Bearer <access token>")
        token = token.strip()
        if token.startswith(PREFIX):
            return await services().api_tokens.verify(token)
        return services().accounts.verify(token)
    token = read_cookie(request, ACCESS_COOKIE)
    if not token:
        raise Unauthenticated("Sign in, or send Authorization: Bearer <access token>")
    check_origin(request)
    return services().accounts.verify(token)


def check_permission(principal: Principal, needs: Permission) -> None:
    """Refuse what the caller's token does not allow; raises ScopeMissing, SessionRequired."""
    if needs == "session" and principal.session_id is None:
        raise SessionRequired("A token cannot do this: sign in yourself")
    if needs != "session" and needs not in principal.scopes:
        raise ScopeMissing(
            f"The token has the scopes {', '.join(sorted(principal.scopes))}: this needs {needs}"
        )


def check_origin(request: func.HttpRequest) -> None:
    """Refuse a change that another site's page asked for; raises CrossOrigin."""
    if request.method in _SAFE:
        return
    if request.headers.get("origin") != services().settings.platform_url:
        raise CrossOrigin("A change signed in by cookie must come from the platform's own pages")


def read_cookie(request: func.HttpRequest, name: str) -> str:
    """A cookie's value, or an empty text."""
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def token_cookies(tokens: Tokens) -> Sequence[str]:
    """Set-Cookie headers that sign the browser in."""
    return [
        _cookie(ACCESS_COOKIE, tokens.access_token, tokens.expires_in),
        _cookie(REFRESH_COOKIE, tokens.refresh_token, REFRESH_DAYS * 86_400),
    ]


def expired_cookies() -> Sequence[str]:
    """Set-Cookie headers that sign the browser out."""
    return [_cookie(ACCESS_COOKIE, "", 0), _cookie(REFRESH_COOKIE, "", 0)]


def _cookie(name: str, value: str, seconds: int) -> str:
    return f"{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict"
