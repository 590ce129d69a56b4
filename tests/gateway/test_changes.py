"""What happens when a route changes: within the bound, in one direction, and to nobody else."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.gateway.conftest import identity
from tests.gateway.harness import Gateway, Valve, running, until
from tests.gateway.sites import File, Published, Store
from tests.services.handles import Azurite

BOUND = 0.4  # of the shared gateway


@pytest.fixture
async def watched(azurite: Azurite, store: Store, valve: Valve) -> AsyncIterator[Gateway]:
    """A gateway with two workers whose way to Blob is counted and can be closed."""
    settings = {"workers": 2, "route_max_age": BOUND, "blob_timeout": 0.5, "outage_grace": 900}
    async with running(**identity(azurite, valve), **settings) as started:
        yield started


async def releases(store: Store, count: int) -> list[Published]:
    """Releases of one project whose page is their number."""
    first = await store.publish({"/": File(b"0")})
    more = [
        await store.publish({"/": File(str(n).encode())}, project=first.project)
        for n in range(1, count)
    ]
    return [first, *more]


async def test_new_release_shows_within_the_bound(
    gateway: Gateway, store: Store, host: str
) -> None:
    """Under load each client sees generations rise alone, and after the bound only the newest."""
    made = await releases(store, 6)
    await store.route(host, made[0].route(host, 1))
    done = asyncio.Event()
    seen: list[list[tuple[float, int, int]]] = []

    async def visit() -> None:
        mine: list[tuple[float, int, int]] = []
        seen.append(mine)
        async with gateway.client(host) as client:
            while not done.is_set():
                asked = time.monotonic()
                answer = await client.get("/")
                mine.append((asked, answer.status_code, int(answer.text)))

    visitors = [asyncio.create_task(visit()) for _ in range(4)]
    written: list[float] = []
    try:
        for number, release in enumerate(made):
            await store.route(host, release.route(host, number + 1))
            written.append(time.monotonic())

            async def shown(number: int = number) -> bool:
                """Every visitor was answered by the new release."""
                return all(mine and mine[-1][2] >= number for mine in seen)

            await until(shown)
    finally:
        done.set()
        await asyncio.gather(*visitors)
    for mine in seen:
        assert {status for _, status, _ in mine} == {200}
        numbers = [number for _, _, number in mine]
        assert numbers == sorted(numbers)
        for asked, _, number in mine:
            # What was written a bound before the question must be in the answer.
            least = sum(1 for moment in written if moment + BOUND < asked) - 1
            assert number >= least


async def test_older_generation_never_comes_back(gateway: Gateway, store: Store, host: str) -> None:
    """A route of a lower generation is not believed, however it came to stand in Blob."""
    old, new = await releases(store, 2)
    await store.route(host, new.route(host, 7))
    assert (await gateway.get(host)).text == "1"
    await store.route(host, old.route(host, 6))
    until_bound = time.monotonic() + 3 * BOUND
    while time.monotonic() < until_bound:
        assert (await gateway.get(host)).text == "1"
    await store.route(host, old.route(host, 8))

    async def shown() -> bool:
        """The next generation shows."""
        return (await gateway.get(host)).text == "0"

    await until(shown)


@pytest.mark.parametrize("gone", ["suspended", "empty", "removed"])
async def test_site_that_ends_serves_nothing_past_the_bound(
    watched: Gateway, store: Store, host: str, gone: str
) -> None:
    """Suspended, taken down, or deleted: after the bound no request gets a byte, cached or not."""
    release = await store.online(host, {"/": File(b"secret"), "/other": File(b"secret too")})
    assert (await watched.get(host)).text == "secret"
    if gone == "removed":
        await store.remove("routes", f"{host}.json")
    else:
        await store.route(host, release.route(host, 2, kind=gone))
    written = time.monotonic()
    async with watched.client(host) as client:
        for _ in range(200):
            asked = time.monotonic()
            for path in ("/", "/other"):
                answer = await client.get(path)
                if asked > written + BOUND:
                    assert "secret" not in answer.text
                    assert answer.status_code == (403 if gone == "suspended" else 404)
            if asked > written + 3 * BOUND:
                return
            await asyncio.sleep(0.01)


async def test_quiet_site_is_checked_before_it_answers(
    watched: Gateway, store: Store, host: str
) -> None:
    """After a pause longer than the bound, even the first of many requests gets the new."""
    old, new = await releases(store, 2)
    await store.route(host, old.route(host, 1))
    assert (await watched.get(host)).text == "0"
    await store.route(host, new.route(host, 2))
    await asyncio.sleep(BOUND)  # the pause is what is tested
    answers = await asyncio.gather(*(watched.get(host) for _ in range(30)))
    assert {answer.text for answer in answers} == {"1"}


async def test_route_is_asked_for_by_one_request_alone(
    watched: Gateway, store: Store, valve: Valve, host: str
) -> None:
    """A crowd at a cold host makes one read of the route, the shard and the object."""
    await store.online(host, {"/": File(b"crowded")})
    answers = await asyncio.gather(*(watched.get(host) for _ in range(50)))
    assert {answer.text for answer in answers} == {"crowded"}
    kinds = [path.split("/")[2] for path in valve.requests]
    assert kinds.count("manifests") == 1
    assert kinds.count("objects") == 1
    assert kinds.count("routes") <= 3  # again after half the bound, where the machine is slow


async def test_idle_gateway_asks_for_nothing(
    watched: Gateway, store: Store, valve: Valve, host: str
) -> None:
    """Without visitors there is no request to Blob."""
    await store.online(host, {"/": File(b"quiet")})
    await watched.get(host)
    before = len(valve.requests)
    await asyncio.sleep(3 * BOUND)  # nothing may happen meanwhile
    assert len(valve.requests) == before


@pytest.mark.parametrize("hanging", [False, True])
async def test_site_serves_on_while_blob_is_away(
    watched: Gateway, store: Store, valve: Valve, host: str, hanging: bool
) -> None:
    """What was shown stays; what was never read says that it cannot be loaded; then all is well."""
    await store.online(host, {"/": File(b"known"), "/cold": File(b"cold")})
    assert (await watched.get(host)).text == "known"
    if hanging:
        valve.hang()
    else:
        await valve.close()
    deadline = time.monotonic() + 3 * BOUND
    while time.monotonic() < deadline:
        assert (await watched.get(host)).text == "known"
    cold = await watched.get(host, "/cold")
    assert cold.status_code == 503
    assert "cannot be loaded right now" in cold.text
    assert cold.headers["cache-control"] == "no-store"
    unknown = await watched.get(f"x-{host}")
    assert unknown.status_code == 503
    await valve.open()

    async def back() -> bool:
        """The cold page is served."""
        return (await watched.get(host, "/cold")).text == "cold"

    await until(back)

    async def found() -> bool:
        """The unknown host is unknown again."""
        return (await watched.get(f"x-{host}")).status_code == 404

    await until(found)


async def test_grace_of_an_outage_ends(
    azurite: Azurite, store: Store, valve: Valve, host: str
) -> None:
    """After the stated time a site that cannot be checked is not shown any more."""
    await store.online(host, {"/": File(b"known")})
    async with running(**identity(azurite, valve), outage_grace=1.0) as gateway:
        assert (await gateway.get(host)).text == "known"
        await valve.close()

        async def over() -> bool:
            """The outage page shows."""
            return (await gateway.get(host)).status_code == 503

        assert (await gateway.get(host)).text == "known"
        await until(over)
        await valve.open()

        async def back() -> bool:
            """The site is back."""
            return (await gateway.get(host)).status_code == 200

        await until(back)


async def test_truncated_object_is_not_kept(
    watched: Gateway, store: Store, valve: Valve, host: str
) -> None:
    """An object whose transfer was cut is not sent as whole, now or later."""
    body = uuid.uuid4().bytes * 200_000
    await store.online(host, {"/big": File(body, "application/octet-stream"), "/": File(b"x")})
    await watched.get(host)
    async with watched.client(host) as client:
        try:
            async with client.stream("GET", "/big") as answer:
                if answer.status_code == 200:
                    async for _ in answer.aiter_raw(1024):
                        await valve.close()
                        break
                    rest = b"".join([part async for part in answer.aiter_raw()])
                    assert len(rest) < len(body)
        except (httpx.RemoteProtocolError, httpx.StreamConsumed, httpx.ReadError):
            pass  # cut, as it must be
    await valve.open()

    async def whole() -> bool:
        """The object comes whole."""
        return (await watched.get(host, "/big")).content == body

    await until(whole)
