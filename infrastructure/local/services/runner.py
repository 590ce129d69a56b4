"""The runner: builds sources and runs servers on this machine."""

import sys
from collections.abc import Mapping

from infrastructure.local import probes
from infrastructure.local.installation import Installation
from infrastructure.local.nodes import Service

EXECUTOR = "ASTROCLOUD_RUNNER"
"""A variable of the user's shell: ``containers`` builds with buildah, podman or docker."""
REGISTRY = "ASTROCLOUD_REGISTRY"
"""A variable of the user's shell: where these push the images of servers."""
# What tells package managers and engines of this machine's registries; a build is given it without
# passwords.
_PASSED = ("NPM_CONFIG_", "PIP_", "UV_", "CONTAINERS_", "BUILDAH_", "DOCKER_")
_NAMES = {"NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"}


def service(installation: Installation) -> Service:
    """One daemon on a Unix socket; its keepers outlive it."""
    paths = installation.paths
    socket = paths.runner_socket
    command = [sys.executable, "-m", "infrastructure.local.runner", "--environment", "local"]
    command += ["--socket", str(socket), "--state", str(paths.state / "runner")]
    command += ["--toolchains", str(paths.packages.parent / "toolchains")]
    command += ["--executor", installation.outside.get(EXECUTOR) or "sandbox"]
    if registry := installation.outside.get(REGISTRY):
        command += ["--registry", registry]

    apps = installation.ports.apps
    command += ["--ports", f"{apps.start}-{apps.stop - 1}", "--kafka", installation.kafka_brokers]

    return Service(
        name="runner",
        command=command,
        directory=paths.root,
        environment=_registries(installation.outside),
        ready=probes.unix(socket),
        stop_seconds=30,
    )


def _registries(outside: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in outside.items()
        if name.upper().startswith(_PASSED) or name in _NAMES
    }
