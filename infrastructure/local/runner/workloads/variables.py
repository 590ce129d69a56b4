"""The environment of a server: what a container would have, and nothing of this machine."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from infrastructure.local.runner.bundles import Bundle
from infrastructure.local.runner.variables import SYSTEM_PATH
from shared.clusters.port import Workload

# Frameworks that listen where HOST or HOSTNAME says are kept from the machine's other addresses.
_DEFAULTS = {
    "NODE_ENV": "production",
    "HOST": "127.0.0.1",
    "HOSTNAME": "127.0.0.1",
    "LANG": "C.UTF-8",
    "SHELL": "/bin/sh",
    "USER": "app",
    "LOGNAME": "app",
    "PYTHONUNBUFFERED": "1",
    # Its folder may be one that others read, too.
    "PYTHONDONTWRITEBYTECODE": "1",
    "NEXT_TELEMETRY_DISABLED": "1",
    "DO_NOT_TRACK": "1",
}


def of_server(
    workload: Workload,
    bundle: Bundle,
    *,
    app: PurePosixPath,
    home: PurePosixPath,
    temporary: PurePosixPath,
    port: int | None,
) -> Mapping[str, str]:
    """The project's own variables beat ours, but for the port and those of the system.

    ``port`` is None for what nobody asks for anything.
    """
    manifest = bundle.manifest
    programs = [str(app / "node_modules" / ".bin"), *map(str, manifest.path), SYSTEM_PATH]
    own = {"HOME": str(home), "TMPDIR": str(temporary), "PATH": ":".join(programs)}
    if port is not None:
        own["PORT"] = str(port)
    return {
        **_DEFAULTS,
        **manifest.environment,
        **workload.environment,
        **workload.secrets,
        **own,
    }
