"""The pool of connections, where tasks wait for one."""

import asyncio

import pytest

from shared.database import Database
from tests.services.databases import Database as Migrated


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancellation_while_waiting_for_a_connection_is_never_lost(
    database: Migrated, turns: int
) -> None:
    pool = Database(database.worker, max_size=1)
    took = asyncio.Event()

    async def wait_for_ever() -> None:
        async with pool.transaction():
            took.set()
        await asyncio.Event().wait()

    try:
        async with pool.transaction():
            waiting = asyncio.create_task(wait_for_ever())
            await asyncio.sleep(0.05)
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiting, 10)
        async with pool.transaction() as connection:
            await connection.execute("SELECT 1")
    finally:
        await pool.close()
