"""Reaching a platform that runs on this machine without asking DNS for ``*.localhost``.

Not every system resolves those names, and some prefer ::1, where nothing listens.
"""

from urllib.parse import urlsplit

import httpx

LOOPBACK = "127.0.0.1"


def is_local(host: str) -> bool:
    """Whether a host name means this machine by its name alone."""
    return host == "localhost" or host.endswith(".localhost")


class LocalTransport(httpx.AsyncHTTPTransport):
    """Connects to 127.0.0.1 for local names; the request's Host header stays as it is."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if is_local(request.url.host):
            request.url = request.url.copy_with(host=LOOPBACK)
        return await super().handle_async_request(request)


def http_client(url: str, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """A client for the platform at ``url``; the environment's proxies are not for a local one."""
    local = is_local(urlsplit(url).hostname or "") or urlsplit(url).hostname == LOOPBACK
    return httpx.AsyncClient(
        base_url=url,
        transport=transport or (LocalTransport() if local else None),
        trust_env=not local,
        timeout=httpx.Timeout(30, connect=5),
        headers={"User-Agent": "astrocloud-cli", "Accept": "application/json"},
    )


def socket_host(url: str) -> str | None:
    """The address to connect a WebSocket to, where the name alone would not do."""
    return LOOPBACK if is_local(urlsplit(url).hostname or "") else None
