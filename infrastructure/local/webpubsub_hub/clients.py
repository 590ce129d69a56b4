"""What a client asks over its socket: groups, messages, acknowledgements, pings."""

from typing import Any

from infrastructure.local.webpubsub_hub import protocol
from infrastructure.local.webpubsub_hub.connection import JOIN, SEND, Connection
from infrastructure.local.webpubsub_hub.hub import Hub
from infrastructure.local.webpubsub_hub.limits import TTL_SECONDS
from infrastructure.local.webpubsub_hub.protocol import InvalidFrame

DEFAULT_TTL_SECONDS = 60


class Refused(Exception):
    """A request that is understood and not carried out; the acknowledgement says why."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def handle(hub: Hub, connection: Connection, text: str) -> None:
    """Carry out one frame; raises InvalidFrame when the connection has to end."""
    frame = protocol.parse(text)
    match frame["type"]:
        case "ping":
            _answer(hub, connection, protocol.PONG)
        case "sequenceAck":
            connection.acknowledge(protocol.number(frame, "sequenceId") or 0)
        case "joinGroup" | "leaveGroup" | "sendToGroup" | "event":
            _acknowledged(hub, connection, frame)
        case kind:
            raise InvalidFrame(f"The hub does not know frames of type {kind[:40]!r}.")


def _acknowledged(hub: Hub, connection: Connection, frame: dict[str, Any]) -> None:
    ack_id = protocol.number(frame, "ackId")
    try:
        if ack_id is not None and connection.was_done(ack_id):
            raise Refused("Duplicate", f"Message with ack-id: {ack_id} has been processed")
        _carry_out(hub, connection, frame)
    except Refused as refused:
        if ack_id is not None:
            _answer(hub, connection, protocol.refusal(ack_id, refused.name, str(refused)))
        return
    if ack_id is not None:
        connection.remember(ack_id)
        _answer(hub, connection, protocol.ack(ack_id))


def _carry_out(hub: Hub, connection: Connection, frame: dict[str, Any]) -> None:
    if frame["type"] == "event":
        raise Refused("InternalServerError", "This hub has no event handler.")
    group = protocol.group_of(frame)
    if frame["type"] == "sendToGroup":
        _send(hub, connection, group, frame)
        return
    if not connection.permissions.allows(JOIN, group):
        raise Refused("Forbidden", f"The client may not join or leave group '{group}'.")
    if frame["type"] == "leaveGroup":
        hub.leave(connection, group)
    elif not hub.join(connection, group):
        raise Refused("Forbidden", f"A client joins {hub.limits.groups_per_connection} groups.")


def _send(hub: Hub, connection: Connection, group: str, frame: dict[str, Any]) -> None:
    if not connection.permissions.allows(SEND, group):
        raise Refused("Forbidden", f"The client may not send to group '{group}'.")
    seconds = protocol.number(frame, "ttlSeconds")
    if seconds is not None and seconds > TTL_SECONDS:
        raise InvalidFrame(f"ttlSeconds is above {TTL_SECONDS}.")
    message = protocol.group_message(
        group,
        protocol.payload_of(frame),
        connection.user,
        DEFAULT_TTL_SECONDS if seconds is None else seconds,
    )
    without = [connection.id] if frame.get("noEcho") is True else []
    hub.send(hub.group(group), message, without)


def _answer(hub: Hub, connection: Connection, frame: str) -> None:
    if not connection.control(frame):
        hub.cut(connection)
