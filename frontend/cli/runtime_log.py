"""What servers and tasks wrote: pages of a project's runtime log, by position.

Which lines fit is the platform's to decide; here stands how to ask and where one is.
"""

from collections.abc import Mapping
from typing import Any

from frontend.cli.api import Api

PAGE = 1000
Lines = list[Mapping[str, Any]]


class RuntimeLog:
    """Reads on from where the last read ended."""

    def __init__(self, api: Api, project_id: str, filters: Mapping[str, Any]) -> None:
        self._api = api
        self._path = f"/projects/{project_id}/logs"
        self._filters = {name: value for name, value in filters.items() if value is not None}
        self._position = 0

    def only(self, **filters: Any) -> None:
        """Narrow what is read from now on."""
        self._filters.update(filters)

    async def begin_now(self) -> None:
        """Only what comes from now on is of interest."""
        page = await self._api.get(self._path, environment=self._filters["environment"], limit=1)
        self._position = page["live_cursor"]

    async def newest(self, count: int) -> Lines:
        """The last lines that fit, in order; later reads go on behind them."""
        page = await self._page("newest", None, count)
        self._position = page["live_cursor"]
        found: Lines = list(page["items"])
        while len(found) < count and page["next_cursor"] is not None:
            page = await self._page("newest", page["next_cursor"], count - len(found))
            found += page["items"]
        return found[::-1]

    async def read(self) -> Lines:
        """What has come since, in order; at most a page."""
        page = await self._page("oldest", self._position, PAGE)
        if page["next_cursor"] is not None:
            self._position = page["next_cursor"]
        found: Lines = page["items"]
        return found

    async def _page(self, order: str, after: int | None, limit: int) -> dict[str, Any]:
        where = {} if after is None else {"after": after}
        return await self._api.get(
            self._path, **self._filters, order=order, limit=min(limit, PAGE), **where
        )
