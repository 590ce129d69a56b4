"""Azurite, where AstroCloud uses Azure Storage: blobs and queues on disk, an own random key."""

from pathlib import Path

from infrastructure.local import binaries, probes
from infrastructure.local.nodes import Service
from infrastructure.local.paths import Paths
from infrastructure.local.ports import Ports

ACCOUNT = "astrocloud"


def connection_string(ports: Ports, key: str) -> str:
    """What the storage SDKs are given."""
    return "".join(
        (
            "DefaultEndpointsProtocol=http;",
            f"AccountName={ACCOUNT};AccountKey={key};",
            f"BlobEndpoint=http://127.0.0.1:{ports['blob']}/{ACCOUNT};",
            f"QueueEndpoint=http://127.0.0.1:{ports['queue']}/{ACCOUNT};",
            f"TableEndpoint=http://127.0.0.1:{ports['table']}/{ACCOUNT};",
        )
    )


def service(paths: Paths, ports: Ports, key: str) -> Service:
    """The three endpoints in one process."""
    data = paths.state / "azurite"

    async def prepare() -> None:
        data.mkdir(mode=0o700, exist_ok=True)

    saves = Path(__file__).with_name("azurite_saves.cjs")
    command = [str(binaries.node(paths.packages)), "--require", str(saves)]
    command.append(str(binaries.azurite(paths.packages)))
    for name in ("blob", "queue", "table"):
        command += [f"--{name}Host", "127.0.0.1", f"--{name}Port", str(ports[name])]
    command += ["--location", str(data), "--silent", "--skipApiVersionCheck"]
    command += ["--disableProductStyleUrl", "--disableTelemetry"]
    return Service(
        name="azurite",
        command=command,
        environment={"AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"},
        port=ports["blob"],
        ready=probes.tcp(ports["blob"], ports["queue"], ports["table"]),
        before_start=prepare,
    )
