"""A log is complete and in order, however its lines arrive."""

from collections.abc import Mapping
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st

from frontend.cli.api import Api
from frontend.cli.logs import LogFollower


def _line(n: int) -> dict[str, Any]:
    return {"n": n, "text": str(n)}


class Store:
    """The API's side of a log: so many lines, so many a page."""

    def __init__(self, lines: int, page: int = 1000, ended: bool = True) -> None:
        self.lines, self._page, self.ended, self.reads = lines, page, ended, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.reads += 1
        after = int(request.url.params["after"])
        page = [_line(n) for n in range(after + 1, min(after + self._page, self.lines) + 1)]
        last = page[-1]["n"] if page else after
        ended = self.ended and last >= self.lines
        return httpx.Response(200, json={"lines": page, "next_after": last, "ended": ended})

    def follower(self, seen: list[int]) -> LogFollower:
        def show(line: Mapping[str, Any]) -> None:
            seen.append(line["n"])

        return LogFollower(Api("http://test", httpx.MockTransport(self)), "d", show)


async def test_lines_that_are_next_are_shown_at_once() -> None:
    """Nothing is read while nothing is missing."""
    store, seen = Store(3), list[int]()
    log = store.follower(seen)
    assert log.offer({"lines": [_line(1), _line(2)], "end": False})
    assert log.offer({"lines": [_line(2), _line(3)], "end": False})
    assert (seen, store.reads) == ([1, 2, 3], 0)


async def test_a_gap_is_read() -> None:
    """Lines above a gap are not shown before those in it."""
    seen = list[int]()
    log = Store(5).follower(seen)
    assert not log.offer({"lines": [_line(4), _line(5)], "end": False})
    assert seen == []
    await log.catch_up()
    assert (seen, log.ended) == ([1, 2, 3, 4, 5], True)


async def test_an_empty_message_and_the_end_want_a_look() -> None:
    """A line too long to be pushed is only in the store; the end is the store's to say."""
    log = Store(1).follower([])
    assert not log.offer({"lines": [], "end": False})
    assert not log.offer({"lines": [_line(1)], "end": True})
    assert not log.ended
    await log.catch_up()
    assert log.ended


async def test_a_long_log_is_read_page_by_page() -> None:
    """Until it has ended, or nothing more is there."""
    seen = list[int]()
    store = Store(25, page=10, ended=False)
    log = store.follower(seen)
    await log.catch_up()
    assert (len(seen), log.ended) == (25, False)
    store.lines, store.ended = 26, True
    await log.catch_up()
    assert (seen[-1], log.ended) == (26, True)


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 10)), max_size=30))
async def test_any_order_of_messages_shows_every_line_once(pushes: list[tuple[int, int]]) -> None:
    """Lost, doubled and reordered messages have no meaning."""
    seen = list[int]()
    log = Store(40).follower(seen)
    for first, count in pushes:
        log.offer({"lines": [_line(n) for n in range(first, first + count)], "end": False})
    await log.catch_up()
    assert seen == list(range(1, 41))
