"""Stages the function apps and writes the settings that each of them is given."""

import asyncio
import json
import os
from pathlib import Path

from infrastructure.local.errors import StackError
from infrastructure.local.installation import Installation

APPS = ("api", "admin", "worker")
CLUSTER = "ASTROCLOUD_CLUSTER"
"""A variable of the user's shell: ``kubernetes`` runs servers on the cluster of KUBECONFIG."""


async def stage_all(installation: Installation) -> str:
    """``.build/<app>`` for each app, with its ``local.settings.json``."""
    changed = await asyncio.to_thread(_stage_all, installation)
    return f"new: {', '.join(changed)}" if changed else "unchanged"


def settings_of(app: str, installation: Installation) -> dict[str, str]:
    """The app settings; each app has its own database role."""
    secrets = installation.secrets
    values = {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "ASTROCLOUD_ENVIRONMENT": "local",
        "AzureWebJobsStorage": installation.storage,
        "DATABASE_URL": installation.database_url(f"astrocloud_{app}"),
        "REDIS_URL": installation.redis_url,
        "KAFKA_BROKERS": installation.kafka_brokers,
        "WEBPUBSUB_CONNECTION_STRING": installation.webpubsub,
        "PLATFORM_URL": installation.platform_url,
        "SITES_URL": installation.sites_url,
        "SIGNING_KEYS": secrets.text("signing-key"),
        "ENCRYPTION_KEYS": _fernet_key(secrets.base64("encryption-key", 32)),
        # On a laptop somebody watches: what a dead worker left is taken up sooner.
        "DEPLOYMENT_LEASE_SECONDS": "10",
    }
    # A private Git server, say: what the user's shell names is allowed to be named by users.
    for name in ("OUTGOING_ALLOWED", "OUTGOING_CERTIFICATES", "OUTGOING_PROXY"):
        values[name] = installation.outside.get(name, "")
    if app in ("api", "worker"):
        values["RUNNER_SOCKET"] = str(installation.paths.runner_socket)
        values["CLUSTER"] = installation.outside.get(CLUSTER) or "runner"
        values["KUBECONFIG"] = installation.outside.get("KUBECONFIG", "")
    if app == "worker":
        values["BUILDER"] = "runner"
    if app == "api":
        values["DEVELOPMENT_SIGN_IN_SECRET"] = secrets.text("development-sign-in")
        values["GATEWAY_KEY"] = secrets.text("gateway-key")
    return values


def _fernet_key(key: str) -> str:
    """Fernet wants its base64 URL-safe."""
    return key.replace("+", "-").replace("/", "_")


def _stage_all(installation: Installation) -> list[str]:
    from infrastructure.packaging import StagingError, stage

    changed = []
    for app in APPS:
        target = installation.paths.build / app
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            if stage(app, installation.paths.root, target):
                changed.append(app)
        except StagingError as error:
            raise StackError(f"The app {app} cannot be staged: {error}") from error
        document = {"IsEncrypted": False, "Values": settings_of(app, installation)}
        _write_private(target / "local.settings.json", json.dumps(document, indent=2))
    return changed


def _write_private(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)
