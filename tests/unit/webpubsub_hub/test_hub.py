"""Groups, delivery and bounds of the hub, without a socket."""

import asyncio
import json
from typing import Any

import pytest

from infrastructure.local.webpubsub_hub import clients, protocol
from infrastructure.local.webpubsub_hub.connection import Connection
from infrastructure.local.webpubsub_hub.hub import Hub, HubFull
from infrastructure.local.webpubsub_hub.limits import Limits
from infrastructure.local.webpubsub_hub.outbox import Outbox
from infrastructure.local.webpubsub_hub.protocol import InvalidFrame, Payload

SMALL = Limits(
    connections=3,
    groups_per_connection=2,
    outbox_messages=4,
    outbox_bytes=2_000,
    unacknowledged_messages=3,
    unacknowledged_bytes=2_000,
    remembered_acks=2,
    recovery_seconds=0.01,
    hub_bytes=20_000,
)


class Reader:
    """A connection with a socket that takes nothing until it is asked."""

    def __init__(self, hub: Hub, *groups: str, reliable: bool = False, role: str = "") -> None:
        self.hub, self.aborted = hub, False
        roles = [f"webpubsub.{role}"] if role else []
        self.connection = hub.open("ana", roles, groups, reliable)
        self.outbox = self.attach()

    def attach(self) -> Outbox:
        self.outbox = self.connection.attach(self._abort)
        return self.outbox

    def _abort(self) -> None:
        self.aborted = True

    async def frames(self) -> list[dict[str, Any]]:
        """Everything that waits."""
        taken: list[dict[str, Any]] = []

        async def send(frame: str) -> None:
            taken.append(json.loads(frame))

        self.outbox.finish(1000, "")
        await self.outbox.write(send)
        return taken

    def ask(self, **frame: Any) -> None:
        clients.handle(self.hub, self.connection, json.dumps(frame))


def _message(text: str = "x", seconds: int = 60) -> protocol.Message:
    return protocol.group_message("g", Payload.of_text(text.encode()), None, seconds)


async def test_only_members_receive() -> None:
    """A message goes to the group's members, without those that are excluded."""
    hub = Hub(SMALL)
    member, other, out = Reader(hub, "g"), Reader(hub, "h"), Reader(hub, "g")
    hub.send(hub.group("g"), _message(), [out.connection.id])
    assert [frame["data"] for frame in await member.frames()] == ["x"]
    assert await other.frames() == []
    assert await out.frames() == []


async def test_a_reader_that_is_too_far_behind_is_cut_off() -> None:
    """The hub keeps a bounded number of frames, then ends the connection and forgets them."""
    hub = Hub(SMALL)
    reader = Reader(hub, "g")
    for _ in range(50):
        hub.send(hub.group("g"), _message("x" * 100))
    assert reader.aborted
    assert hub.group("g") == []
    assert hub.waiting_bytes == 0


async def test_a_reliable_reader_that_never_acknowledges_is_cut_off() -> None:
    """What is kept for a recovery is bounded, even if the socket takes everything."""
    hub = Hub(SMALL)
    reader = Reader(hub, "g", reliable=True)
    for _ in range(SMALL.unacknowledged_messages):
        hub.send(hub.group("g"), _message())
    assert not reader.aborted
    hub.send(hub.group("g"), _message())
    assert reader.aborted
    assert hub.waiting_bytes == 0


async def test_acknowledging_makes_room() -> None:
    """A client that acknowledges goes on for ever."""
    hub = Hub(SMALL)
    reader = Reader(hub, "g", reliable=True)
    for n in range(1, 100):
        hub.send(hub.group("g"), _message())
        reader.ask(type="sequenceAck", sequenceId=n)
        frames = await reader.frames()
        assert [frame["sequenceId"] for frame in frames] == [n]
        reader.attach()
    assert hub.group("g") == [reader.connection]


async def test_all_connections_together_are_bounded() -> None:
    """One budget for the whole hub: no number of lazy readers takes all memory."""
    hub = Hub(Limits(connections=3, hub_bytes=1_000))
    readers = [Reader(hub, "g") for _ in range(3)]
    for _ in range(20):
        hub.send(hub.group("g"), _message("x" * 50))
    assert all(reader.aborted for reader in readers)


async def test_connections_are_bounded() -> None:
    """One more than the bound is not taken."""
    hub = Hub(SMALL)
    for _ in range(SMALL.connections):
        Reader(hub)
    with pytest.raises(HubFull):
        Reader(hub)


async def test_a_lost_reliable_connection_gets_what_it_missed() -> None:
    """Not what it acknowledged, and not what was too old to wait."""
    hub = Hub(Limits())
    reader = Reader(hub, "g", reliable=True)
    hub.send(hub.group("g"), _message("one"))
    reader.ask(type="sequenceAck", sequenceId=1)
    hub.lost(reader.connection, reader.outbox, for_good=False)
    hub.send(hub.group("g"), _message("stale", seconds=0))
    hub.send(hub.group("g"), _message("two"))
    assert hub.recover(reader.connection.id) is reader.connection
    reader.attach()
    reader.connection.replay()
    assert [frame["data"] for frame in await reader.frames()] == ["two"]


