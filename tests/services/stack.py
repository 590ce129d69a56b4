"""The whole stack as ``./dev up`` brings it up, in a folder and on ports of the tests' own."""

import asyncio
import os
import signal
from dataclasses import dataclass

from infrastructure.local import links
from infrastructure.local.installation import Installation
from infrastructure.local.nodes import State
from infrastructure.local.ports import Ports
from infrastructure.local.secrets import Secrets
from infrastructure.local.services import postgres
from infrastructure.local.stack import compose
from tests.services.embedded import Embedded


@dataclass(frozen=True, slots=True)
class RunningService:
    """One service of the stack."""

    name: str
    embedded: Embedded

    @property
    def pid(self) -> int:
        """Its process now; 0 between two lives."""
        return self.embedded.unit(self.name).pid or 0

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return self.embedded.unit(self.name).restarts

    @property
    def is_ready(self) -> bool:
        return self.embedded.unit(self.name).state is State.READY

    def kill(self) -> int:
        """End its main process by SIGKILL; the pid that it had."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        return pid

    async def until_back(self, killed: int, seconds: float = 90) -> None:
        """Wait until another process of it is ready."""
        async with asyncio.timeout(seconds):
            while not (self.is_ready and self.pid not in (0, killed)):
                await asyncio.sleep(0.05)


class Stack:
    """The running platform: its addresses, keys and services."""

    def __init__(self) -> None:
        self.embedded = Embedded("stack")
        self.installation = Installation(self.embedded.paths, self.embedded.ports, dict(os.environ))
        try:
            self.embedded.start(compose(self.installation))
        except BaseException:
            self.embedded.close()
            raise

    @property
    def ports(self) -> Ports:
        return self.embedded.ports

    @property
    def secrets(self) -> Secrets:
        return self.embedded.secrets

    @property
    def platform_url(self) -> str:
        return self.installation.platform_url

    @property
    def sites_url(self) -> str:
        return self.installation.sites_url

    @property
    def owner_dsn(self) -> str:
        """The database as its owner, past row-level security's roles."""
        return self.installation.database_url(postgres.OWNER)

    def site_url(self, slug: str) -> str:
        """Where a project's site is."""
        return f"http://{slug}.apps.localhost:{self.ports['gateway']}"

    def ticket(self) -> str:
        """A one-time ticket for ``POST /api/v1/auth/development``."""
        return links.ticket(self.installation)

    def service(self, name: str) -> RunningService:
        """One service: api, admin, worker, postgres, valkey, kafka, azurite, webpubsub, gateway."""
        return RunningService(name, self.embedded)

    def close(self) -> None:
        """End everything and remove its folder."""
        self.embedded.close()
