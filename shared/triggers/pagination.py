"""Cursors: an opaque text that says after which row a page begins.

A cursor is not secret and not trusted: what it points at is still only seen through the caller's
row-level security.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import Field

from shared.errors import InvalidRequest
from shared.models import Request, Response

Item = TypeVar("Item")


class InvalidCursor(InvalidRequest):
    """A cursor that we did not give."""

    code, title = "invalid_cursor", "The cursor is not valid"


class PageQuery(Request):
    """Which page: at most ``limit`` items after ``cursor``."""

    cursor: Annotated[str, Field(max_length=512)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50

    @property
    def lookahead(self) -> int:
        """How many items to ask for, so that one more tells whether a next page exists."""
        return self.limit + 1


class Page(Response):
    """Where the next page begins; None on the last. A page of something adds its ``items``."""

    next_cursor: str | None = None


def paginate(
    found: Sequence[Item], query: PageQuery, position: Callable[[Item], Sequence[object]]
) -> tuple[list[Item], str | None]:
    """Of ``lookahead`` items at most, those of the page and the cursor of the next one.

    ``position`` tells where an item stands in the list.
    """
    items = list(found[: query.limit])
    more = len(found) > query.limit
    return items, _encode(position(items[-1])) if more else None


def time_and_id(query: PageQuery) -> tuple[datetime, UUID] | None:
    """The cursor of a list ordered by time and id; raises InvalidCursor."""
    if query.cursor is None:
        return None
    at, identity = _decode(query.cursor, 2)
    try:
        return datetime.fromisoformat(at), UUID(identity)
    except (TypeError, ValueError, AttributeError):
        raise _refusal() from None


def number(query: PageQuery) -> int | None:
    """The cursor of a list ordered by a number; raises InvalidCursor."""
    if query.cursor is None:
        return None
    (found,) = _decode(query.cursor, 1)
    if type(found) is not int or not 0 <= found < 2**31:
        raise _refusal()
    return found


def _encode(position: Sequence[object]) -> str:
    text = json.dumps(position, default=str)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str, length: int) -> list[Any]:
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        raise _refusal() from None
    if not isinstance(position, list) or len(position) != length:
        raise _refusal()
    return position


def _refusal() -> InvalidCursor:
    return InvalidCursor("Use next_cursor of the page before, or leave it out")
