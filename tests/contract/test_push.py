"""Push as the project needs it, by the real SDKs: Microsoft's for services, and for browsers.

It runs against the local hub; where TEST_WEBPUBSUB_CONNECTION_STRING names a real service,
against that one.
"""

import asyncio
import itertools
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import httpx
import pytest
import websockets
from azure.core.exceptions import HttpResponseError
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

from frontend.cli.api import Api
from frontend.cli.follow import Follower
from frontend.cli.progress import Reporter
from infrastructure.local.services import webpubsub
from shared.clients.webpubsub import PushClient
from shared.errors import TooLarge, Unavailable
from tests.contract.push_clients import RELIABLE, connect, node_client
from tests.services.embedded import Embedded

EXTERNAL = os.environ.get("TEST_WEBPUBSUB_CONNECTION_STRING", "")
HUB = "astrocloud"


@dataclass(frozen=True)
class Address:
    """Where the service is; without a port it is a real one."""

    connection_string: str
    port: int | None = None
    origin: str = ""


@pytest.fixture(scope="session")
def address(request: pytest.FixtureRequest) -> Address:
    """The real service, else a hub of this session."""
    if EXTERNAL:
        return Address(EXTERNAL)
    embedded: Embedded = request.getfixturevalue("embedded")
    embedded.start([webpubsub.service(embedded.paths, embedded.ports, embedded.secrets)])
    port, key = embedded.ports["webpubsub"], embedded.secrets.base64("webpubsub")
    return Address(
        f"Endpoint=http://127.0.0.1:{port};AccessKey={key};Version=1.0;",
        port,
        f"http://localhost:{embedded.ports['gateway']}",
    )


@pytest.fixture
async def push(address: Address) -> AsyncIterator[PushClient]:
    """Our client."""
    client = PushClient(address.connection_string, HUB)
    yield client
    await client.close()


@pytest.fixture
async def service(address: Address) -> AsyncIterator[WebPubSubServiceClient]:
    """The SDK itself, for what our client does not offer."""
    client = WebPubSubServiceClient.from_connection_string(
        address.connection_string, HUB, retry_total=0
    )
    async with client:
        yield client


@pytest.fixture
def group() -> str:
    """A group that no other test knows."""
    return f"deployment-{uuid.uuid4()}"


async def _url(service: WebPubSubServiceClient, **options: Any) -> str:
    return str((await service.get_client_access_token(**options))["url"])


async def test_a_message_reaches_a_reader_of_the_group(push: PushClient, group: str) -> None:
    """What we send arrives as it was, umlauts and nesting included."""
    message = {"type": "lines", "lines": [{"n": 1, "text": 'ä "quoted" \u2028 🚀'}], "end": False}
    async with connect(await push.client_access_url("ana", [group], 5)) as client:
        await client.join(group)
        await push.send_to_group(group, message, ttl_seconds=30)
        assert await client.receive() == {
            "type": "message",
            "from": "group",
            "group": group,
            "dataType": "json",
            "data": message,
        }


async def test_a_client_joins_exactly_its_groups(push: PushClient, group: str) -> None:
    """The address lets join and leave the groups that it names; no other, and no sending."""
    async with connect(await push.client_access_url("ana", [group], 5)) as client:
        await client.join(group)
        foreign = await client.ask(type="joinGroup", group=f"{group}0")
        sending = await client.ask(type="sendToGroup", group=group, dataType="text", data="x")
        assert (foreign["success"], foreign["error"]["name"]) == (False, "Forbidden")
        assert (sending["success"], sending["error"]["name"]) == (False, "Forbidden")
        assert (await client.ask(type="leaveGroup", group=group))["success"] is True


async def test_a_repeated_request_is_named_a_duplicate(push: PushClient, group: str) -> None:
    """The same ackId twice does nothing the second time."""
    async with connect(await push.client_access_url("ana", [group], 5)) as client:
        await client.ask(type="joinGroup", group=group, ackId=7)
        again = await client.ask(type="leaveGroup", group=group, ackId=7)
        assert (again["success"], again["error"]["name"]) == (False, "Duplicate")
        await push.send_to_group(group, {"still": "a member"})
        assert (await client.receive())["data"] == {"still": "a member"}


async def test_a_ping_is_answered(push: PushClient, group: str) -> None:
    """Clients keep their connection alive by pings of the subprotocol."""
    async with connect(await push.client_access_url("ana", [group], 5)) as client:
        await client.socket.send('{"type":"ping"}')
        assert await client.receive() == {"type": "pong"}


