"""The only reader of the environment: every setting, its type, its default and its meaning.

On Azure the values are app settings, locally the ``Values`` of ``local.settings.json``.
``local.settings.example.json`` names each of them; a test holds the two in step.
"""

import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any


class MissingSetting(Exception):
    """A setting without a default is absent, or a value cannot be read."""


def _setting(name: str, text: str, default: Any = MISSING, *, secret: bool = False) -> Any:
    metadata = {"name": name, "text": text, "secret": secret}
    if default is MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings:
    """Typed settings; ``from_environment`` builds them. No secret has a working default."""

    environment: str = _setting(
        "ASTROCLOUD_ENVIRONMENT", "local on a laptop, production anywhere else", "production"
    )
    database_url: str = _setting(
        "DATABASE_URL", "Postgres URL with this app's own role", secret=True
    )
    database_pool: int = _setting("DATABASE_POOL", "Most connections a process holds", 8)
    redis_url: str = _setting("REDIS_URL", "Redis or Valkey URL", secret=True)
    storage: str = _setting(
        "AzureWebJobsStorage", "Storage connection string for blobs and queues", secret=True
    )
    kafka_brokers: str = _setting("KAFKA_BROKERS", "host:port[,host:port] of the Kafka brokers")
    kafka_protocol: str = _setting("KAFKA_PROTOCOL", "PLAINTEXT or SASL_SSL", "PLAINTEXT")
    kafka_username: str = _setting("KAFKA_USERNAME", "SASL user; $ConnectionString on Azure", "")
    kafka_password: str = _setting("KAFKA_PASSWORD", "SASL password", "", secret=True)
    webpubsub: str = _setting(
        "WEBPUBSUB_CONNECTION_STRING", "Endpoint=…;AccessKey=…;Version=1.0;", secret=True
    )
    webpubsub_hub: str = _setting("WEBPUBSUB_HUB", "Name of the Web PubSub hub", "astrocloud")
    platform_url: str = _setting("PLATFORM_URL", "Where users reach the platform")
    sites_url: str = _setting(
        "SITES_URL", "Scheme, domain and port below which tenants' sites live"
    )
    signing_keys: tuple[str, ...] = _setting(
        "SIGNING_KEYS", "Keys of the access tokens, newest first, comma separated", secret=True
    )
    encryption_keys: tuple[str, ...] = _setting(
        "ENCRYPTION_KEYS", "Fernet keys of stored secrets, newest first, by commas", secret=True
    )
    development_secret: str = _setting(
        "DEVELOPMENT_SIGN_IN_SECRET", "Signs one-time links; only read when local", "", secret=True
    )
    builder: str = _setting(
        "BUILDER",
        "Where sources are built: runner, acr, or none where only files are published",
        "none",
    )
    runner_socket: str = _setting("RUNNER_SOCKET", "Path of the runner's Unix socket", "")
    cluster: str = _setting(
        "CLUSTER",
        "Where servers run: runner, kubernetes, aks, or none where only sites are published",
        "none",
    )
    kubeconfig: str = _setting("KUBECONFIG", "File of the cluster's access; CLUSTER=kubernetes", "")
    runtime_class: str = _setting(
        "RUNTIME_CLASS", "Runtime class of pods, such as kata-vm-isolation; empty: the default", ""
    )
    azure_subscription: str = _setting("AZURE_SUBSCRIPTION_ID", "Subscription of ACR and AKS", "")
    azure_resource_group: str = _setting(
        "AZURE_RESOURCE_GROUP", "Resource group of ACR and AKS", ""
    )
    azure_management: str = _setting(
        "AZURE_MANAGEMENT_URL",
        "Azure Resource Manager; another one in national clouds",
        "https://management.azure.com",
    )
    aks_cluster: str = _setting("AKS_CLUSTER", "Name of the cluster; CLUSTER=aks", "")
    acr_registry: str = _setting("ACR_REGISTRY", "Name of the registry; BUILDER=acr", "")
    acr_login_server: str = _setting(
        "ACR_LOGIN_SERVER", "Host of the registry; empty: the registry's name in azurecr.io", ""
    )
    gateway_key: str = _setting(
        "GATEWAY_KEY",
        "What the gateway proves itself with when it reports traffic",
        "",
        secret=True,
    )
    drain_seconds: int = _setting(
        "DRAIN_SECONDS", "Seconds that a replaced release goes on answering what it began", 15
    )
    outgoing_allowed: tuple[str, ...] = _setting(
        "OUTGOING_ALLOWED",
        "host:port[,host:port] that users may name although they are private, such as an own Git"
        " server; they may speak plain HTTP",
        (),
    )
    outgoing_certificates: str = _setting(
        "OUTGOING_CERTIFICATES", "File of authorities that are trusted besides the usual ones", ""
    )
    outgoing_proxy: str = _setting(
        "OUTGOING_PROXY",
        "Proxy for requests to addresses that users name; must refuse private ones",
        "",
    )
    rate_limit: int = _setting("RATE_LIMIT", "Requests a minute that one user may make", 1200)
    sign_in_rate_limit: int = _setting(
        "SIGN_IN_RATE_LIMIT", "Sign-in requests a minute from one address", 30
    )
    active_deployments: int = _setting(
        "PLATFORM_ACTIVE_DEPLOYMENTS", "Deployments at work at once on the whole platform", 8
    )
    deployment_deadline: int = _setting(
        "DEPLOYMENT_DEADLINE_SECONDS", "Seconds from admission after which a deployment fails", 1800
    )
    deployment_lease: int = _setting(
        "DEPLOYMENT_LEASE_SECONDS", "Seconds after which the work of a dead worker is taken up", 30
    )
    queue_deadline: int = _setting(
        "QUEUE_DEADLINE_SECONDS", "Seconds that a deployment may wait for its place", 86400
    )

    @property
    def is_local(self) -> bool:
        """Whether development sign-in and its like may exist."""
        return self.environment == "local"

    def __repr__(self) -> str:
        return f"Settings(environment={self.environment!r})"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read every setting; raises MissingSetting naming all that are absent at once."""
        values: dict[str, Any] = {}
        absent: list[str] = []
        for item in fields(cls):
            name = item.metadata["name"]
            raw = environment.get(name, "")
            if raw:
                values[item.name] = _convert(name, raw, item.type)
            elif item.default is MISSING:
                absent.append(name)
        if absent:
            raise MissingSetting(
                f"{', '.join(absent)} not set: local.settings.example.json says what each means"
            )
        return cls(**values)


def _convert(name: str, raw: str, kind: Any) -> Any:
    if kind is int:
        try:
            return int(raw)
        except ValueError:
            raise MissingSetting(f"{name} is {raw!r}: it must be a whole number") from None
    if kind == tuple[str, ...]:
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    return raw


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings.from_environment(os.environ)
