"""The three function apps: under our own host, or under Azure Functions Core Tools."""

import sys
from pathlib import Path

from infrastructure.local import probes
from infrastructure.local.nodes import Service
from infrastructure.local.paths import Paths

# Seconds. The embedded broker holds back a joining consumer for half of them; others want 6.
EMBEDDED_SESSION, OTHER_SESSION = 2, 6


def service(
    app: str,
    paths: Paths,
    port: int,
    *,
    needs: tuple[str, ...],
    core_tools: Path | None = None,
    kafka_session: int = EMBEDDED_SESSION,
) -> Service:
    """One app; it drains before it ends."""
    folder = paths.build / app
    if core_tools:
        command = [str(core_tools), "start", "--script-root", str(folder), "--port", str(port)]
    else:
        host = [sys.executable, "-m", "infrastructure.local.functions_host"]
        command = [*host, "--app", str(folder), "--port", str(port), "--drain", "15"]
        command += ["--kafka-session", str(kafka_session)]
    return Service(
        name=app,
        command=command,
        directory=paths.root,
        environment={"FUNCTIONS_CORE_TOOLS_TELEMETRY_OPTOUT": "1"} if core_tools else {},
        port=port,
        ready=probes.http(port, "/admin/host/status"),
        needs=needs,
        stop_seconds=20,
        ready_seconds=120 if core_tools else 60,
    )
