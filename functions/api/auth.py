"""Signing in and out."""

from shared.accounts.models import DevelopmentSignIn, Me, RefreshRequest, Tokens
from shared.accounts.tokens import InvalidToken
from shared.services import services
from shared.triggers import auth
from shared.triggers.http import Call, Reply, Resource

resource = Resource("Sign-in")


@resource.operation("POST", "auth/development", body=DevelopmentSignIn, returns=Tokens, public=True)
async def sign_in_developer(call: Call) -> Reply:
    """Sign in with a one-time ticket of a local installation."""
    tokens = await services().accounts.sign_in_developer(call.body(DevelopmentSignIn).ticket)
    return Reply(tokens, cookies=auth.token_cookies(tokens))


@resource.operation("POST", "auth/refresh", body=RefreshRequest, returns=Tokens, public=True)
async def refresh_tokens(call: Call) -> Reply:
    """Exchange a refresh token, of the body or its cookie, for a new pair."""
    token = call.body(RefreshRequest).refresh_token or call.cookie(auth.REFRESH_COOKIE)
    if not token:
        raise InvalidToken("There is no refresh token: sign in again")
    tokens = await services().accounts.refresh(token)
    return Reply(tokens, cookies=auth.token_cookies(tokens))


@resource.operation("POST", "auth/sign-out", status=204, needs="session")
async def sign_out(call: Call) -> Reply:
    """End the session."""
    await services().accounts.sign_out(call.principal)
    return Reply(cookies=auth.expired_cookies())


@resource.operation("GET", "me", returns=Me)
async def me(call: Call) -> Me:
    """Who is signed in, and in which accounts."""
    return await services().accounts.me(call.principal)
