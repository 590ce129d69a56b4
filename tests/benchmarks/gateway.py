"""P3: a static site through the gateway beside the same nginx sending the same file from disk.

Both servers stand in one nginx with one worker and one access log. The load comes from ``wrk``
where it is installed, else from a small generator of raw sockets in a process of its own; one
machine does both sides, so only the ratio means something.
"""

import asyncio
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from azure.storage.blob.aio import BlobServiceClient

from infrastructure.local.services import azurite
from tests.benchmarks import Goal, Result
from tests.gateway.harness import Gateway, free_port, running
from tests.gateway.sites import File, Store
from tests.services.embedded import Embedded

NAME = "P3"
TEXT = "gateway on a static site / the same nginx serving the same file from disk"
GOAL = Goal(0.7, at_least=True)
HOST = "bench.apps.localhost"
SIZES = {"4 KB": 4096, "16 KB": 16384, "64 KB": 65536}
HEADLINE = "16 KB"
ROUNDS, SECONDS, CLIENTS = 5, 2, 32

Load = Callable[[str], Awaitable[float]]


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
    load, tool = (_wrk, "wrk") if shutil.which("wrk") else (_sockets, "raw sockets, no wrk here")
    bodies = {f"/{size}.html": b"x" * size for size in SIZES.values()}
    disk = free_port()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as root:
        for path, body in bodies.items():
            Path(root, path[1:]).write_bytes(body)
        baseline = f"server {{ listen 127.0.0.1:{disk}; root {root}; default_type text/html; }}"
        async with BlobServiceClient.from_connection_string(connection) as service:
            store = Store(service)
            await store.make_containers()
            await store.online(HOST, {path: File(body) for path, body in bodies.items()})
        async with running(
            blob_endpoint=endpoint,
            blob_account=azurite.ACCOUNT,
            blob_key=key,
            extra_servers=baseline,
        ) as gateway:
            ratios, details = {}, [f"load: {tool}, {CLIENTS} connections, {ROUNDS} rounds"]
            for name, size in SIZES.items():
                ratios[name], line = await _rounds(gateway, disk, f"/{size}.html", load)
                details.append(f"{name}: {ratios[name]:.2f}; {line}")
    return Result(ratios[HEADLINE], details=details, text=f"{TEXT} ({HEADLINE})")


async def _rounds(gateway: Gateway, disk: int, path: str, load: Load) -> tuple[float, str]:
    addresses = [f"http://127.0.0.1:{port}{path}" for port in (disk, gateway.port)]
    for address in addresses:
        await load(address)
    pairs = [[await load(address) for address in addresses] for _ in range(ROUNDS)]
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    rates = [statistics.median(pair[side] for pair in pairs) for side in (0, 1)]
    return ratio, f"disk {rates[0]:,.0f}/s, gateway {rates[1]:,.0f}/s"


async def _wrk(address: str) -> float:
    process = await asyncio.create_subprocess_exec(
        *("wrk", "-t1", f"-c{CLIENTS}", f"-d{SECONDS}s", "-H", f"Host: {HOST}"),
        address,
        stdout=asyncio.subprocess.PIPE,
    )
    output = (await process.communicate())[0].decode()
    if process.returncode or "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"the load did not go well: {output}")
    done = re.search(r"(\d+) requests in ([\d.]+)(m?s)", output)
    if done is None:
        raise RuntimeError(f"wrk said nothing that can be read: {output}")
    return int(done[1]) / (float(done[2]) / (1000 if done[3] == "ms" else 1))


async def _sockets(address: str) -> float:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.gateway", address),
        stdout=asyncio.subprocess.PIPE,
    )
    output = (await process.communicate())[0]
    if process.returncode:
        raise RuntimeError("the load did not go well: its own output says why")
    return float(output)


async def _generate(address: str) -> float:
    """Requests a second of this process: it only looks for the end of each answer."""
    url = urlsplit(address)
    request = f"GET {url.path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    until, counts = time.monotonic() + SECONDS, [0] * CLIENTS

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection(url.hostname, url.port, limit=2**20)
        while time.monotonic() < until:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            if not head.startswith(b"HTTP/1.1 200 ") or length is None:
                raise RuntimeError(f"not what was asked for: {head!r}")
            await reader.readexactly(int(length[1]))
            counts[number] += 1
        writer.close()

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return sum(counts) / SECONDS


if __name__ == "__main__":
    print(asyncio.run(_generate(sys.argv[1])))
