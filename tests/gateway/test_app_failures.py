"""What a visitor sees while an app, or what leads to it, is not there; and what never fails."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.gateway.apps import App, listening_api, route, serving, woken
from tests.gateway.conftest import identity
from tests.gateway.harness import Gateway, Valve, free_port, running, until
from tests.gateway.sites import Store
from tests.services.handles import Azurite

KEY = "k" * 43


async def test_one_of_two_addresses_is_dead_and_nothing_fails(
    gateway: Gateway, store: Store, host: str
) -> None:
    """A refused connection goes on to the other, whatever the method."""
    async with serving("alive") as (app,):
        dead = f"127.0.0.1:{free_port()}"
        await store.route(host, route(host, 1, dead, app.address))
        async with gateway.client(host) as client:
            for number in range(100):
                method = ("GET", "POST", "DELETE")[number % 3]
                answer = await client.request(method, "/x", content=b"body")
                assert answer.json()["body"] == "body"
    assert len(app.requests) == 100


async def test_large_body_goes_past_a_dead_address(
    gateway: Gateway, store: Store, host: str
) -> None:
    """A body that streams cannot be sent twice, so its address is tried before."""
    async with serving("alive") as (app,):
        dead = [f"127.0.0.1:{free_port()}" for _ in range(3)]
        await store.route(host, route(host, 1, *dead, app.address))

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(4):
                yield b"x" * 100_000

        async with gateway.client(host) as client:
            for _ in range(10):
                app.received = 0
                answer = await client.post("/upload", content=chunks())
                assert (answer.status_code, answer.text) == (200, "400000")


async def test_service_that_is_just_ready_is_tried_again(
    gateway: Gateway, store: Store, host: str
) -> None:
    """An address that refuses for a moment costs that moment, not an error."""
    app = App()
    await store.route(host, route(host, 1, app.address))
    async with gateway.client(host) as client:
        asked = asyncio.create_task(client.post("/x", content=b"kept"))
        await asyncio.sleep(0.3)  # the moment that is tested
        await app.start()
        try:
            assert (await asked).json()["body"] == "kept"
        finally:
            await app.stop()


async def test_release_whose_address_is_not_known_yet_is_helped_out_by_the_one_before(
    gateway: Gateway, store: Store, host: str
) -> None:
    """A cluster's nodes learn of a Service when they do: nothing fails until then."""
    new = App("new")
    async with serving("old") as (old,), gateway.client(host) as client:
        first = route(host, 1, old.address)
        await store.route(host, first)
        assert (await client.get("/x")).json()["app"] == "old"
        await store.route(host, route(host, 2, new.address, project=first["project"]))
        before = len(old.requests)
        for number in range(60):  # for longer than an old route is used
            method = ("GET", "POST", "DELETE")[number % 3]
            answer = await client.request(method, "/x", content=b"body")
            assert (answer.json()["app"], answer.json()["body"]) == ("old", "body")
            await asyncio.sleep(0.025)  # the load that is tested
        large = await client.post("/upload", content=b"x" * 400_000)
        assert (large.status_code, large.text) == (200, "400000")
        assert len(old.requests) == before + 61
        await new.start()
        try:
            assert (await client.get("/x")).json()["app"] == "new"
        finally:
            await new.stop()


@pytest.mark.parametrize(("overlap", "is_same_project"), [(0.5, True), (3600.0, False)])
async def test_release_before_helps_out_for_a_while_and_in_its_project_only(
    azurite: Azurite, store: Store, host: str, overlap: float, is_same_project: bool
) -> None:
    """Its address may be another's later."""
    dead = f"127.0.0.1:{free_port()}"
    settings = {"app_connect_patience": 0.1, "app_overlap": overlap}
    async with serving("old") as (old,), running(**identity(azurite), **settings) as own:
        first = route(host, 1, old.address)
        await store.route(host, first)
        assert (await own.get(host)).status_code == 200
        same = {"project": first["project"]} if is_same_project else {}
        await store.route(host, route(host, 2, dead, **same))

        async def is_over() -> bool:
            """Nobody helps out."""
            return (await own.get(host)).status_code == 502

        await until(is_over)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_app_that_is_down_has_a_page_or_a_problem(
    gateway: Gateway, store: Store, host: str, method: str
) -> None:
    """People read what happened, programs get a code; neither learns anything of the inside."""
    address = f"127.0.0.1:{free_port()}"
    await store.route(host, route(host, 1, address))
    async with gateway.client(host) as client:
        page = await client.request(method, "/x", headers={"accept": "text/html,*/*"})
        problem = await client.request(method, "/x?secret=1")
    assert page.status_code == problem.status_code == 502
    assert "The app does not answer" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["code"] == "app_unavailable"
    assert "secret" not in problem.text
    assert address not in page.text + problem.text


