"""One-time links that sign in: a short-lived ticket, signed with a key of this installation."""

import secrets

from infrastructure.local.installation import Installation
from shared.accounts.tokens import sign_ticket


def ticket(installation: Installation) -> str:
    """A ticket that the API takes once, within ten minutes."""
    key = installation.secrets.text("development-sign-in")
    return sign_ticket(secrets.token_urlsafe(24), key)


def sign_in(installation: Installation) -> str:
    """The link. Its ticket stands behind the #, so it reaches no server's log."""
    return f"{installation.platform_url}/#ticket={ticket(installation)}"
