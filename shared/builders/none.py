"""The builder of a platform that has none: only plain files are published."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NoReturn

from shared.builders.port import BuildJob, LogFrame, RunStatus
from shared.errors import AstroCloudError, NotFound
from shared.sites.models import ArchiveFormat


class NoBuilderHere(AstroCloudError):
    """The operators have set no builder."""

    code, title, status = "no_builder", "Nothing is built here", 422


class NoBuilder:
    """Knows no run, and begins none."""

    follow_seconds = 0.0

    async def start(self, job: BuildJob, archive: Path) -> NoReturn:
        """Refuse."""
        raise NoBuilderHere(
            f"This platform publishes finished files only and {job.spec.framework} has to be built:"
            " build it yourself and deploy the output, or ask the operators to set BUILDER"
        )

    async def status(self, key: str) -> RunStatus | None:
        """There is none."""
        return None

    async def log(self, key: str, after: int, wait: float = 0) -> Sequence[LogFrame]:
        """There is none."""
        return ()

    async def cancel(self, key: str) -> None:
        """Nothing runs."""

    async def output(self, key: str, target: BinaryIO) -> ArchiveFormat:
        """There is none."""
        raise NotFound(f"There is no run {key}")

    async def delete_image(self, image: str) -> None:
        """Nothing is kept."""

    async def delete(self, key: str) -> None:
        """Nothing is kept."""

    async def tidy(self, before: datetime) -> int:
        """Nothing is kept."""
        return 0

    async def clear_cache(self, name: str) -> int:
        """Nothing is kept."""
        return 0
