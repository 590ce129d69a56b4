"""Logs of servers as the rest of the platform uses them: stored from Kafka, told live, searched."""

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from shared.database import Scope
from shared.logs.masking import Masker, Secrets, no_secrets
from shared.logs.runtime.models import Place, RuntimeLogPage, Search, told
from shared.logs.runtime.search import LogSearch
from shared.logs.runtime.store import Growth, RuntimeLogStore
from shared.logs.runtime.writer_store import Arrival

MAX_PAGE = 1_000
MAX_DOWNLOAD = 16_777_216
"""Characters of one download."""
MAX_DOWNLOAD_SECONDS = 20.0
_REMEMBERED = 1_024
_log = logging.getLogger(__name__)


class RuntimeLogService:
    """Built once a process; ``secrets`` knows the values of a release's deployment."""

    def __init__(
        self, store: RuntimeLogStore, search: LogSearch, secrets: Secrets = no_secrets
    ) -> None:
        self._store = store
        self._search = search
        self._secrets = secrets
        self._places: OrderedDict[UUID, Place] = OrderedDict()
        self._maskers: OrderedDict[UUID, Masker] = OrderedDict()

    async def places(self, streams: Sequence[UUID]) -> dict[UUID, Place]:
        """Those of the streams that are releases, and where their lines belong."""
        unknown = [stream for stream in streams if stream not in self._places]
        if unknown:
            self._places.update(await self._store.places(unknown))
        found = {i: self._places[i] for i in streams if i in self._places}
        while len(self._places) > _REMEMBERED:
            self._places.popitem(last=False)
        return found

    async def store(self, arrivals: Sequence[Arrival], places: dict[UUID, Place]) -> list[Growth]:
        """Store what came for releases; raises Unavailable."""
        own = [a for a in arrivals if a.record.account == places[a.record.stream].account_id]
        strangers = Counter(a.record.stream for a in arrivals) - Counter(
            a.record.stream for a in own
        )
        for stream, count in strangers.items():
            _log.warning("%d records of release %s set aside: not of its account", count, stream)
        maskers = {a.record.stream: await self._masker(places[a.record.stream]) for a in own}
        return await self._store.append(own, places, maskers)

    async def sequence(self, release_id: UUID, writer: str) -> int:
        """The sequence of the writer's last stored record; 0 where there is none."""
        return await self._store.sequence(release_id, writer)

    async def say_dropped(self) -> list[Growth]:
        """Say what was dropped and not said yet."""
        return await self._store.say_dropped()

    async def trim(self) -> None:
        """Delete the oldest lines of projects that are above their bound."""
        await self._store.trim()

    async def clean(self) -> None:
        """Delete what is too old."""
        await self._store.clean()

    async def page(self, scope: Scope, project_id: UUID, search: Search) -> RuntimeLogPage:
        """Lines that fit a search; raises NotFound."""
        return await self._search.page(scope, project_id, search)

    async def text(self, scope: Scope, project_id: UUID, search: Search) -> AsyncIterator[str]:
        """All that fits, oldest first, as text in pieces; raises NotFound before the first."""
        search = replace(search, order="oldest", limit=MAX_PAGE, as_written=True)
        size, ends = 0, time.monotonic() + MAX_DOWNLOAD_SECONDS
        while size < MAX_DOWNLOAD and time.monotonic() < ends:
            page = await self.page(scope, project_id, search)
            if page.complete and not page.items:
                return
            piece = "".join(f"{i.time} {i.replica} {i.text}\n" for i in page.items)
            yield piece
            size += len(piece)
            search = replace(search, after=page.next_cursor)
        yield f"# More lines may follow: ask again with after={search.after}\n"

    async def _masker(self, place: Place) -> Masker:
        """A release's secrets never change during its life."""
        if place.release_id not in self._maskers:
            values = await self._secrets(place.deployment_id)
            self._maskers[place.release_id] = Masker(values)
        while len(self._maskers) > _REMEMBERED:
            self._maskers.popitem(last=False)
        return self._maskers[place.release_id]


def lines_of(growth: Growth) -> list[dict[str, Any]]:
    """A growth's lines as readers are told them."""
    return [
        told(n, line, place.release_id, place.number).model_dump(mode="json")
        for n, (place, line) in enumerate(growth.lines, growth.first_n)
    ]
