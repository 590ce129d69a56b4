"""Invariant 8: a host serves only its project's bytes, whatever happens around it."""

import asyncio
import os
import random
import signal
import uuid

import httpx
import pytest

from tests.gateway.conftest import identity
from tests.gateway.harness import Gateway, Valve, running, until
from tests.gateway.sites import File, Store, digest
from tests.services.embedded import Embedded
from tests.services.handles import Azurite

TINY = {
    "hot_size": "32k",
    "routes_size": "32k",
    "paths_size": "32k",
    "shards_size": "64k",
    "unknown_size": "32k",
    "unknown_hosts_per_second": 100_000,
    "workers": 2,
}
SITES, PATHS = 12, 40


def page(site: int, path: int) -> File:
    """A page that says whose it is."""
    return File(f"site {site} path {path}".encode(), "text/plain")


async def sites(store: Store) -> list[str]:
    """Hosts of different projects with the same paths; one file is the same in all of them."""
    hosts = []
    for number in range(SITES):
        files = {f"/{path}.txt": page(number, path) for path in range(PATHS)}
        files["/shared.txt"] = File(b"the same everywhere", "text/plain")
        published = await store.publish(files, shards=4)
        name = f"iso-{uuid.uuid4().hex[:8]}.apps.localhost"
        await store.route(name, published.route(name, 1))
        hosts.append(name)
    return hosts


async def check(gateway: Gateway, hosts: list[str], dice: random.Random, *, strict: bool) -> None:
    """One random request; its answer is that host's own, or an outage where one is on."""
    number, path = dice.randrange(SITES), dice.randrange(PATHS)
    kind = dice.randrange(10)
    if kind < 2:
        answer = await gateway.get(f"no-{dice.randrange(10**9)}.apps.localhost", f"/{path}.txt")
        allowed = (404,)
    elif kind < 4:
        answer = await gateway.get(hosts[number], f"/missing-{dice.randrange(10**9)}")
        allowed = (404,)
    elif kind < 5:
        answer = await gateway.get(hosts[number], "/shared.txt")
        allowed = (200,)
        assert answer.status_code != 200 or answer.content == b"the same everywhere"
    else:
        answer = await gateway.get(hosts[number], f"/{path}.txt")
        allowed = (200,)
        assert answer.status_code != 200 or answer.content == page(number, path).body
    assert answer.status_code in (allowed if strict else (*allowed, 503)), answer.text[:300]


async def flood(gateway: Gateway, hosts: list[str], seed: int, *, strict: bool) -> None:
    """Many clients with random requests at once."""

    async def client(number: int) -> None:
        dice = random.Random(seed * 1000 + number)
        for _ in range(25):
            await check(gateway, hosts, dice, strict=strict)

    await asyncio.gather(*(client(number) for number in range(8)))


async def test_flood_and_eviction_mix_nothing_up(azurite: Azurite, store: Store) -> None:
    """With dictionaries far too small no answer is wrong: none is foreign, none a false 404."""
    hosts = await sites(store)
    async with running(**identity(azurite), **TINY) as gateway:
        await flood(gateway, hosts, 1, strict=True)


async def test_outages_mix_nothing_up(azurite: Azurite, store: Store, valve: Valve) -> None:
    """While Blob comes and goes an answer is right or says that it cannot be loaded."""
    hosts = await sites(store)
    settings = {**identity(azurite, valve), **TINY, "blob_timeout": 0.5}
    async with running(**settings) as gateway:
        done = asyncio.Event()

        async def weather() -> None:
            while not done.is_set():
                await asyncio.sleep(0.1)
                await valve.close()
                await asyncio.sleep(0.1)
                await valve.open()

        task = asyncio.create_task(weather())
        try:
            await flood(gateway, hosts, 2, strict=False)
        finally:
            done.set()
            await task
        for number, host in enumerate(hosts):

            async def right(number: int = number, host: str = host) -> bool:
                """The site is served again."""
                answer = await gateway.get(host, "/0.txt")
                return answer.content == page(number, 0).body

            await until(right)


async def test_storage_that_hangs_ends_no_worker(
    azurite: Azurite, store: Store, valve: Valve
) -> None:
    """Requests that wait for Blob in vain, and clients that do not wait that long."""
    hosts = await sites(store)
    settings = {**identity(azurite, valve), **TINY, "blob_timeout": 0.2}
    async with running(**settings) as gateway:
        for seed in range(6):
            valve.hang()
            impatient = [
                asyncio.create_task(flood(gateway, hosts, seed, strict=False)) for _ in range(2)
            ]
            await asyncio.sleep(0.5)
            impatient[0].cancel()
            await valve.open()
            await asyncio.gather(*impatient, return_exceptions=True)
            assert impatient[1].exception() is None


