"""The gateway: Nginx with the same templates as everywhere, on this machine's addresses."""

import asyncio
import os
import signal

from infrastructure.local import probes
from infrastructure.local.errors import StackError
from infrastructure.local.installation import Installation
from infrastructure.local.nodes import Service
from infrastructure.local.services.azurite import ACCOUNT


def service(installation: Installation, *, needs: tuple[str, ...]) -> Service:
    """Its configuration is written anew at each start."""
    from infrastructure.gateway.render import GatewayConfig, GatewayConfigError, command, render

    ports, folder = installation.ports, installation.paths.run / "gateway"
    config = GatewayConfig(
        port=ports["gateway"],
        state_dir=installation.paths.state / "gateway",
        blob_endpoint=f"http://127.0.0.1:{ports['blob']}/{ACCOUNT}",
        blob_account=ACCOUNT,
        blob_key=installation.secrets.base64("azurite"),
        api_upstream=f"127.0.0.1:{ports['api']}",
        admin_upstream=f"127.0.0.1:{ports['admin']}",
        app_ports=ports.apps,
        gateway_key=installation.secrets.text("gateway-key"),
        csp_connect=(f"ws://127.0.0.1:{ports['webpubsub']}",),
        run_as_root=os.geteuid() == 0,
    )

    async def prepare() -> None:
        try:
            await asyncio.to_thread(render, config, folder)
        except GatewayConfigError as error:
            raise StackError(f"The gateway cannot be configured: {error}") from error

    try:
        words = command(folder)
    except GatewayConfigError as error:
        raise StackError(str(error)) from error
    return Service(
        name="gateway",
        command=words,
        port=ports["gateway"],
        ready=probes.speaks(ports["gateway"], b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1."),
        needs=needs,
        before_start=prepare,
        stop_signal=signal.SIGQUIT,  # lets running answers end
        death_signal=signal.SIGTERM,
        stop_seconds=5,
        own_logs=(config.state_dir / "access.log",),
    )
