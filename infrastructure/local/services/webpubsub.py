"""The hub that takes the place of Azure Web PubSub."""

import sys

from infrastructure.local import probes
from infrastructure.local.nodes import Service
from infrastructure.local.paths import Paths
from infrastructure.local.ports import Ports
from infrastructure.local.secrets import Secrets


def service(paths: Paths, ports: Ports, secrets: Secrets) -> Service:
    """One process; browsers may connect from the platform's hosts only."""
    port, gateway = ports["webpubsub"], ports["gateway"]
    secrets.base64("webpubsub")
    command = [sys.executable, "-m", "infrastructure.local.webpubsub_hub", "--port", str(port)]
    command += ["--access-key-file", str(secrets.path("webpubsub"))]
    for host in ("localhost", "admin.localhost"):
        command += ["--allowed-origin", f"http://{host}:{gateway}"]
    return Service(
        name="webpubsub",
        command=command,
        directory=paths.root,
        port=port,
        ready=probes.tcp(port),
    )
