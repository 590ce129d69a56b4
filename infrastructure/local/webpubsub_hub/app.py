"""The application: REST and sockets over one hub, behind the check of Host and Origin."""

from collections.abc import Collection

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute

from infrastructure.local.webpubsub_hub.hub import Hub
from infrastructure.local.webpubsub_hub.limits import MESSAGE_BYTES, Limits
from infrastructure.local.webpubsub_hub.replies import Guard, failure
from infrastructure.local.webpubsub_hub.rest import Rest
from infrastructure.local.webpubsub_hub.sockets import AbortableProtocol, Sockets
from infrastructure.local.webpubsub_hub.tokens import Tokens

FRAME_BYTES = MESSAGE_BYTES + 4096
"""A message of the greatest size, with the frame around it."""


def create_app(
    hub: Hub, access_key: str, hub_name: str, allowed_origins: Collection[str] = ()
) -> Starlette:
    """The whole hub as an ASGI application."""
    tokens = Tokens(access_key)
    sockets = Sockets(hub, tokens, hub_name)
    return Starlette(
        routes=[
            *Rest(hub, tokens, hub_name).routes(),
            WebSocketRoute("/client/hubs/{hub}", sockets.endpoint),
        ],
        middleware=[Middleware(Guard, allowed_origins=allowed_origins)],
        exception_handlers={404: _nothing_here},
    )


def create_server(
    port: int,
    access_key: str,
    hub_name: str,
    allowed_origins: Collection[str] = (),
    limits: Limits | None = None,
) -> uvicorn.Server:
    """A server on 127.0.0.1. It logs no request: their addresses carry tokens."""
    app = create_app(Hub(limits or Limits()), access_key, hub_name, allowed_origins)
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=port,
            ws=AbortableProtocol,
            ws_max_size=FRAME_BYTES,
            ws_ping_interval=20,
            ws_ping_timeout=20,
            ws_per_message_deflate=False,
            access_log=False,
            log_level="warning",
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=2,
        )
    )


async def _nothing_here(request: Request, error: Exception) -> Response:
    return failure(404, "NotFound", "The hub has no such address.")
