"""Publishes a front end of ours: ``python -m infrastructure.packaging.platform_site``.

Reads the worker's settings from the environment. Prints one line; exits 1 with a reason where the
site is not online.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from frontend.cli import archive
from shared.config import MissingSetting, settings
from shared.errors import AstroCloudError
from shared.services import Services

_SECONDS = 60.0


def main(argv: Sequence[str] | None = None) -> int:
    """Publish a folder at a platform host."""
    parser = argparse.ArgumentParser(prog="platform_site", description=__doc__)
    parser.add_argument("--slug", required=True, help="name of the front end's project")
    parser.add_argument("--host", required=True, help="host that it answers")
    parser.add_argument("--dir", required=True, type=Path, help="folder with its files")
    options = parser.parse_args(argv)
    try:
        return asyncio.run(_publish(options.slug, options.host, options.dir))
    except (AstroCloudError, MissingSetting) as error:
        print(error, file=sys.stderr)
        return 1


async def _publish(slug: str, host: str, folder: Path) -> int:
    services = Services(settings())
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "site.zip")
        with path.open("wb") as file:  # noqa: ASYNC230 - a local file does not wait
            archive.pack(archive.inspect(str(folder)), file)
        try:
            row = await services.platform_sites.publish(slug, host, path, _SECONDS)
        finally:
            await services.close()
    print(f"{slug} #{row['number']} is online at {host}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
