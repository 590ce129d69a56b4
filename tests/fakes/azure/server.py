"""All of it on one port, with a certificate of its own."""

import datetime
import ipaddress
import ssl
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.builders.acr import AcrBuilder, Where
from tests.fakes.azure.faults import Fault, Faults
from tests.fakes.azure.management import GROUP, REGISTRY, SUBSCRIPTION, Management
from tests.fakes.azure.registry import TOKEN, RegistryData
from tests.fakes.azure.storage import Storage
from tests.fakes.azure.tasks import Engine, Script

_MOST = 512 * 1024 * 1024


class StubCredential:
    """Entra as far as it matters: a token, counted."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.scopes: list[str] = []

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        """The token for any scope."""
        from azure.core.credentials import AccessToken

        self.scopes += scopes
        return AccessToken(self.token, int(time.time()) + 3600)

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> "StubCredential":
        return self

    async def __aexit__(self, *raised: object) -> None:
        """Nothing is open."""


class AzureFake:
    """Start it, make builders, add faults, look at what was begun."""

    def __init__(self) -> None:
        self.registry = RegistryData()
        self.storage = Storage()
        self.faults = Faults()
        self.script = Script()
        self.engine: Callable[[], Engine] = lambda: self.script
        self.management = Management(self.storage, lambda: self.engine())
        self.port = 0
        self._folder = tempfile.TemporaryDirectory(prefix="azure-")
        self._runner: web.AppRunner | None = None

    @property
    def host(self) -> str:
        """Where it answers; the login server, too."""
        return f"127.0.0.1:{self.port}"

    @property
    def folder(self) -> Path:
        """Files of its own."""
        return Path(self._folder.name)

    async def up(self) -> None:
        """Listen on a free port."""
        app = web.Application(middlewares=[self.faults.middleware], client_max_size=_MOST)
        app.add_routes(self.registry.routes())
        app.add_routes(self.storage.routes())
        app.add_routes(self.management.routes())
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._certificate())
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def down(self) -> None:
        """End every run, and answer no more."""
        for run in self.management.runs.values():
            await run.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
        self._folder.cleanup()

    def builder(self, credential: StubCredential | None = None, **where: str) -> AcrBuilder:
        """A builder that remembers nothing."""
        place = {"subscription": SUBSCRIPTION, "group": GROUP, "registry": REGISTRY, **where}
        return AcrBuilder(
            Where(url=f"https://{self.host}", **place),
            self.host,
            credential or StubCredential(),
            options={"connection_verify": str(self.folder / "certificate.pem")},
        )

    def fail(self, *faults: Fault) -> None:
        """Let the next fitting requests meet these."""
        self.faults.add(*faults)

    def _certificate(self) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        now = datetime.datetime.now(datetime.UTC)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        told = certificate.public_bytes(serialization.Encoding.PEM)
        (self.folder / "certificate.pem").write_bytes(told)
        kept = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (self.folder / "both.pem").write_bytes(kept + told)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.folder / "both.pem")
        return context
