"""A small server: a page, and a clock that the server itself lets tick over a WebSocket."""

import asyncio
import os
import platform
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from page import page_of

HERE = Path(__file__).parent
TICK_SECONDS = 1.0
app = FastAPI(docs_url=None, redoc_url=None)
served = 0


def facts() -> dict[str, object]:
    """What the page shows and the clock tells."""
    return {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "requests": served}


@app.middleware("http")
async def count(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Count what visitors ask for, and not what the platform does."""
    global served
    served += request.url.path != "/healthz"
    return await call_next(request)


@app.get("/healthz", response_class=PlainTextResponse)
async def health() -> str:
    """Whether requests may come."""
    return "ok\n"


@app.get("/", response_class=HTMLResponse)
async def home(request: Request) -> str:
    """The page."""
    return page_of(
        host=request.headers.get("host", ""),
        replica=platform.node(),
        release=os.environ.get("ASTROCLOUD_RELEASE_ID", ""),
        **facts(),
    )


@app.websocket("/clock")
async def clock(socket: WebSocket) -> None:
    """The time, once a second, until the browser has gone."""
    await socket.accept()
    try:
        while True:
            await socket.send_json(facts())
            await asyncio.sleep(TICK_SECONDS)
    except WebSocketDisconnect:
        return


app.mount("/", StaticFiles(directory=HERE / "public"))