async def test_health_is_asked(push: PushClient) -> None:
    """A healthy service raises nothing; one that is not there is unavailable."""
    await push.ping()
    nowhere = PushClient(f"Endpoint=http://127.0.0.1:1;AccessKey={'x' * 44};Version=1.0;", HUB)
    with pytest.raises(Unavailable, match=r"health \(no answer\)"):
        await nowhere.ping()
    await nowhere.close()


async def test_a_wrong_key_is_unavailable(address: Address, group: str) -> None:
    """A refused token is told as ours, without the key or the address."""
    parts = dict(part.split("=", 1) for part in address.connection_string.split(";") if part)
    stranger = PushClient(f"Endpoint={parts['Endpoint']};AccessKey={'x' * 44};Version=1.0;", HUB)
    try:
        with pytest.raises(Unavailable, match=r"group .* \(status 401\)") as caught:
            await stranger.send_to_group(group, {})
        assert "x" * 44 not in str(caught.value)
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with connect(await stranger.client_access_url("ana", [group], 5)):
                raise AssertionError("a forged token was accepted")
        assert refused.value.response.status_code == 401
    finally:
        await stranger.close()


async def test_nobody_listening_is_no_error(push: PushClient, group: str) -> None:
    """Sending to an empty group is accepted."""
    await push.send_to_group(group, {"type": "lines"})
    async with connect(await push.client_access_url("ana", [group], 5)) as client:
        await client.join(group)  # whoever comes later gets nothing of it
        await push.send_to_group(group, {"n": 2})
        assert (await client.receive())["data"] == {"n": 2}


async def test_a_message_above_the_bound_is_refused(push: PushClient, group: str) -> None:
    """More than 1 MB is not even sent: trying again would not help."""
    with pytest.raises(TooLarge, match="send it in parts"):
        await push.send_to_group(group, {"text": "x" * 1_100_000})


async def test_who_is_there(service: WebPubSubServiceClient, group: str) -> None:
    """Existence and membership, as the service SDK asks for them."""
    user = f"user-{group}"
    async with connect(await _url(service, user_id=user, groups=[group])) as client:
        me = client.connection_id
        assert await service.connection_exists(me)
        assert await service.group_exists(group)
        assert await service.user_exists(user)
        members = [member async for member in service.list_connections(group=group)]
        assert [(member.connection_id, member.user_id) for member in members] == [(me, user)]
        await service.remove_connection_from_group(group, me)
        assert not await service.group_exists(group)
        await service.add_user_to_group(group, user)
        await service.remove_user_from_all_groups(user)
        await service.add_connection_to_group(group, me)
        assert await service.group_exists(group)
    for _ in range(400):
        if not await service.connection_exists(me):
            break
        await asyncio.sleep(0.05)
    assert not await service.connection_exists(me)
    assert not await service.group_exists(group)


async def test_sending_to_one_connection_user_or_all(
    service: WebPubSubServiceClient, group: str
) -> None:
    """Text, JSON and bytes go to whom they are for; an excluded connection gets nothing."""
    user = f"user-{group}"
    async with connect(await _url(service, user_id=user, groups=[group])) as client:
        me = client.connection_id
        await service.send_to_connection(me, "hello", content_type="text/plain")
        await service.send_to_group(group, {"not": "for you"}, excluded=[me])
        await service.send_to_user(user, {"a": 1})
        await service.send_to_all(BytesIO(b"\x00\xff"), content_type="application/octet-stream")
        received = [await client.receive() for _ in range(3)]
    assert [(frame["from"], frame["dataType"], frame["data"]) for frame in received] == [
        ("server", "text", "hello"),
        ("server", "json", {"a": 1}),
        ("server", "binary", "AP8="),
    ]


async def test_permissions_change_while_connected(
    service: WebPubSubServiceClient, group: str
) -> None:
    """A permission that is granted counts at once, and ends when it is revoked."""
    async with connect(await _url(service)) as client:
        me, frame = client.connection_id, {"type": "joinGroup", "group": group}
        assert (await client.ask(**frame))["success"] is False
        await service.grant_permission("joinLeaveGroup", me, target_name=group)
        assert await service.has_permission("joinLeaveGroup", me, target_name=group)
        assert (await client.ask(**frame))["success"] is True
        await service.revoke_permission("joinLeaveGroup", me, target_name=group)
        assert (await client.ask(**frame))["success"] is False


async def test_a_closed_client_reads_why(service: WebPubSubServiceClient, group: str) -> None:
    """The last frame says the reason; then the socket ends."""
    async with connect(await _url(service, groups=[group])) as client:
        await service.close_group_connections(group, reason="the plan ended")
        assert await client.receive() == {
            "type": "system",
            "event": "disconnected",
            "message": "the plan ended",
        }
        with pytest.raises(websockets.ConnectionClosed):
            await client.receive()


