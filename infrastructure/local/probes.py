"""Ways to ask a service whether it can be used. None of them raises: no is an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from infrastructure.local.paths import short

Probe = Callable[[], Awaitable[bool]]
SECONDS = 2.0


def tcp(*ports: int) -> Probe:
    """Whether something listens on each of these ports."""

    async def ask() -> bool:
        return all([await _exchange(port, b"", b"") for port in ports])

    return ask


def speaks(port: int, request: bytes, expected: bytes) -> Probe:
    """Whether a request over TCP is answered with these first bytes."""

    async def ask() -> bool:
        return await _exchange(port, request, expected)

    return ask


def http(port: int, path: str, host: str = "127.0.0.1", status: int = 200) -> Probe:
    """Whether a GET answers with this status."""
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    return speaks(port, request.encode(), f"HTTP/1.1 {status}".encode())


def unix(path: Path) -> Probe:
    """Whether something listens on this Unix socket."""

    async def ask() -> bool:
        try:
            async with asyncio.timeout(SECONDS):
                _, writer = await asyncio.open_unix_connection(short(path))
        except (OSError, TimeoutError):
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True

    return ask


async def _exchange(port: int, request: bytes, expected: bytes) -> bool:
    writer = None
    try:
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            if not expected:
                return True
            writer.write(request)
            return await reader.readexactly(len(expected)) == expected
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
    finally:
        if writer:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
