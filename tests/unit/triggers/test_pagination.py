"""Cursors: what goes in comes out, and anything else is refused."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.triggers.pagination import InvalidCursor, PageQuery, number, paginate, time_and_id


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=8), st.integers(1, 8))
def test_a_page_ends_where_the_next_begins(numbers: list[int], limit: int) -> None:
    """The cursor of a page is the position of its last item; the last page has none."""
    query = PageQuery(limit=limit)
    items, cursor = paginate(numbers[: query.lookahead], query, lambda n: [n])

    assert items == numbers[:limit]
    if cursor is None:
        assert len(numbers) <= limit
    else:
        assert number(PageQuery(cursor=cursor)) == items[-1]


def test_time_and_id_survive_a_cursor() -> None:
    """A position by time and id comes back exactly."""
    at, identity = datetime.now(UTC), uuid4()
    _, cursor = paginate([1, 2], PageQuery(limit=1), lambda _: [at.isoformat(), str(identity)])

    assert time_and_id(PageQuery(cursor=cursor)) == (at, identity)


@given(st.text(max_size=60))
def test_made_up_cursors_never_break_anything(cursor: str) -> None:
    """Whatever comes, it is a position or InvalidCursor."""
    query = PageQuery(cursor=cursor)
    for read in (number, time_and_id):
        try:
            position = read(query)
        except InvalidCursor:
            continue
        assert position is None or isinstance(position, int | tuple)


def test_no_cursor_is_the_first_page() -> None:
    """Without a cursor there is no position."""
    assert number(PageQuery()) is None
    assert time_and_id(PageQuery()) is None
    with pytest.raises(InvalidCursor):
        time_and_id(PageQuery(cursor="WzEsMl0"))


def test_a_uuid_in_a_cursor_must_be_one() -> None:
    """A position whose id is none is refused."""
    _, cursor = paginate([1, 2], PageQuery(limit=1), lambda _: [datetime.now(UTC).isoformat(), "x"])

    with pytest.raises(InvalidCursor):
        time_and_id(PageQuery(cursor=cursor))
