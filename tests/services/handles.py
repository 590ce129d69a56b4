"""What a test is given of each service: addresses and credentials, nothing to start or stop."""

from collections.abc import Mapping
from dataclasses import dataclass

from infrastructure.local.services.postgres import dsn


@dataclass(frozen=True, slots=True)
class Postgres:
    """The server; ``passwords`` by role."""

    port: int
    admin_dsn: str
    passwords: Mapping[str, str]

    def dsn(self, role: str, database: str) -> str:
        """How a role reaches a database."""
        return dsn(self.port, role, self.passwords[role], database)


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one test, and how each role reaches it."""

    name: str
    owner: str
    api: str
    admin: str
    worker: str


@dataclass(frozen=True, slots=True)
class Valkey:
    """The server, with the URL that clients take."""

    port: int
    url: str


@dataclass(frozen=True, slots=True)
class Kafka:
    """The brokers, with the topics made."""

    brokers: str


@dataclass(frozen=True, slots=True)
class Azurite:
    """Blob and queue endpoints in path style, with their account."""

    account: str
    key: str
    connection_string: str
    blob_endpoint: str
    queue_endpoint: str
