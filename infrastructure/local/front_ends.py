"""``python -m infrastructure.local.front_ends SLUG HOST FOLDER``: publishes one of our own sites.

Runs with the settings of the worker. Users' sites go through the API; a host of the platform
itself is nothing that the API gives to anyone.
"""

import asyncio
import sys
import tempfile
import zipfile
from pathlib import Path

from shared.errors import AstroCloudError
from shared.services import services

SECONDS = 60.0


def pack(folder: Path, archive: Path) -> None:
    """A ZIP of the folder's files."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            target.write(file, file.relative_to(folder).as_posix())


async def publish(slug: str, host: str, folder: Path) -> None:
    """Deploy the folder to a host of the platform; raises AstroCloudError."""
    with tempfile.TemporaryDirectory(prefix="astrocloud-") as scratch:
        archive = Path(scratch) / "site.zip"
        await asyncio.to_thread(pack, folder, archive)
        try:
            await services().platform_sites.publish(slug, host, archive, SECONDS)
        finally:
            await services().close()


def main(arguments: list[str]) -> int:
    """Publish; the exit code tells how it went."""
    slug, host, folder = arguments
    try:
        asyncio.run(publish(slug, host, Path(folder)))
    except AstroCloudError as error:
        print(error.detail, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
