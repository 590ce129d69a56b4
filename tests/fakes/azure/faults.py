"""Faults: what an answer is replaced by, before or after the request was carried out."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Fault:
    """Met by requests whose method and path fit, so many ``times``.

    ``after``: the request is carried out first. ``drop``: the connection ends without an answer.
    """

    method: str
    path: str
    status: int = 503
    times: int = 1
    after: bool = False
    drop: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = "Fault"


class Faults:
    """Those that are still to come, in the order in which they were added."""

    def __init__(self) -> None:
        self.coming: list[Fault] = []

    def add(self, *faults: Fault) -> None:
        """Let the next fitting requests meet these."""
        self.coming += faults

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer as the first fault that fits says."""
        fault = next((one for one in self.coming if _fits(one, request)), None)
        if fault is None:
            return await handler(request)
        fault.times -= 1
        if fault.times <= 0:
            self.coming.remove(fault)
        if fault.after:
            await asyncio.shield(handler(request))
        if fault.drop:
            assert request.transport is not None
            request.transport.abort()
        body = {"error": {"code": fault.code, "message": "a secret: sig=SECRET-SIGNATURE"}}
        return web.json_response(body, status=fault.status, headers=fault.headers)


def _fits(fault: Fault, request: web.Request) -> bool:
    return fault.method in (request.method, "*") and fault.path in request.path