async def test_killed_storage_mixes_nothing_up(
    embedded: Embedded, azurite: Azurite, store: Store
) -> None:
    """kill -9 of Azurite under load: nothing foreign, and after its return all is as before."""
    hosts = await sites(store)
    table = embedded.paths.state / "azurite" / "__azurite_db_blob__.json"

    async def saved() -> bool:
        """Azurite has written its table, which it does every few seconds, so nothing is lost."""
        return f"{hosts[-1]}.json" in table.read_text()

    async with running(**identity(azurite), **TINY, blob_timeout=1.0) as gateway:
        await flood(gateway, hosts, 3, strict=True)
        await until(saved)
        pid = embedded.unit("azurite").pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await flood(gateway, hosts, 4, strict=False)
        for number, host in enumerate(hosts):

            async def right(number: int = number, host: str = host) -> bool:
                """The site is served again."""
                answer = await gateway.get(host, f"/{PATHS - 1}.txt")
                return answer.content == page(number, PATHS - 1).body

            await until(right, 60)


async def test_same_digest_is_not_the_same_object(gateway: Gateway, store: Store) -> None:
    """A file that another project has too is read from the own project, cached or not."""
    body = uuid.uuid4().bytes
    mine, other = (f"{name}-{uuid.uuid4().hex[:8]}.apps.localhost" for name in ("mine", "other"))
    await store.online(mine, {"/a.txt": File(body, "text/plain")})
    assert (await gateway.get(mine, "/a.txt")).content == body
    theirs = await store.online(other, {"/a.txt": File(body, "text/html")})
    await store.remove("objects", f"{theirs.project}/{digest(body)}")
    answer = await gateway.get(other, "/a.txt")
    assert answer.status_code == 503, "the cached object of another project was used"
    assert (await gateway.get(mine, "/a.txt")).headers["content-type"] == "text/plain"


async def test_host_that_passes_to_another_project_shows_that_one(
    gateway: Gateway, store: Store, host: str
) -> None:
    """A name given to another project begins at its generation, and nothing old is left."""
    await store.online(host, {"/": File(b"first owner"), "/only": File(b"first owner")})
    await gateway.get(host, "/only")
    await store.online(host, {"/": File(b"second owner")})

    async def passed() -> bool:
        """The second owner's page shows."""
        return (await gateway.get(host)).text == "second owner"

    await until(passed)
    assert (await gateway.get(host, "/only")).status_code == 404


async def test_curious_client_is_slowed_down(azurite: Azurite, store: Store, host: str) -> None:
    """Looking for hosts costs at most a few reads a second; known sites go on."""
    await store.online(host, {"/": File(b"known")})
    async with running(**identity(azurite), unknown_hosts_per_second=5) as gateway:
        await gateway.get(host)

        async def look(number: int) -> httpx.Response:
            return await gateway.get(f"guess-{number}.apps.localhost")

        answers = [await look(number) for number in range(40)]
        statuses = {answer.status_code for answer in answers}
        assert statuses <= {404, 429}
        assert 429 in statuses
        assert (await gateway.get(host)).text == "known"


async def test_header_of_a_client_names_no_object(
    gateway: Gateway, store: Store, host: str
) -> None:
    """What the server of objects is told comes from the gateway alone, cold or warm."""
    foreign = b"another project's"
    other = await store.online(f"other-{host}", {"/": File(foreign)})
    await store.online(host, {"/": File(b"mine"), "/cold": File(b"cold")})
    name = f"s{other.project}/{digest(foreign)}\ttext/html\tno-store\t\t\t"
    for path, body in (("/", "mine"), ("/", "mine"), ("/cold", "cold")):
        request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nObject: {name}\r\nConnection: close"
        answer = await gateway.raw(f"{request}\r\n\r\n".encode())
        assert answer.endswith(f"\r\n\r\n{body}".encode())


@pytest.mark.parametrize("name", ["@answer", "@outage", "/@missing", "/@object"])
async def test_no_path_reaches_inside(gateway: Gateway, store: Store, host: str, name: str) -> None:
    """A redirect or page of a manifest that names an internal place is only a string."""
    await store.online(host, {"/": File(b"home")}, not_found=name, fallback=name)
    answer = await gateway.get(host, "/nowhere", accept="text/html")
    assert answer.status_code == 404
    assert "This page does not exist" in answer.text
