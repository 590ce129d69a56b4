"""A Git server with a few repositories, and a guard that may reach it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.sources.guard import Guard
from tests.services.git_server import GitServer, git

NAMES = ("git.example.com", "other.example.com")


@pytest.fixture(scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    server = GitServer(tmp_path_factory.mktemp("git"), NAMES)
    yield server
    server.close()


@pytest.fixture
def server(_served: GitServer) -> GitServer:
    """The server, with nothing of another test's."""
    _served.answers.clear()
    _served.logins.clear()
    _served.seen.clear()
    return _served


@pytest.fixture
def guard(server: GitServer) -> Guard:
    """A guard for which the names of the certificate are this server."""
    return Guard(
        allowed=[f"{name}:{server.port}" for name in NAMES],
        certificates=str(server.certificates),
        resolve=lambda host, port: ["127.0.0.1"],
    )


@pytest.fixture(scope="module")
def shop(_served: GitServer) -> dict[str, str]:
    """A repository with two branches, tags, a link and an executable; ids by their names."""
    work = _served.folder / "work"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    (work / "src").mkdir()
    (work / "src/app.js").write_text("1\n" * 3000)
    (work / "run.sh").write_text("#!/bin/sh\n")
    (work / "run.sh").chmod(0o755)
    (work / ".nvmrc").write_text("22\n")
    (work / "latest").symlink_to("src/app.js")
    (work / "out").symlink_to("../../etc/passwd")
    (work / "video.mp4").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
    )
    first = _commit(work, "First")
    git(work, "tag", "v1")
    git(work, "tag", "-a", "v1-signed", "-m", "Annotated")
    (work / "src/app.js").write_text("1\n" * 3000 + "2\n")
    second = _commit(work, "Second\n\nWith a body")
    git(work, "checkout", "-q", "-b", "feature/cart", first)
    (work / "cart.js").write_text("cart")
    cart = _commit(work, "Cart")
    git(work, "checkout", "-q", "main")
    git(_served.folder, "clone", "-q", "--bare", str(work), str(_served.folder / "shop.git"))
    return {
        "first": first,
        "second": second,
        "cart": cart,
        "tag": git(work, "rev-parse", "v1-signed"),
    }


def _commit(work: Path, message: str) -> str:
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", message)
    return git(work, "rev-parse", "HEAD")
