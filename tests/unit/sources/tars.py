"""What is in an archive that was written."""

import io
import tarfile


def members(archive: bytes) -> dict[str, tarfile.TarInfo]:
    """The entries of an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: entry for entry in tar}


def content(archive: bytes, name: str) -> bytes:
    """A file's bytes."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = tar.extractfile(name)
        assert found is not None
        return found.read()
