"""What Azure answers when it does not do as asked: what to mend, or when to ask again.

Nothing that Azure says is passed on but its codes: messages may hold addresses with signatures.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.errors import AstroCloudError, Unavailable

if TYPE_CHECKING:
    from azure.core.exceptions import HttpResponseError

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_SECONDS = re.compile(r"\d{1,5}")
_BUSY = frozenset({408, 423, 429})


class AzureDenied(AstroCloudError):
    """The platform's identity may not do this: the operators have to give it a role."""

    code, title, status = "azure_denied", "The platform lacks a role in Azure", 500


class AzureNotFound(AstroCloudError):
    """The registry, its group or its subscription is not there."""

    code, title, status = "azure_not_found", "The registry cannot be found", 500


class AzureRefused(AstroCloudError):
    """Azure does not accept a request, and will not accept the same one later."""

    code, title, status = "azure_refused", "Azure refused a request", 500


@dataclass(frozen=True, slots=True)
class Place:
    """What is spoken to, and the role that the platform's identity needs there."""

    name: str
    role: str


@asynccontextmanager
async def told(place: Place) -> AsyncIterator[None]:
    """Turn what the SDKs raise into errors of ours; a 404 of a thing is for the caller to see."""
    from azure.core.exceptions import (
        AzureError,
        ClientAuthenticationError,
        HttpResponseError,
        ResourceNotFoundError,
    )

    try:
        yield
    except ResourceNotFoundError:
        raise
    except ClientAuthenticationError as error:
        raise _denied(place, getattr(error, "status_code", None) or 401) from error
    except HttpResponseError as error:
        if error.status_code is None:
            raise _silent(place, error) from error
        raise _answered(place, error, error.status_code) from error
    except (AzureError, OSError) as error:
        raise _silent(place, error) from error


def _answered(place: Place, error: "HttpResponseError", status: int) -> AstroCloudError:
    if status in (401, 403):
        return _denied(place, status)
    code = _code(error)
    if status in _BUSY or status >= 500:
        return _busy(place, error, status)
    if status == 409:
        return Unavailable(
            f"{place.name} is changing just now ({code or 'conflict'}): it is asked again"
        )
    return AzureRefused(
        f"{place.name} refused a request with status {status}{f' ({code})' if code else ''}."
        " Next: see its activity log in Azure; the platform's version may not fit it."
    )


def _denied(place: Place, status: int) -> AzureDenied:
    why = "does not know" if status == 401 else "does not allow"
    return AzureDenied(
        f"{place.name} {why} the platform's identity (status {status})."
        f" Next: assign it {place.role}, and allow some minutes for that to arrive."
    )


def _busy(place: Place, error: "HttpResponseError", status: int) -> Unavailable:
    wait = _retry_after(error)
    headers = {"Retry-After": wait} if wait else {}
    when = f"in {wait} seconds" if wait else "soon"
    what = "asks us to slow down" if status == 429 else f"failed with status {status}"
    return Unavailable(f"{place.name} {what}: it is asked again {when}", headers=headers)


def _silent(place: Place, error: Exception) -> Unavailable:
    return Unavailable(f"{place.name} does not answer ({type(error).__name__}): it is asked again")


def _retry_after(error: "HttpResponseError") -> str:
    response: Any = error.response
    given = str(response.headers.get("Retry-After", "")) if response is not None else ""
    return given if _SECONDS.fullmatch(given) else ""


def _code(error: "HttpResponseError") -> str:
    found = getattr(error.error, "code", None) or ""
    return found if _CODE.fullmatch(found) else ""
