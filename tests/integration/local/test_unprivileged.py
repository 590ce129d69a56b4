"""Postgres runs as someone else where we are root, by either way, and ends with us."""

import asyncio
import os
import shutil
from pathlib import Path

import psycopg
import pytest

from infrastructure.local.nodes import State
from infrastructure.local.services import postgres
from infrastructure.local.unprivileged import NOBODY, prefix
from tests.services.embedded import Embedded

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become someone else")


@pytest.mark.skipif(os.geteuid() == 0, reason="for an ordinary user")
def test_an_ordinary_user_runs_it_directly(tmp_path: Path) -> None:
    assert prefix(tmp_path / "data", Path("/bin/true")) == []


@root_only
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not there")
async def test_the_second_way_serves_a_folder_that_no_other_user_can_reach() -> None:
    embedded = Embedded("unprivileged")
    try:
        folder = embedded.paths.state / "postgres"
        folder.mkdir(mode=0o700)
        os.chown(folder, NOBODY, NOBODY)
        port = embedded.ports["postgres"]
        await asyncio.to_thread(
            embedded.start, [postgres.service(embedded.paths, port, embedded.secrets)]
        )
        unit = embedded.unit("postgres")
        assert unit.state is State.READY
        assert Path(f"/proc/{unit.pid}").stat().st_uid == NOBODY
        admin = postgres.dsn(
            port, postgres.ADMIN, embedded.secrets.text("postgres-admin"), "postgres"
        )
        async with await psycopg.AsyncConnection.connect(admin) as connection:
            assert await (await connection.execute("SELECT 1")).fetchone() == (1,)
    finally:
        await asyncio.to_thread(embedded.close)


@root_only
def test_neither_way_is_an_error_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infrastructure.local import unprivileged
    from infrastructure.local.errors import StackError

    monkeypatch.setattr(unprivileged, "_works", lambda words, folder, program: False)
    with pytest.raises(StackError, match="ordinary user"):
        prefix(tmp_path / "data", Path("/bin/true"))