async def test_page_does_not_wait_for_a_large_body(
    gateway: Gateway, store: Store, host: str
) -> None:
    """Where no address answers, or the app is stopped, that is said before the upload."""
    documents = [
        route(host, 1, f"127.0.0.1:{free_port()}"),
        route(f"x-{host}", 1, kind="stopped"),
    ]
    for document, status in zip(documents, (502, 503), strict=True):
        await store.route(document["host"], document)
        head = f"POST / HTTP/1.1\r\nHost: {document['host']}\r\nContent-Length: 99999999\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(head.encode())
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        writer.close()
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())


async def test_request_that_changes_something_is_sent_once(
    gateway: Gateway, store: Store, host: str
) -> None:
    """An app that dies over a request gets no second one, but for a reading one."""
    async with serving("app") as (app,):
        await store.route(host, route(host, 1, app.address))
        for method, times in (("POST", 1), ("PUT", 1), ("DELETE", 1), ("PATCH", 1), ("GET", 2)):
            app.requests.clear()
            async with gateway.client(host) as client:
                answer = await client.request(method, "/crash", content=b"x")
            assert answer.status_code == 502
            assert len(app.requests) == times


async def test_app_that_hangs_is_given_up(azurite: Azurite, store: Store, host: str) -> None:
    """After the idle time there is a page with 504, and no second try."""
    async with (
        serving("app") as (app,),
        running(**identity(azurite), app_idle_timeout=0.3) as gateway,
    ):
        await store.route(host, route(host, 1, app.address))
        answer = await gateway.get(host, "/hold", accept="text/html")
    assert answer.status_code == 504
    assert "The app does not answer" in answer.text
    assert len(app.requests) == 1


async def test_stopped_app_has_its_page(gateway: Gateway, store: Store, host: str) -> None:
    """Whoever stopped it knows; others read that it is stopped."""
    await store.route(host, route(host, 1, kind="stopped"))
    async with gateway.client(host) as client:
        for method in ("GET", "POST"):
            page = await client.request(method, "/x", headers={"accept": "text/html"})
            assert page.status_code == 503
            assert "This app is stopped" in page.text
        problem = await client.post("/x")
    assert problem.json()["code"] == "app_stopped"


@pytest.mark.parametrize(
    "broken",
    [
        {"addresses": []},
        {"addresses": None},
        {"addresses": ["localhost:80"]},
        {"addresses": ["127.0.0.1"]},
        {"addresses": ["127.0.0.1:0"]},
        {"addresses": ["127.0.0.1:70000"]},
        {"addresses": ["300.0.0.1:80"]},
        {"addresses": ["127.0.0.1:80/x"]},
        {"addresses": ["unix:/tmp/objects.sock:"]},
        {"addresses": ["127.0.0.1:80 127.0.0.1:81"]},
        {"addresses": ["127.0.0.1:80\n"]},
        {"addresses": ["objects"]},
        {"addresses": [8080]},
        {"release": "x"},
        {"project": None},
    ],
)
async def test_route_that_is_not_right_leads_nowhere(
    gateway: Gateway, store: Store, host: str, broken: dict[str, object]
) -> None:
    """An address is numbers and a port, or the route is not believed."""
    good = route(host, 1, "127.0.0.1:1")
    await store.route(host, {**good, **broken})
    answer = await gateway.get(host)
    assert answer.status_code == 503
    assert "cannot be loaded right now" in answer.text


async def test_address_of_the_sixth_version(gateway: Gateway, store: Store, host: str) -> None:
    """Brackets are understood, whether or not anybody listens."""
    await store.route(host, route(host, 1, "[::1]:1"))
    answer = await gateway.get(host)
    assert answer.status_code == 502


