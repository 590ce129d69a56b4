"""Which version of the command this is."""

from importlib import metadata

SOURCE = "from source"


def version() -> str:
    """The installed package's version; a checkout has none."""
    try:
        return metadata.version("astrocloud")
    except metadata.PackageNotFoundError:
        return SOURCE
