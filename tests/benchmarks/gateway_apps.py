"""A small Node app through the gateway beside the same app directly, on a connection that is kept.

Both are measured in turns. No proxy reaches the direct rate: app and nginx share the machine.
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
TEXT = "requests a second of a Node app through the gateway / of the app directly"
GOAL = Goal(0.3, at_least=True)
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
    async with running(
        blob_endpoint=endpoint,
        blob_account=azurite.ACCOUNT,
        blob_key=key,
        gateway_key="benchmark",
        app_ports=range(port, port + 1),
    ) as gateway:
        return await _rounds(port, gateway.port)


async def _rounds(app: int, gateway: int) -> Result:
    sides = {"direct": (app, KEPT), "kept": (gateway, KEPT), "fresh": (gateway, FRESH)}
    seen: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(ROUNDS + 1):
        for name, (port, host) in sides.items():
            rate = await load.rate(f"http://127.0.0.1:{port}/", {"Host": host})
            if number:  # the first is only to warm up
                seen[name].append(rate)
    ratios = {
        name: statistics.median(
            one / direct for one, direct in zip(rates, seen["direct"], strict=True)
        )
        for name, rates in seen.items()
    }
    middle = {name: statistics.median(rates) for name, rates in seen.items()}
    added = 1000 * load.CLIENTS * (1 / middle["kept"] - 1 / middle["direct"])
    return Result(
        ratios["kept"],
        details=[
            f"load: {load.tool()}, {load.CLIENTS} connections, {ROUNDS} rounds",
            ", ".join(f"{name} {rate:,.0f}/s" for name, rate in middle.items()),
            f"without kept connections: {ratios['fresh']:.2f}",
            f"added to the mean latency under this load: {added:.1f} ms",
        ],
    )
