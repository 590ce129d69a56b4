"""The gateway: Nginx with the project's own templates."""

from infrastructure.local import binaries, probes
from infrastructure.local.installation import Installation
from infrastructure.local.nodes import Service


def service(installation: Installation, *, needs: tuple[str, ...]) -> Service:
    raise NotImplementedError
