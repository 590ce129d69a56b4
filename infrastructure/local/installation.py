"""One installation of the stack: its folders, ports and keys, and the addresses they make."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from infrastructure.local.paths import Paths
from infrastructure.local.ports import Ports
from infrastructure.local.secrets import Secrets
from infrastructure.local.services import azurite, kafka, postgres, valkey

# What a service may see of our own environment: whatever else is set in the user's shell, such
# as a DATABASE_URL, is no business of the stack.
_KEPT = {
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"),
}


@dataclass(frozen=True, slots=True)
class Installation:
    """What the services are told of one another."""

    paths: Paths
    ports: Ports
    outside: Mapping[str, str] = field(default_factory=dict)

    @property
    def secrets(self) -> Secrets:
        return Secrets(self.paths.secrets)

    @property
    def platform_url(self) -> str:
        return f"http://localhost:{self.ports['gateway']}"

    @property
    def sites_url(self) -> str:
        return f"http://apps.localhost:{self.ports['gateway']}"

    @property
    def storage(self) -> str:
        return azurite.connection_string(self.ports, self.secrets.base64("azurite"))

    @property
    def redis_url(self) -> str:
        return valkey.url(self.ports["valkey"], self.secrets.text("valkey"))

    @property
    def kafka_brokers(self) -> str:
        return kafka.external(self.outside) or f"127.0.0.1:{self.ports['kafka']}"

    @property
    def webpubsub(self) -> str:
        endpoint = f"http://127.0.0.1:{self.ports['webpubsub']}"
        return f"Endpoint={endpoint};AccessKey={self.secrets.base64('webpubsub')};Version=1.0;"

    def database_url(self, role: str) -> str:
        """How a role reaches the platform's database."""
        return postgres.dsn(self.ports["postgres"], role, self.secrets.text(role))

    def environment(self) -> dict[str, str]:
        """The environment that every service starts from."""
        kept = {name: value for name, value in self.outside.items() if name in _KEPT}
        # A proxy for the outside world must not be asked for our own addresses.
        return {**kept, "NO_PROXY": "localhost,127.0.0.1", "no_proxy": "localhost,127.0.0.1"}