async def test_errors_have_azures_shape(service: WebPubSubServiceClient, group: str) -> None:
    """A message for an unknown connection answers a code and a message, which the SDK reads."""
    with pytest.raises(HttpResponseError) as caught:
        await service.send_to_connection("nobody", {"a": 1})
    assert caught.value.status_code == 404
    assert caught.value.error is not None
    assert caught.value.error.code


async def test_a_frame_that_is_no_frame_ends_the_connection(push: PushClient, group: str) -> None:
    """The client is told, and only this client is closed."""
    url = await push.client_access_url("ana", [group], 5)
    async with connect(url) as good, connect(url) as bad:
        await good.join(group)
        await bad.socket.send("no JSON")
        assert (await bad.receive())["event"] == "disconnected"
        with pytest.raises(websockets.ConnectionClosed):
            await bad.receive()
        await push.send_to_group(group, {"n": 1})
        assert (await good.receive())["data"] == {"n": 1}


async def test_a_reliable_client_misses_nothing_while_it_is_away(
    push: PushClient, group: str
) -> None:
    """What was sent meanwhile comes in order after the recovery, what was acknowledged not."""
    url = await push.client_access_url("ana", [group], 5)
    async with connect(url, RELIABLE) as client:
        await client.join(group)
        await push.send_to_group(group, {"n": 1})
        first = await client.receive()
        await client.socket.send(f'{{"type":"sequenceAck","sequenceId":{first["sequenceId"]}}}')
        await client.ask(type="joinGroup", group=group)
        client.socket.transport.abort()
        me, token = client.connection_id, client.reconnection_token
    for n in (2, 3):
        await push.send_to_group(group, {"n": n})
    back = f"{url.partition('?')[0]}?awps_connection_id={me}&awps_reconnection_token={token}"
    async with connect(back, RELIABLE) as client:
        assert client.connection_id == me
        assert [(await client.receive())["data"]["n"] for _ in range(2)] == [2, 3]


async def test_a_forged_recovery_is_final(push: PushClient, group: str) -> None:
    """Close code 1008 tells a client to begin anew instead of trying on."""
    url = (await push.client_access_url("ana", [group], 5)).partition("?")[0]
    async with connect(await push.client_access_url("ana", [group], 5), RELIABLE) as client:
        forged = f"{url}?awps_connection_id={client.connection_id}&awps_reconnection_token=a.b.c"
        with pytest.raises(websockets.ConnectionClosed) as caught:
            async with connect(forged, RELIABLE):
                raise AssertionError("a forged token recovered a connection")
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1008


@pytest.mark.parametrize("kind", ["json", "reliable"])
async def test_microsofts_client_speaks_with_it(
    service: WebPubSubServiceClient, group: str, kind: str
) -> None:
    """Join, send and receive text, JSON and bytes, be refused, leave, and stop."""
    roles = [f"webpubsub.{permission}.{group}" for permission in ("joinLeaveGroup", "sendToGroup")]
    url = await _url(service, user_id="ana", roles=roles)
    async with node_client(url, kind) as client:
        assert (await client.do("join", group=group))["event"] == "done"
        refused = await client.do("join", group="another")
        assert (refused["event"], refused["name"]) == ("refused", "Forbidden")
        await service.send_to_group(group, {"n": 1})
        await client.message()
        await client.do("send", group=group, data="hello", type="text")
        await client.do("send", group=group, data={"n": 2}, type="json")
        await client.do("sendBytes", group=group, hex="00ff")
        await service.send_to_user("ana", "direct", content_type="text/plain")
        while len(client.messages) < 5:
            await client.message()
        assert (await client.do("leave", group=group))["event"] == "done"
    assert [(message["type"], message["data"]) for message in client.messages] == [
        ("json", {"n": 1}),
        ("text", "hello"),
        ("json", {"n": 2}),
        ("binary", "00ff"),
        ("text", "direct"),
    ]


async def test_microsofts_reliable_client_recovers_by_itself(push: PushClient, group: str) -> None:
    """A torn connection is taken up again: every message once, in order, no new connection."""
    async with node_client(await push.client_access_url("ana", [group], 5), "reliable") as client:
        await client.do("join", group=group)
        for n in range(100):
            if n in (20, 60):
                client.tell("tear")
            await push.send_to_group(group, {"n": n})
        while len(client.messages) < 100:
            await client.event("message", "disconnected", "stopped")
    assert [message["data"]["n"] for message in client.messages] == list(range(100))


async def test_a_client_closed_by_the_service_is_told(
    service: WebPubSubServiceClient, group: str
) -> None:
    """Microsoft's client hands the reason on and stops, as it was told not to reconnect."""
    async with node_client(await _url(service, groups=[group]), "json") as client:
        await service.close_group_connections(group, reason="the plan ended")
        assert (await client.event("disconnected"))["reason"] == "the plan ended"
        await client.event("stopped")


