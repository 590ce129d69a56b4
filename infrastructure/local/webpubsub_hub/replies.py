"""How the hub answers over HTTP: Azure's error shape, and the check of Host and Origin."""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def failure(status: int, code: str, message: str) -> JSONResponse:
    """``{"error": {"code", "message"}}``, as the service and its SDKs have it."""
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)


class Guard:
    """Refuses other names and other sites' pages: a browser must not be led here."""

    def __init__(self, app: ASGIApp, allowed_origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.rstrip("/").lower() for origin in allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reason = self._refusal(Headers(scope=scope)) if scope["type"] != "lifespan" else None
        if reason is None:
            await self._app(scope, receive, send)
            return
        reply = failure(403, "Forbidden", reason)
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(reply)
        else:
            await reply(scope, receive, send)

    def _refusal(self, headers: Headers) -> str | None:
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if name.lower() not in LOCAL_NAMES:
            return "The hub answers to localhost only."
        origin = headers.get("origin")
        if origin is not None and origin.rstrip("/").lower() not in self._origins:
            return "Pages of this origin may not use the hub."
        return None
