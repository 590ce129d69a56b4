"""The WebSocket endpoint of clients: who may connect, come back, and how a socket ends."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from infrastructure.local.webpubsub_hub import clients, protocol
from infrastructure.local.webpubsub_hub.connection import Connection
from infrastructure.local.webpubsub_hub.hub import Hub, HubFull
from infrastructure.local.webpubsub_hub.outbox import Outbox
from infrastructure.local.webpubsub_hub.replies import failure
from infrastructure.local.webpubsub_hub.tokens import InvalidToken, Tokens

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

ABORT = "astrocloud.abort"
NORMAL, INVALID_PAYLOAD, POLICY_VIOLATION, TRY_AGAIN = 1000, 1007, 1008, 1013
GOING_AWAY = 1001
REASON_BYTES = 120


class AbortableProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSockets, with the means to cut off a client that does not read.

    A polite close waits behind what such a client does not take, for ever.
    """

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        scope = cast("dict[str, Any]", self.scope)
        scope.setdefault("extensions", {})[ABORT] = self.transport.abort

    async def send(self, message: "ASGISendEvent") -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            # Else uvicorn logs each refused client as a broken application.
            self.handshake_complete = True


class Sockets:
    """Accepts clients of one hub and serves each until it ends."""

    def __init__(self, hub: Hub, tokens: Tokens, hub_name: str) -> None:
        self._hub, self._tokens, self._name = hub, tokens, hub_name

    async def endpoint(self, socket: WebSocket) -> None:
        """One socket from its handshake to its end."""
        subprotocol = _subprotocol(socket)
        if socket.path_params["hub"].lower() != self._name.lower():
            await socket.send_denial_response(failure(404, "NotFound", "No hub of this name."))
        elif subprotocol is None:
            text = f"Ask for one of the subprotocols {', '.join(protocol.SUBPROTOCOLS)}."
            await socket.send_denial_response(failure(400, "BadRequest", text))
        elif "awps_connection_id" in socket.query_params:
            await self._recover(socket, subprotocol)
        else:
            await self._open(socket, subprotocol)

    async def _open(self, socket: WebSocket, subprotocol: str) -> None:
        try:
            claims = self._tokens.verify_client(
                _access_token(socket), f"http://{socket.headers['host']}", self._name
            )
            user = claims.get("sub")
            roles, groups = _texts(claims.get("role")), _texts(claims.get("webpubsub.group"))
        except InvalidToken as error:
            await socket.send_denial_response(failure(401, "Unauthorized", str(error)))
            return
        await socket.accept(subprotocol)
        try:
            reliable = subprotocol == protocol.RELIABLE
            name = user if isinstance(user, str) else None
            connection = self._hub.open(name, roles, groups, reliable)
        except HubFull as error:
            await socket.close(TRY_AGAIN, str(error))
            return
        await self._serve(socket, connection)

    async def _recover(self, socket: WebSocket, subprotocol: str) -> None:
        # Accepted first: only a close frame with 1008 tells the client to stop trying.
        connection_id = socket.query_params["awps_connection_id"]
        await socket.accept(subprotocol)
        try:
            token = socket.query_params.get("awps_reconnection_token", "")
            self._tokens.verify_reconnection(token, connection_id)
        except InvalidToken as error:
            await socket.close(POLICY_VIOLATION, str(error))
            return
        connection = self._hub.recover(connection_id)
        if connection is None or subprotocol != protocol.RELIABLE:
            await socket.close(POLICY_VIOLATION, "The connection cannot be recovered.")
            return
        await self._serve(socket, connection)

    async def _serve(self, socket: WebSocket, connection: Connection) -> None:
        outbox = connection.attach(_abort_of(socket))
        token = self._tokens.issue_reconnection(connection.id) if connection.reliable else None
        connection.control(protocol.connected(connection.id, connection.user, token))
        connection.replay()
        writer = asyncio.create_task(_write(socket, outbox))
        for_good = False
        try:
            for_good = await self._read(socket, connection, outbox)
        finally:
            self._hub.lost(connection, outbox, for_good)
            outbox.drop()
            writer.cancel()
            with suppress(asyncio.CancelledError):
                await writer

    async def _read(self, socket: WebSocket, connection: Connection, outbox: Outbox) -> bool:
        """Serve frames until the socket ends; True when the client is not coming back."""
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return message.get("code") in (NORMAL, GOING_AWAY)
            if connection.outbox is not outbox:
                return False
            try:
                text = message.get("text")
                if not isinstance(text, str):
                    raise protocol.InvalidFrame("The JSON subprotocols have text frames only.")
                clients.handle(self._hub, connection, text)
            except protocol.InvalidFrame as error:
                self._hub.end(connection, _short(str(error)), INVALID_PAYLOAD)


async def _write(socket: WebSocket, outbox: Outbox) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):  # the client went away meanwhile
        code, reason = await outbox.write(socket.send_text)
        await socket.close(code, _short(reason))


def _abort_of(socket: WebSocket) -> Callable[[], None]:
    return cast("Callable[[], None]", socket.scope["extensions"][ABORT])


def _subprotocol(socket: WebSocket) -> str | None:
    offered = socket.scope.get("subprotocols", [])
    return next((name for name in offered if name in protocol.SUBPROTOCOLS), None)


def _access_token(socket: WebSocket) -> str:
    token = socket.query_params.get("access_token")
    return token or socket.headers.get("authorization", "").removeprefix("Bearer ").strip()


def _texts(claim: object) -> list[str]:
    values = claim if isinstance(claim, list) else [] if claim is None else [claim]
    if not all(isinstance(value, str) and protocol.valid_group(value) for value in values):
        raise InvalidToken("A role or group of the token is no name.")
    return cast("list[str]", values)


def _short(reason: str) -> str:
    return reason.encode()[:REASON_BYTES].decode(errors="ignore")
