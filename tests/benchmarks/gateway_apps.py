"""A small Node app through the gateway beside plain proxies of the same nginx, and directly.

All are measured in turns. No proxy reaches the direct rate, since app and nginx share the machine:
the least that a proxy can do with the same connections is what the gateway is held against.
"""

import asyncio
import statistics
import tempfile
from pathlib import Path

from azure.storage.blob.aio import BlobServiceClient

from infrastructure.local import binaries
from infrastructure.local.services import azurite
from tests.benchmarks import Goal, Result, load
from tests.gateway.apps import route
from tests.gateway.harness import free_port, running
from tests.gateway.sites import Store
from tests.services.embedded import Embedded

NAME = "apps"
TEXT = "requests a second of a Node app through the gateway / through a bare proxy of nginx"
GOAL = Goal(0.5, at_least=True)
KEPT, FRESH = "kept.apps.localhost", "fresh.apps.localhost"
ROUNDS = 5
_SCRIPT = """
require("http").createServer((request, response) => {
  response.setHeader("Content-Type", "text/plain");
  response.end("x".repeat(200));
}).listen(Number(process.argv[2]), "0.0.0.0");
"""


async def measure() -> Result:
    """Alternate, so that all see the same noise; medians of the ratios."""
    services = Embedded("bench-gateway-apps")
    try:
        key = services.secrets.base64("azurite")
        services.start([azurite.service(services.paths, services.ports, key)])
        connection = azurite.connection_string(services.ports, key)
        endpoint = f"http://127.0.0.1:{services.ports['blob']}/{azurite.ACCOUNT}"
        node = str(binaries.node(services.paths.packages))
        return await _with_app(node, connection, endpoint, key)
    finally:
        services.close()


async def _with_app(node: str, connection: str, endpoint: str, key: str) -> Result:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        script = Path(folder, "app.js")
        script.write_text(_SCRIPT)
        app = await asyncio.create_subprocess_exec(node, str(script), str(port))
        try:
            return await _compare(port, connection, endpoint, key)
        finally:
            app.kill()
            await app.wait()


async def _compare(port: int, connection: str, endpoint: str, key: str) -> Result:
    async with BlobServiceClient.from_connection_string(connection) as service:
        store = Store(service)
        await store.make_containers()
        # The second name of this machine is none of the ports that are known: never kept.
        for host, address in ((KEPT, "127.0.0.1"), (FRESH, "127.0.0.2")):
            await store.route(host, route(host, 1, f"{address}:{port}"))
    plain = {"kept": free_port(), "fresh": free_port()}
    async with running(
        extra_servers=_plain(port, **plain),
        blob_endpoint=endpoint,
        blob_account=azurite.ACCOUNT,
        blob_key=key,
        gateway_key="benchmark",
        app_ports=range(port, port + 1),
    ) as gateway:
        return await _rounds(port, gateway.port, plain)


def _plain(app: int, kept: int, fresh: int) -> str:
    """Proxies that do nothing but pass on, with connections that are kept and with new ones."""
    return (
        f"upstream plain {{ server 127.0.0.1:{app}; keepalive 64; }}"
        f"server {{ listen 127.0.0.1:{kept}; location / {{ proxy_pass http://plain;"
        f' proxy_http_version 1.1; proxy_set_header Connection ""; }} }}'
        f"server {{ listen 127.0.0.1:{fresh}; location / {{"
        f" proxy_pass http://127.0.0.2:{app}; }} }}"
    )


async def _rounds(app: int, gateway: int, plain: dict[str, int]) -> Result:
    sides = {
        "direct": (app, KEPT),
        "plain kept": (plain["kept"], KEPT),
        "gateway kept": (gateway, KEPT),
        "plain fresh": (plain["fresh"], FRESH),
        "gateway fresh": (gateway, FRESH),
    }
    seen: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(ROUNDS + 1):
        for name, (port, host) in sides.items():
            rate = await load.rate(f"http://127.0.0.1:{port}/", {"Host": host})
            if number:  # the first is only to warm up
                seen[name].append(rate)
    middle = {name: statistics.median(rates) for name, rates in seen.items()}
    added = 1000 * load.CLIENTS * (1 / middle["gateway kept"] - 1 / middle["direct"])
    return Result(
        _ratio(seen, "gateway kept", "plain kept"),
        details=[
            f"load: {load.tool()}, {load.CLIENTS} connections, {ROUNDS} rounds",
            ", ".join(f"{name} {rate:,.0f}/s" for name, rate in middle.items()),
            f"with new connections: {_ratio(seen, 'gateway fresh', 'plain fresh'):.2f}",
            f"of the app directly: {_ratio(seen, 'gateway kept', 'direct'):.2f}",
            f"added to the mean latency under this load: {added:.1f} ms",
        ],
    )


def _ratio(seen: dict[str, list[float]], one: str, other: str) -> float:
    """The median of what the rounds say."""
    return statistics.median(a / b for a, b in zip(seen[one], seen[other], strict=True))
