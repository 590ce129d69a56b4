"""One-time links that sign in: a short-lived ticket, signed with a key of this installation."""

import secrets
import time

import jwt

from infrastructure.local.installation import Installation

LIFETIME_SECONDS = 600
AUDIENCE = "astrocloud-development"


def ticket(installation: Installation) -> str:
    """A ticket that the API takes once, within ten minutes."""
    claims = {
        "aud": AUDIENCE,
        "jti": secrets.token_urlsafe(24),
        "exp": int(time.time()) + LIFETIME_SECONDS,
    }
    key = installation.secrets.text("development-sign-in")
    return jwt.encode(claims, key, algorithm="HS256")


def sign_in(installation: Installation) -> str:
    """The link. Its ticket stands behind the #, so it reaches no server's log."""
    return f"{installation.platform_url}/#ticket={ticket(installation)}"
