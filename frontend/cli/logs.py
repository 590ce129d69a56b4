"""A deployment's log, complete and in order, whichever way its lines arrive.

Lines come by push and by reading; each has its number ``n``. What is next is shown, what is
above a gap waits until the gap has been read.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from frontend.cli.api import Api

Show = Callable[[Mapping[str, Any]], None]


class LogFollower:
    """Shows every line once; ``ended`` when nothing more can come."""

    def __init__(self, api: Api, deployment_id: str, show: Show) -> None:
        self._api, self._deployment, self._show = api, deployment_id, show
        self.position = 0
        self.ended = False

    def offer(self, message: Mapping[str, Any]) -> bool:
        """Take a pushed message; False when the log has to be read to go on."""
        lines = list(message.get("lines") or [])
        self._take(lines)
        # An empty message says "look": lines too long to be pushed are only in the log itself.
        complete = bool(lines) and int(lines[-1]["n"]) <= self.position
        return complete and not message.get("end")

    async def catch_up(self) -> None:
        """Read whatever is above the position."""
        while not self.ended:
            page = await self._api.logs(self._deployment, self.position)
            self._take(page["lines"])
            self.position = max(self.position, int(page["next_after"]))
            self.ended = bool(page["ended"])
            if not page["lines"]:
                return

    def _take(self, lines: Iterable[Mapping[str, Any]]) -> None:
        for line in lines:
            if int(line["n"]) == self.position + 1:
                self.position += 1
                self._show(line)
