"""Requests a second of one address: by ``wrk`` where it is installed, else by raw sockets.

Both run in a process of their own, so that the load does not slow what asks for it.
"""

import asyncio
import json
import re
import shutil
import sys
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

CLIENTS = 32


def tool() -> str:
    """What makes the load here, for the record."""
    return "wrk" if shutil.which("wrk") else "raw sockets, no wrk here"


async def rate(address: str, headers: Mapping[str, str], seconds: int = 2) -> float:
    """Answers with status 200 a second; raises RuntimeError where another came."""
    if shutil.which("wrk"):
        return await _wrk(address, headers, seconds)
    return await _sockets(address, headers, seconds)


async def _wrk(address: str, headers: Mapping[str, str], seconds: int) -> float:
    words = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    process = await asyncio.create_subprocess_exec(
        *("wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", *words, address),
        stdout=asyncio.subprocess.PIPE,
    )
    output = (await process.communicate())[0].decode()
    if process.returncode or "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"the load did not go well: {output}")
    done = re.search(r"(\d+) requests in ([\d.]+)(m?s)", output)
    if done is None:
        raise RuntimeError(f"wrk said nothing that can be read: {output}")
    return int(done[1]) / (float(done[2]) / (1000 if done[3] == "ms" else 1))


async def _sockets(address: str, headers: Mapping[str, str], seconds: int) -> float:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.load", address, json.dumps(dict(headers))),
        str(seconds),
        stdout=asyncio.subprocess.PIPE,
    )
    output = (await process.communicate())[0]
    if process.returncode:
        raise RuntimeError("the load did not go well: its own output says why")
    return float(output)


async def _generate(address: str, headers: Mapping[str, str], seconds: int) -> float:
    """Requests a second of this process: it only looks for the end of each answer."""
    url = urlsplit(address)
    lines = "".join(
        f"{name}: {value}\r\n" for name, value in {"Host": url.netloc, **headers}.items()
    )
    request = f"GET {url.path} HTTP/1.1\r\n{lines}\r\n".encode()
    until, counts = time.monotonic() + seconds, [0] * CLIENTS

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
    return sum(counts) / seconds


if __name__ == "__main__":
    print(asyncio.run(_generate(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]))))
