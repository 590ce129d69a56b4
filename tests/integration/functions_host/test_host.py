"""The host itself: a trigger that breaks ends it, instead of a silence that nobody notices."""

import asyncio
import os

import pytest

from infrastructure.local.functions_host.host import Host, Options, listen
from infrastructure.local.functions_host.host_json import HostConfiguration


class Broken:
    """A listener with a defect."""

    task: asyncio.Task[None] | None = None
    waiting_for = None

    def start(self) -> None:
        """Fail as soon as it runs."""
        self.task = asyncio.create_task(self._fail(), name="queue broken")

    async def drain(self) -> None:
        """Nothing runs."""

    def abort(self) -> None:
        """Nothing runs."""

    async def _fail(self) -> None:
        raise LookupError("a defect")


async def test_a_trigger_that_breaks_stops_the_host(caplog: pytest.LogCaptureFixture) -> None:
    """The supervisor sees a process that ended badly, and the log says why."""
    host = Host([], HostConfiguration(), os.environ, Options("app"))
    host.listeners.append(Broken())
    async with asyncio.timeout(20):
        assert not await host.run(listen("127.0.0.1", 0))
    assert "queue broken ended by itself" in caplog.text
    assert "LookupError: a defect" in caplog.text
