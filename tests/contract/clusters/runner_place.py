"""The runner under contract: a daemon of its own, with bundles that it has built itself."""

import asyncio
import io
import secrets
import shutil
import tempfile
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from shared.builders.port import BuildJob
from shared.clusters.port import WorkloadRef
from shared.detection.build_spec import BuildSpec
from tests.contract.clusters.places import App
from tests.services.runner import RunnerDaemon


def unavailable() -> str:
    """Why it cannot be tested here; empty where it can."""
    return "" if shutil.which("bwrap") else "bubblewrap is not installed"


class RunnerPlace:
    """A daemon, and bundles of apps."""

    missing_image = "bundle:contract/nobody/key-0"

    def __init__(self, daemon: RunnerDaemon, name: str) -> None:
        self.name = name
        self.daemon = daemon
        self.cluster = daemon.cluster
        self._images: dict[str, str] = {}

    async def image(self, app: App) -> str:
        """Build it, once."""
        name = repr(app)
        if name not in self._images:
            self._images[name] = await self._built(app, f"app-{secrets.token_hex(6)}")
        return self._images[name]

    async def _built(self, app: App, key: str) -> str:
        spec = BuildSpec(
            framework="python",
            kind="dynamic",
            package_manager="pip",
            start=" ".join(app.command),
            reasons={},
        )
        job = BuildJob(key=key, source_format="zip", spec=spec, image="contract/app")
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, "source.zip")
            archive.write_bytes(_zip(app.files))
            await self.daemon.builder.start(job, archive)
        while not (status := await self.daemon.builder.status(key)) or not status.has_ended:
            await asyncio.sleep(0.1)
        assert status.image is not None, status
        return status.image

    async def request(self, address: str, path: str = "/") -> tuple[int, str]:
        """A GET on a connection of its own."""
        timeout = aiohttp.ClientTimeout(total=30)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"http://{address}{path}") as answer,
            ):
                return answer.status, await answer.text()
        except aiohttp.ClientConnectorError as error:
            raise ConnectionRefusedError(str(error)) from error
        except aiohttp.ClientError as error:
            raise ConnectionError(repr(error)) from error

    async def kill(self, ref: WorkloadRef, replica: str) -> None:
        """SIGKILL to all of its processes."""
        for process in self.daemon.alive(ref, replica):
            process.kill()


@asynccontextmanager
async def opened(*, bare: bool = False) -> AsyncIterator[RunnerPlace]:
    """A daemon of the module's own."""
    name = "runner-bare" if bare else "runner"
    with tempfile.TemporaryDirectory(prefix="runner-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        daemon = RunnerDaemon(Path(folder), bare=bare)
        await daemon.up()
        try:
            yield RunnerPlace(daemon, name)
        finally:
            await asyncio.to_thread(daemon.down)


def _zip(files: dict[str, str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()
