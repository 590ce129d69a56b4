"""Reads a run's log from the blob that ACR appends to, from where the last look ended.

The blob is absent until the run has begun, answers 416 at its end, and is whole once its metadata
say ``Complete``: a run may have ended before that.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.builders.acr.cutting import Cutter
from shared.builders.acr.errors import AzureDenied, Place, told
from shared.builders.acr.management import Management, Run

_PIECE = 1024 * 1024
_MOST_PIECES = 64
_PATIENCE = timedelta(seconds=120)
"""After the end; a log that is not whole by then never will be."""
_PLACE = Place("The log of a run", "a role that may list the log's address")


class RunLog:
    """The log of one run. What it holds follows from the blob alone: it can be read again."""

    def __init__(
        self, management: Management, run_id: str, cutter: Cutter, options: Mapping[str, Any]
    ) -> None:
        self.cutter = cutter
        self.is_whole = False
        self._management = management
        self.run_id = run_id
        self._options = options
        self._url: str | None = None

    async def read_on(self, run: Run) -> None:
        """Read what was appended; afterwards ``is_whole`` says whether more can come."""
        if self.is_whole:
            return
        for _ in range(_MOST_PIECES):
            more, is_complete = await self._piece()
            if more is not None:
                self.cutter.feed(more)
            if is_complete and not more:
                break
            if not more:
                is_complete = run.has_ended and _is_long_ago(run)
                break
        else:
            return
        if is_complete:
            self.cutter.finish()
            self.is_whole = True

    async def _piece(self) -> tuple[bytes | None, bool]:
        """The next bytes, none at the end; and whether the blob is complete."""
        try:
            return await self._from_blob()
        except AzureDenied:
            # The signature of the address has expired: there is a new one.
            self._url = None
            return await self._from_blob()

    async def _from_blob(self) -> tuple[bytes | None, bool]:
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
        from azure.storage.blob.aio import BlobClient

        if self._url is None:
            self._url = await self._management.log_url(self.run_id)
        if self._url is None:
            return None, False
        async with told(_PLACE), BlobClient.from_blob_url(self._url, **self._options) as blob:
            try:
                stream = await blob.download_blob(offset=self.cutter.read, length=_PIECE)
                data = await stream.readall()
                return data, _is_complete(stream.properties.metadata)
            except ResourceNotFoundError:
                return None, False
            except HttpResponseError as error:
                if error.status_code != 416:
                    raise
            # It may have grown, and become complete, since it said that this was its end.
            found = await blob.get_blob_properties()
            return None, found.size <= self.cutter.read and _is_complete(found.metadata)


def _is_complete(metadata: Mapping[str, str] | None) -> bool:
    return any(name.lower() == "complete" for name in metadata or {})


def _is_long_ago(run: Run) -> bool:
    return run.finished is not None and datetime.now(UTC) - run.finished > _PATIENCE
