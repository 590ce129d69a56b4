"""A stand-in for what AcrBuilder speaks to: Resource Manager, the registry's data and its blobs.

It answers as the published specifications say, over TLS on one port, and counts what matters: how
many runs were begun. ``faults`` makes it fail; ``tasks`` run for real by buildah, or by a script.
"""

from tests.fakes.azure.faults import Fault
from tests.fakes.azure.server import AzureFake, StubCredential

__all__ = ["AzureFake", "Fault", "StubCredential"]
