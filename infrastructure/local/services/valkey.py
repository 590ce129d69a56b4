"""Valkey, where AstroCloud uses Redis: password, append-only file, 127.0.0.1 only."""

import asyncio
from pathlib import Path

from infrastructure.local import binaries, probes
from infrastructure.local.nodes import Service
from infrastructure.local.paths import Paths


def url(port: int, password: str) -> str:
    """How clients reach it."""
    return f"redis://:{password}@127.0.0.1:{port}/0"


def service(paths: Paths, port: int, password: str) -> Service:
    """The server; its password is in a file, so no list of processes shows it."""
    data, config = paths.state / "valkey", paths.run / "valkey.conf"

    async def prepare() -> None:
        data.mkdir(mode=0o700, exist_ok=True)
        await asyncio.to_thread(_write, config, _configuration(data, port, password))

    ask = f"AUTH {password}\r\nPING\r\n".encode()
    return Service(
        name="valkey",
        command=[str(binaries.valkey()), str(config)],
        port=port,
        ready=probes.speaks(port, ask, b"+OK\r\n+PONG"),
        before_start=prepare,
    )


def _configuration(data: Path, port: int, password: str) -> str:
    return "\n".join(
        (
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {password}",
            f'dir "{data}"',
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "daemonize no",
            "maxmemory-policy noeviction",
            "",
        )
    )


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
