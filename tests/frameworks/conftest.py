"""Where starters come from in these tests: a Git server or a registry that may be reached.

Both are on loopback, so the platform's settings have to name them.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services.git_server import GitServer, git

SERVER = pytest.StashKey[GitServer]()
FOLDER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to listen before the stack is up, whose settings name the server and its authority."""
    if registry := os.environ.get("ASTROCLOUD_REGISTRY"):
        os.environ["OUTGOING_ALLOWED"] = registry
    if any("repository" in getattr(item, "fixturenames", ()) for item in session.items):
        folder = session.config.stash[FOLDER] = tempfile.TemporaryDirectory(prefix="starters-")
        server = session.config.stash[SERVER] = GitServer(Path(folder.name), ("localhost",))
        allowed = (os.environ.get("OUTGOING_ALLOWED", ""), f"localhost:{server.port}")
        os.environ["OUTGOING_ALLOWED"] = ",".join(filter(None, allowed))
        os.environ["OUTGOING_CERTIFICATES"] = str(server.certificates)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the server."""
    if server := session.config.stash.get(SERVER, None):
        server.close()
        session.config.stash[FOLDER].cleanup()


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """Makes a repository of a folder; the answer is its address."""
    server = request.config.stash[SERVER]

    def make(folder: Path) -> str:
        bare = server.folder / f"{folder.name}.git"
        git(folder, "init", "--quiet", "--initial-branch=main")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message=Begin")
        git(server.folder, "clone", "--quiet", "--bare", str(folder), str(bare))
        return f"https://localhost:{server.port}/{bare.name}"

    return make
