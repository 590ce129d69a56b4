"""Toolchains that are installed once and kept below ``.local``, from the real registries."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infrastructure.local.paths import ROOT
from infrastructure.local.runner.executor import Tools, ToolsUnavailable
from infrastructure.local.runner.toolchains import Installed
from shared.builders.port import BuildJob
from tests.integration.toolchains import sandbox

_NO_NETWORK = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ECONNRESET|error sending request"
    r"|dns error|was not ready after",
    re.IGNORECASE,
)


class Prepared:
    """Prepares tools, or skips the test where the registries cannot be reached."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.installed = Installed(folder)
        self.log = sandbox.Log()

    async def __call__(self, job: BuildJob) -> Tools:
        try:
            return await self.installed.prepare(job, self.log)
        except ToolsUnavailable as error:
            if _NO_NETWORK.search(str(error)):
                pytest.skip(f"the package registry cannot be reached: {error}")
            raise


@pytest.fixture
async def prepare() -> AsyncIterator[Prepared]:
    """The toolchains of this checkout: what is installed once serves every test."""
    prepared = Prepared(ROOT / ".local" / "toolchains")
    yield prepared
    await prepared.installed.release()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The folder of a project."""
    if not sandbox.works():
        pytest.skip("bubblewrap is not here, or not allowed to make namespaces")
    folder = tmp_path / "source"
    folder.mkdir()
    return folder
