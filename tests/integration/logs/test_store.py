"""The store on a real Postgres: exactly once, in order, and only for those who may read."""

import asyncio
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.database import Scope
from shared.errors import NotFound
from shared.logs import chunks
from shared.logs import store as module
from shared.logs.lines import Record
from shared.logs.masking import MASK, Masker
from shared.logs.store import LogStore
from tests.integration.logs.places import Place, Places
from tests.services import handles


async def everything(store: LogStore, place: Place, limit: int = 1_000) -> list[str]:
    """All texts, read page by page; the positions are gapless."""
    texts: list[str] = []
    while True:
        page = await store.page(place.scope, place.deployment_id, len(texts), limit)
        assert [line.n for line in page.lines] == list(
            range(len(texts) + 1, len(texts) + len(page.lines) + 1)
        )
        texts += [line.text for line in page.lines]
        if not page.lines:
            return texts


def maskers(*places: Place) -> dict[UUID, Masker]:
    return {place.deployment_id: Masker() for place in places}


BATCHES = st.lists(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=5), max_size=6
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(BATCHES, st.data())
async def test_batches_that_come_again_change_nothing(
    places: Places,
    store: LogStore,
    reader: LogStore,
    batches: list[list[tuple[str, int]]],
    data: st.DataObject,
) -> None:
    place = await places.make()
    sequences = dict.fromkeys("abc", 0)
    expected: list[str] = []
    records: list[list[Record]] = []
    for batch in batches:
        records.append([])
        for writer, count in batch:
            sequences[writer] += 1
            texts = [f"{writer}{sequences[writer]}.{i}" for i in range(count)]
            expected += texts
            records[-1].append(place.record(texts, sequences[writer], writer))
    for number, batch_of_records in enumerate(records):
        await store.append(batch_of_records, maskers(place))
        again = data.draw(st.integers(0, number))
        rewound = [record for past in records[again : number + 1] for record in past]
        await store.append(rewound, maskers(place))
    assert await everything(reader, place, limit=7) == expected


async def test_writers_at_once_get_gapless_numbers_and_no_deadlock(
    places: Places, store: LogStore, reader: LogStore
) -> None:
    first, second = await places.make(), await places.make()

    async def write(name: str, order: tuple[Place, Place]) -> None:
        for sequence in range(1, 11):
            batch = [place.record([f"{name}{sequence}"], sequence, name) for place in order]
            await store.append(batch, maskers(first, second))

    await asyncio.gather(
        *(write(f"w{i}-", (first, second) if i % 2 else (second, first)) for i in range(6))
    )
    expected = sorted(f"w{i}-{sequence}" for i in range(6) for sequence in range(1, 11))
    assert sorted(await everything(reader, first)) == expected
    assert sorted(await everything(reader, second)) == expected


async def test_records_without_a_deployment_of_their_account_are_set_aside(
    places: Places, store: LogStore, reader: LogStore
) -> None:
    own, other = await places.make(), await places.make()
    unknown = Place(uuid4(), own.account_id, own.user_id)
    crossed = Place(own.deployment_id, other.account_id, own.user_id)
    batch = [place.record(["x"], 1) for place in (unknown, own, crossed)]
    appended = await store.append(batch, maskers(own, unknown))
    assert sorted(record.account for record in appended.foreign) == sorted(
        [unknown.account_id, crossed.account_id]
    )
    assert await everything(reader, own) == ["x"]


async def test_an_empty_batch_is_no_work(store: LogStore) -> None:
    assert (await store.append([], {})).growths == []


async def test_a_batch_is_stored_whole_or_not_at_all(
    place: Place, store: LogStore, reader: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("killed here")

    monkeypatch.setattr(chunks, "pack", fail)
    with pytest.raises(RuntimeError, match="killed here"):
        await store.append([place.record(["x"], 1)], maskers(place))
    monkeypatch.undo()
    await store.append([place.record(["x"], 1)], maskers(place))
    assert await everything(reader, place) == ["x"]


async def test_a_secret_split_over_batches_is_masked_as_in_one(
    place: Place, store: LogStore, reader: LogStore
) -> None:
    masker = {place.deployment_id: Masker(["SECRETVALUE"])}
    first, second = place.record(["a SECR"], 1), place.record(["ETVALUE b"], 2)
    await store.append([first], masker)
    await store.append([first, second], masker)
    await store.append([second], masker)
    assert await everything(reader, place) == [f"a {MASK}", f"{MASK} b"]


async def test_pages_begin_after_any_position(
    place: Place, store: LogStore, reader: LogStore
) -> None:
    texts = [f"line {i}" for i in range(1, 2_301)]
    await store.append([place.record(texts, 1)], maskers(place))
    await store.append([place.record(["last"], 2, end=True)], maskers(place))
    for after in (0, 1, 999, 1_000, 1_001, 2_299, 2_300):
        page = await reader.page(place.scope, place.deployment_id, after, 10)
        expected = [*texts, "last"][after : after + 10]
        assert [line.text for line in page.lines] == expected
        assert page.next_after == after + len(expected)
        assert page.ended is (page.next_after == 2_301)
    beyond = await reader.page(place.scope, place.deployment_id, 99_999, 10)
    assert (beyond.lines, beyond.next_after, beyond.ended) == ([], 99_999, True)
    # Small numbers reach Postgres as two-byte integers: their sum must not overflow.
    assert (await reader.page(place.scope, place.deployment_id, 32_700, 5_000)).lines == []


async def test_a_page_of_long_lines_ends_early(
    place: Place, store: LogStore, reader: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE_CHARACTERS", 100_000)
    texts = [str(i) * 60_000 for i in range(6)]
    await store.append([place.record(texts, 1)], maskers(place))
    page = await reader.page(place.scope, place.deployment_id, 0, 1_000)
    assert [line.n for line in page.lines] == [1, 2]
    assert await everything(reader, place) == texts


async def test_only_members_read(
    places: Places, place: Place, store: LogStore, reader: LogStore
) -> None:
    await store.append([place.record(["private"], 1)], maskers(place))
    stranger = await places.make()
    for scope in (stranger.scope, Scope()):
        with pytest.raises(NotFound) as foreign:
            await reader.page(scope, place.deployment_id, 0, 10)
        unknown = uuid4()
        with pytest.raises(NotFound) as absent:
            await reader.page(scope, unknown, 0, 10)
        told = foreign.value.detail.replace(str(place.deployment_id), "")
        assert told == absent.value.detail.replace(str(unknown), "")


async def test_a_log_that_nobody_wrote_yet_is_empty_and_goes_on(
    place: Place, reader: LogStore
) -> None:
    page = await reader.page(place.scope, place.deployment_id, 0, 10)
    assert (page.lines, page.next_after, page.ended) == ([], 0, False)


async def test_a_deployment_that_finished_without_an_end_record_ends_after_a_while(
    place: Place, reader: LogStore, database: handles.Database
) -> None:
    statement = (
        "UPDATE deployments SET state = 'failed', finished_at = now() - %s::interval WHERE id = %s"
    )
    for age, ended in (("1 second", False), ("31 seconds", True)):
        async with await psycopg.AsyncConnection.connect(database.worker) as connection:
            await connection.execute(statement, [age, place.deployment_id])
        page = await reader.page(place.scope, place.deployment_id, 0, 10)
        assert page.ended is ended
