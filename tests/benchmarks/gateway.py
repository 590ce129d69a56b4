"""P3: a static site through the gateway beside the same nginx sending the same file from disk.

Both servers stand in one nginx with one worker and one access log. One machine does both sides,
so only the ratio means something. The gateway sends small files from memory; the second baseline
does so too, to show what is left beside a server of files that is tuned for small ones alone.
"""

import statistics
import tempfile
from pathlib import Path

from azure.storage.blob.aio import BlobServiceClient

from infrastructure.local.services import azurite
from tests.benchmarks import Goal, Result, load
from tests.gateway.harness import free_port, running
from tests.gateway.sites import File, Store
from tests.services.embedded import Embedded

NAME = "P3"
TEXT = "gateway on a static site / the same nginx serving the same file from disk"
GOAL = Goal(0.7, at_least=True)
HOST = "bench.apps.localhost"
SIZES = {"4 KB": 4096, "16 KB": 16384, "64 KB": 65536}
HEADLINE = "4 KB"
ROUNDS = 5


async def measure() -> Result:
    """Alternate disk and gateway, so that both see the same noise; medians of the ratios."""
    services = Embedded("bench-gateway")
    try:
        key = services.secrets.base64("azurite")
        services.start([azurite.service(services.paths, services.ports, key)])
        connection = azurite.connection_string(services.ports, key)
        endpoint = f"http://127.0.0.1:{services.ports['blob']}/{azurite.ACCOUNT}"
        return await _compare(connection, endpoint, key)
    finally:
        services.close()


async def _compare(connection: str, endpoint: str, key: str) -> Result:
    bodies = {f"/{size}.html": b"x" * size for size in SIZES.values()}
    disk, memory = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as root:
        for path, body in bodies.items():
            Path(root, path[1:]).write_bytes(body)
        baselines = _baseline(disk, root, "on") + _baseline(memory, root, "off")
        async with BlobServiceClient.from_connection_string(connection) as service:
            store = Store(service)
            await store.make_containers()
            await store.online(HOST, {path: File(body) for path, body in bodies.items()})
        async with running(
            blob_endpoint=endpoint,
            blob_account=azurite.ACCOUNT,
            blob_key=key,
            extra_servers=baselines,
        ) as gateway:
            ratios = {}
            details = [f"load: {load.tool()}, {load.CLIENTS} connections, {ROUNDS} rounds"]
            for name, size in SIZES.items():
                ports = (disk, memory, gateway.port)
                ratios[name], line = await _rounds(ports, f"/{size}.html")
                details.append(f"{name}: {ratios[name]:.2f}; {line}")
    return Result(ratios[HEADLINE], details=details, text=f"{TEXT} ({HEADLINE})")


def _baseline(port: int, root: str, sendfile: str) -> str:
    return (
        f"server {{ listen 127.0.0.1:{port}; root {root}; default_type text/html; "
        f"sendfile {sendfile}; }}"
    )


async def _rounds(ports: tuple[int, int, int], path: str) -> tuple[float, str]:
    """Alternate, so that all see the same noise; medians of the ratios."""
    addresses = [f"http://127.0.0.1:{port}{path}" for port in ports]
    for address in addresses:
        await load.rate(address, {"Host": HOST})
    rounds = [
        [await load.rate(address, {"Host": HOST}) for address in addresses] for _ in range(ROUNDS)
    ]
    disk, memory, ours = (statistics.median(each[side] for each in rounds) for side in range(3))
    ratio = statistics.median(each[2] / each[0] for each in rounds)
    tuned = statistics.median(each[2] / each[1] for each in rounds)
    return ratio, (
        f"disk {disk:,.0f}/s, gateway {ours:,.0f}/s; "
        f"disk without sendfile {memory:,.0f}/s: {tuned:.2f} of it"
    )