async def test_who_does_not_come_back_is_forgotten() -> None:
    """After the time of recovery; at once if it said goodbye or was not reliable."""
    hub = Hub(SMALL)
    away, gone = Reader(hub, "g", reliable=True), Reader(hub, "g", reliable=True)
    plain = Reader(hub, "g")
    for reader, for_good in ((away, False), (gone, True), (plain, False)):
        hub.lost(reader.connection, reader.outbox, for_good)
    assert hub.group("g") == [away.connection]
    async with asyncio.timeout(10):
        while hub.group("g"):
            await asyncio.sleep(0.01)
    assert hub.recover(away.connection.id) is None


async def test_a_second_socket_replaces_the_first() -> None:
    """The older one is cut off, and its end does not end the connection."""
    hub = Hub(SMALL)
    reader = Reader(hub, "g", reliable=True)
    first = reader.outbox
    reader.attach()
    assert reader.aborted
    hub.lost(reader.connection, first, for_good=True)
    assert hub.group("g") == [reader.connection]


@pytest.mark.parametrize(
    ("role", "group", "allowed"),
    [
        ("joinLeaveGroup", "any", True),
        ("joinLeaveGroup.g", "g", True),
        ("joinLeaveGroup.g", "gg", False),
        ("sendToGroup.g", "g", False),
        ("", "g", False),
    ],
)
async def test_joining_needs_its_role(role: str, group: str, allowed: bool) -> None:
    """A role for one group is for exactly that one."""
    hub = Hub(SMALL)
    reader = Reader(hub, role=role)
    reader.ask(type="joinGroup", group=group, ackId=1)
    assert [frame["success"] for frame in await reader.frames()] == [allowed]
    assert bool(hub.group(group)) is allowed


async def test_groups_of_a_connection_are_bounded() -> None:
    """A client cannot fill the hub with names."""
    reader = Reader(Hub(SMALL), role="joinLeaveGroup")
    for n in range(3):
        reader.ask(type="joinGroup", group=f"g{n}", ackId=n)
    assert [frame["success"] for frame in await reader.frames()] == [True, True, False]


async def test_a_sender_may_leave_itself_out() -> None:
    """``noEcho`` spares the sender; its user is named to others."""
    hub = Hub(SMALL)
    sender, other = Reader(hub, "g", role="sendToGroup.g"), Reader(hub, "g")
    sender.ask(type="sendToGroup", group="g", dataType="json", data={"a": 1}, noEcho=True)
    assert await sender.frames() == []
    assert [(f["data"], f["fromUserId"]) for f in await other.frames()] == [({"a": 1}, "ana")]


async def test_an_event_without_a_handler_is_refused() -> None:
    """The hub has no event handlers, and says so to who asks for an answer."""
    reader = Reader(Hub(SMALL))
    reader.ask(type="event", event="e", dataType="text", data="x")
    reader.ask(type="event", event="e", dataType="text", data="x", ackId=1)
    assert [frame["error"]["name"] for frame in await reader.frames()] == ["InternalServerError"]


async def test_acknowledgement_numbers_are_forgotten_in_time() -> None:
    """Only the last ones are remembered, so memory stays bounded."""
    reader = Reader(Hub(Limits(remembered_acks=2)), role="joinLeaveGroup")
    for ack_id in (1, 2, 3, 1, 3):
        reader.ask(type="joinGroup", group="g", ackId=ack_id)
    assert [frame["success"] for frame in await reader.frames()] == [True] * 4 + [False]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"type":1}',
        '{"type":"invoke"}',
        '{"type":"joinGroup"}',
        '{"type":"joinGroup","group":" "}',
        '{"type":"joinGroup","group":"g","ackId":-1}',
        '{"type":"joinGroup","group":"g","ackId":true}',
        '{"type":"sendToGroup","group":"g"}',
        '{"type":"sendToGroup","group":"g","dataType":"text","data":1}',
        '{"type":"sendToGroup","group":"g","dataType":"binary","data":"#"}',
        '{"type":"sendToGroup","group":"g","dataType":"protobuf","data":"AA=="}',
        '{"type":"sendToGroup","group":"g","dataType":"text","data":"x","ttlSeconds":301}',
    ],
)
async def test_frames_that_are_none(text: str) -> None:
    """Each ends the connection instead of being guessed at."""
    reader = Reader(Hub(SMALL), role="joinLeaveGroup")
    reader.connection.permissions.grant("sendToGroup", None)
    with pytest.raises(InvalidFrame):
        clients.handle(reader.hub, reader.connection, text)


def test_the_hub_knows_users() -> None:
    """Connections are found by the user that their token names."""
    hub = Hub(SMALL)
    ana: Connection = hub.open("ana", [], [], reliable=False)
    hub.open(None, [], [], reliable=False)
    assert hub.user("ana") == [ana]
    assert hub.connection(ana.id) is ana
    assert len(hub.all()) == 2
