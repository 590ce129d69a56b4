"""Asks one replica whether it is well: by a request, or by whether its port takes connections."""

import asyncio
from contextlib import suppress

from shared.detection.run_settings import HealthCheck

_ADDRESS = "127.0.0.1"
_LINE_BYTES = 4096


class Unwell(Exception):
    """It is not; ``listens`` tells whether anything accepted the connection."""

    def __init__(self, words: str, *, listens: bool) -> None:
        super().__init__(words)
        self.words = words
        self.listens = listens


async def ask(check: HealthCheck, port: int, host: str | None = None) -> None:
    """Return where all is well; raises Unwell. ``host`` is what visitors ask for."""
    try:
        async with asyncio.timeout(check.timeout_seconds):
            await _ask(check, port, host or f"{_ADDRESS}:{port}")
    except TimeoutError:
        raise Unwell(
            f"no answer within {check.timeout_seconds} s from {check.path or f'port {port}'}",
            listens=True,
        ) from None


async def _ask(check: HealthCheck, port: int, host: str) -> None:
    try:
        reader, writer = await asyncio.open_connection(_ADDRESS, port, limit=_LINE_BYTES)
    except OSError:
        raise Unwell(f"nothing listens at port {port}", listens=False) from None
    try:
        if check.path is not None:
            await _get(check.path, host, reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _get(
    path: str, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += ["User-Agent: astrocloud-health", "Accept: */*", "", ""]
    try:
        writer.write("\r\n".join(lines).encode("utf-8", "replace"))
        first = await reader.readline()
    except (OSError, ValueError):
        first = b""
    words = first.split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise Unwell(f"{path} gave no answer in HTTP", listens=True)
    status = int(words[1])
    if not 200 <= status <= 399:
        raise Unwell(f"{path} answered with status {status}", listens=True)