async def test_release_changes_under_load_without_a_failure(
    gateway: Gateway, store: Store, host: str
) -> None:
    """Of 2,000 requests over ten switches none fails, and the last see the newest release."""
    async with serving(*(f"app{n}" for n in range(10))) as apps:
        await store.route(host, route(host, 1, apps[0].address))
        answers: list[httpx.Response] = []
        done = asyncio.Event()

        async def visit(number: int) -> None:
            async with gateway.client(host) as client:
                while len(answers) < 2000 or not done.is_set():
                    if number % 2:
                        answers.append(await client.post("/x", content=b"x"))
                    else:
                        answers.append(await client.get("/x"))

        async def first() -> bool:
            """The first release answers."""
            return bool(apps[0].requests)

        async def switch() -> None:
            await until(first)
            for generation, app in enumerate(apps[1:], 2):
                old = apps[generation - 2]
                await store.route(host, route(host, generation, app.address))

                async def shown(app: App = app, old: App = old) -> bool:
                    """The new release answers, and the old one has nothing left to do."""
                    return bool(app.requests) and old.running == 0

                await until(shown)
                await asyncio.sleep(gateway.config.route_max_age)  # as draining waits
                await old.stop()
            done.set()

        await asyncio.gather(switch(), *(visit(number) for number in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["app"] for answer in answers} == {app.name for app in apps}


async def test_outage_of_blob_ends_apps_sooner_than_sites(
    azurite: Azurite, store: Store, valve: Valve, host: str
) -> None:
    """An address may become another app's, so it is only trusted for a while."""
    async with (
        serving("app") as (app,),
        running(
            **identity(azurite, valve), outage_grace=900, app_outage_grace=1.5, blob_timeout=0.3
        ) as gateway,
    ):
        await store.route(host, route(host, 1, app.address))
        assert (await gateway.get(host)).json()["app"] == "app"
        await valve.close()
        closed = time.monotonic()
        while time.monotonic() < closed + 1.0:
            assert (await gateway.get(host)).status_code == 200

        async def over() -> bool:
            """The outage page shows."""
            return (await gateway.get(host)).status_code == 503

        await until(over)
        async with gateway.client(host) as client:
            assert (await client.post("/x")).status_code == 503
        await valve.open()

        async def back() -> bool:
            """The app answers again."""
            return (await gateway.get(host)).status_code == 200

        await until(back)


async def test_first_requests_wake_an_app_together(
    azurite: Azurite, store: Store, host: str
) -> None:
    """Fifty at once make one chain of questions, and all are answered by the app."""
    async with (
        serving("woken") as (app,),
        listening_api() as api,
        running(
            **identity(azurite),
            api_upstream=api.address,
            gateway_key=KEY,
            workers=2,
            wake_patience=8,
        ) as gateway,
    ):
        sleeping = route(host, 1, asleep=True)
        await store.route(host, sleeping)
        # Asked as often as the API says, it is awake long before the patience ends.
        api.wake_answers = [woken()] * 15 + [woken(app.address)]

        async def ask(number: int) -> httpx.Response:
            async with gateway.client(host) as client:
                if number % 2:
                    return await client.post("/x", content=b"held")
                return await client.get("/x")

        answers = await asyncio.gather(*(ask(number) for number in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.json()["body"] for answer in answers} == {"", "held"}
        assert api.wakes == [sleeping["release"]] * 16
        assert api.keys <= {f"Bearer {KEY}"}
        assert (await gateway.get(host)).json()["app"] == "woken"
        assert len(api.wakes) == 16


@pytest.mark.parametrize(
    "answer", [(404, {"code": "not_found"}), (409, {"code": "conflict"}), woken()]
)
async def test_app_that_does_not_start_has_a_page(
    azurite: Azurite, store: Store, host: str, answer: tuple[int, dict[str, object]]
) -> None:
    """Refused, gone, or not in time: a page that says when to come again."""
    async with (
        listening_api() as api,
        running(
            **identity(azurite), api_upstream=api.address, gateway_key=KEY, wake_patience=0.5
        ) as gateway,
    ):
        await store.route(host, route(host, 1, asleep=True))
        api.wake_answers = [answer]
        page = await gateway.get(host, "/x", accept="text/html")
        assert page.status_code == 503
        assert "The app did not start" in page.text
        assert page.headers["retry-after"]
        problem = await gateway.get(host, "/x")
        assert problem.json()["code"] == "app_not_started"
        assert api.wakes


async def test_wake_goes_on_when_the_api_comes_back(
    azurite: Azurite, store: Store, host: str
) -> None:
    """An API that fails for a moment is asked again, within the time that a request waits."""
    async with (
        serving("woken") as (app,),
        listening_api() as api,
        running(**identity(azurite), api_upstream=api.address, gateway_key=KEY) as gateway,
    ):
        await store.route(host, route(host, 1, asleep=True))
        api.wake_answers = [(503, {}), woken(app.address)]
        assert (await gateway.get(host, "/x")).json()["app"] == "woken"


async def test_app_that_fell_asleep_again_is_woken(
    azurite: Azurite, store: Store, host: str
) -> None:
    """Addresses that an earlier waking gave, and that refuse now, are asked for anew."""
    async with (
        serving("first", "second") as (first, second),
        listening_api() as api,
        running(**identity(azurite), api_upstream=api.address, gateway_key=KEY) as gateway,
    ):
        await store.route(host, route(host, 1, asleep=True))
        api.wake_answers = [woken(app.address) for app in (first, second)]
        assert (await gateway.get(host)).json()["app"] == "first"
        await first.stop()
        async with gateway.client(host) as client:
            assert (await client.post("/x", content=b"x")).json()["app"] == "second"
