"""The one base of errors: what is told to a caller, and whether trying again can help.

An error's ``detail`` names the thing, the reason and the next step; it never holds a secret.
How an error becomes an answer is the edge's business (``shared.triggers.http``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field of a request that cannot be accepted: a JSON path and why."""

    field: str
    reason: str


class AstroCloudError(Exception):
    """Anything that goes wrong in a way we understand.

    ``code`` is the stable slug that clients and the documentation use; ``status`` the HTTP
    status at the API's edge; ``retryable`` whether the same call may succeed later.
    """

    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str,
        *,
        fields: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = tuple(fields)
        self.headers = dict(headers or {})


class InvalidRequest(AstroCloudError):
    """The request cannot be understood: malformed JSON, unknown fields, wrong types."""

    code, title, status = "invalid_request", "The request is not valid", 400


class ValidationFailed(AstroCloudError):
    """The request is well formed, but a value breaks a rule."""

    code, title, status = "validation_failed", "A value is not acceptable", 422


class Unauthenticated(AstroCloudError):
    """Nobody is signed in, or the token is stale, forged or revoked."""

    code, title, status = "unauthenticated", "Sign in first", 401


class Forbidden(AstroCloudError):
    """The caller is known, but may not do this."""

    code, title, status = "forbidden", "Not allowed", 403


class NotFound(AstroCloudError):
    """No such thing, or not the caller's: both answer alike."""

    code, title, status = "not_found", "Not found", 404


class Conflict(AstroCloudError):
    """The state of the thing does not allow this now."""

    code, title, status = "conflict", "Not possible in this state", 409


class TooLarge(AstroCloudError):
    """The body or the archive is above the bound."""

    code, title, status = "too_large", "Too large", 413


class RateLimited(AstroCloudError):
    """Too many requests; ``Retry-After`` says when to come back."""

    code, title, status, retryable = "rate_limited", "Too many requests", 429, True


class Unavailable(AstroCloudError):
    """Something that we need does not answer; trying again later can help."""

    code, title, status, retryable = "unavailable", "Not available right now", 503, True
