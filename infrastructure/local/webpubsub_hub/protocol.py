"""The frames of ``json.webpubsub.azure.v1`` and ``json.reliable.webpubsub.azure.v1``.

Only their shape: who may do what is decided in ``clients``, who receives what in ``hub``.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, cast

JSON = "json.webpubsub.azure.v1"
RELIABLE = "json.reliable.webpubsub.azure.v1"
SUBPROTOCOLS = (RELIABLE, JSON)
GROUP_NAME_LENGTH = 1024

PONG = '{"type":"pong"}'


class InvalidFrame(Exception):
    """A client sent what the subprotocol does not know; its connection is closed."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The content of one message as it stands in a frame: ``data`` is JSON text already."""

    kind: str
    data: str

    @classmethod
    def of_json(cls, raw: bytes) -> "Payload":
        """Text checked to be JSON, then carried as it came: nothing is written anew."""
        text = raw.decode()
        json.loads(text)
        return cls("json", text)

    @classmethod
    def of_text(cls, raw: bytes) -> "Payload":
        return cls("text", _dump(raw.decode()))

    @classmethod
    def of_bytes(cls, raw: bytes) -> "Payload":
        return cls("binary", _dump(base64.b64encode(raw).decode()))


@dataclass(frozen=True, slots=True)
class Message:
    """A message before it is numbered for one reader; the frame is the same for all others."""

    frame: str
    seconds: int

    def numbered(self, sequence: int) -> str:
        """The same frame with the sequence number of a reliable connection."""
        return f'{self.frame[:-1]},"sequenceId":{sequence}}}'


def group_message(group: str, payload: Payload, sender: str | None, seconds: int) -> Message:
    """What the members of a group receive."""
    user = f',"fromUserId":{_dump(sender)}' if sender else ""
    return Message(
        f'{{"type":"message","from":"group","group":{_dump(group)}{user},'
        f'"dataType":"{payload.kind}","data":{payload.data}}}',
        seconds,
    )


def server_message(payload: Payload, seconds: int) -> Message:
    """What the server sends to a connection, a user or everyone."""
    return Message(
        f'{{"type":"message","from":"server","dataType":"{payload.kind}","data":{payload.data}}}',
        seconds,
    )


def connected(connection_id: str, user: str | None, reconnection_token: str | None) -> str:
    """The first frame on a new socket."""
    frame: dict[str, Any] = {
        "type": "system",
        "event": "connected",
        "userId": user,
        "connectionId": connection_id,
    }
    if reconnection_token is not None:
        frame["reconnectionToken"] = reconnection_token
    return _dump(frame)


def disconnected(reason: str) -> str:
    """The last frame before the hub closes a socket."""
    return _dump({"type": "system", "event": "disconnected", "message": reason})


def ack(ack_id: int) -> str:
    return _dump({"type": "ack", "ackId": ack_id, "success": True})


def refusal(ack_id: int, name: str, message: str) -> str:
    """An acknowledgement that says why nothing happened."""
    error = {"name": name, "message": message}
    return _dump({"type": "ack", "ackId": ack_id, "success": False, "error": error})


def parse(text: str) -> dict[str, Any]:
    """A client's frame: an object with a ``type``."""
    try:
        frame = json.loads(text)
    except ValueError:
        raise InvalidFrame("The frame is not JSON.") from None
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise InvalidFrame("The frame has no type.")
    return cast("dict[str, Any]", frame)


def number(frame: dict[str, Any], name: str) -> int | None:
    """A whole number of a frame, or None where it is absent."""
    value = frame.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidFrame(f"{name} is not a whole number.")
    return value


def group_of(frame: dict[str, Any]) -> str:
    group = frame.get("group")
    if not isinstance(group, str) or not valid_group(group):
        raise InvalidFrame("group is not the name of a group.")
    return group


def valid_group(name: str) -> bool:
    return bool(name.strip()) and len(name) <= GROUP_NAME_LENGTH


def payload_of(frame: dict[str, Any]) -> Payload:
    """The content that a client sends to a group."""
    kind, data = frame.get("dataType"), frame.get("data")
    if kind == "json" and "data" in frame:
        return Payload("json", _dump(data))
    if kind == "text" and isinstance(data, str):
        return Payload("text", _dump(data))
    if kind == "binary" and isinstance(data, str):
        try:
            base64.b64decode(data, validate=True)
        except binascii.Error:
            raise InvalidFrame("data is not base64.") from None
        return Payload("binary", _dump(data))
    raise InvalidFrame("dataType is none of json, text and binary, or data does not fit it.")


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