async def test_the_command_line_reads_a_log_as_it_is_pushed(
    push: PushClient, group: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines come over the socket; a gap and the end are looked up; nothing comes twice."""
    deployment = group.removeprefix("deployment-")
    url = await push.client_access_url("ana", [group], 5)
    lines = [
        {"n": n, "time": "2026-11-24T07:00:00.123Z", "text": f"line {n}.", "source": "build"}
        for n in range(1, 9)
    ]
    state, negotiated, reads = "publishing", asyncio.Event(), list[int]()

    async def api(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/negotiate"):
            negotiated.set()
            return httpx.Response(200, json={"url": url, "groups": [group]})
        if not request.url.path.endswith("/logs"):
            known = {"id": deployment, "project_slug": "shop", "number": 1, "state": state}
            return httpx.Response(200, json=known)
        after = int(request.url.params["after"])
        reads.append(after)
        stored = lines[after:] if state == "ready" else []
        page = {"lines": stored, "next_after": after + len(stored), "ended": state == "ready"}
        return httpx.Response(200, json=page)

    begin = {"id": deployment, "project_slug": "shop", "number": 1, "state": "queued"}
    client = Api("http://test", httpx.MockTransport(api))
    following = asyncio.create_task(Follower(client, begin, Reporter(json=False)).run())
    await negotiated.wait()
    # Sent until the first one was seen: the socket joins the group in its own time.
    for n in itertools.count():
        message = {"type": "lines", "deployment": deployment, "lines": lines[:3], "end": False}
        await push.send_to_group(group, message)
        if "line 3." in capsys.readouterr().out or n == 200:
            break
        await asyncio.sleep(0.02)
    state = "ready"
    last = {"type": "lines", "deployment": deployment, "lines": lines[6:], "end": True}
    await push.send_to_group(group, last)
    changed = {"type": "deployment", "deployment": deployment, "state": "ready"}
    await push.send_to_group(group, changed)
    assert (await following)["state"] == "ready"
    shown = capsys.readouterr().out
    assert [shown.count(f"line {n}.") for n in range(1, 9)] == [0, 0, 0, 1, 1, 1, 1, 1]
    assert reads[-1] == 3


@pytest.mark.skipif(bool(EXTERNAL), reason="what only the local hub has")
class TestLocally:
    """What protects the hub on a laptop."""

    async def test_foreign_pages_are_refused(
        self, address: Address, push: PushClient, group: str
    ) -> None:
        """A browser may connect from the platform's own address and from no other."""
        url = await push.client_access_url("ana", [group], 5)
        async with connect(url, origin=address.origin) as client:
            await client.join(group)
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with connect(url, origin="https://evil.example"):
                raise AssertionError("a foreign page was accepted")
        assert caught.value.response.status_code == 403

    async def test_other_names_are_refused(self, address: Address) -> None:
        """A name that was made to point here answers nothing."""
        url = f"http://127.0.0.1:{address.port}/api/health"
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(url, headers={"Host": "evil.example"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "Forbidden")

    async def test_a_reader_that_does_not_read_is_cut_off(
        self, push: PushClient, service: WebPubSubServiceClient, group: str
    ) -> None:
        """It costs bounded memory and ends; others receive everything meanwhile."""
        url = await push.client_access_url("ana", [group], 5)
        # Few bytes are taken by the client's own buffers when nobody calls receive.
        async with connect(url, max_queue=1) as lazy, connect(url) as keen:
            await lazy.join(group)
            await keen.join(group)
            for n in range(100):
                await push.send_to_group(group, {"n": n, "text": "x" * 250_000})
                assert (await keen.receive())["data"]["n"] == n
            assert not await service.connection_exists(lazy.connection_id)
            assert await service.connection_exists(keen.connection_id)
            lazy.socket.transport.abort()

    async def test_every_line_reaches_every_reader(self, push: PushClient, group: str) -> None:
        """200 messages of 100 lines each to eight sockets: all of them, in order."""
        url = await push.client_access_url("ana", [group], 5)
        lines = [{"n": n, "text": "a line of a build, of usual length " * 2} for n in range(100)]

        async def read() -> list[int]:
            async with connect(url) as client:
                await client.join(group)
                joined.release()
                return [(await client.receive())["data"]["batch"] for _ in range(200)]

        joined = asyncio.Semaphore(0)
        readers = [asyncio.create_task(read()) for _ in range(8)]
        for _ in readers:
            await joined.acquire()
        for batch in range(200):
            await push.send_to_group(group, {"batch": batch, "lines": lines})
        assert await asyncio.gather(*readers) == [list(range(200))] * 8
