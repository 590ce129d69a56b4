"""Fixtures that every layer shares: the real services, each started when first asked for."""

import os
from collections.abc import Iterator

import pytest
import pytest_socket

from infrastructure.local.services import azurite as azurite_service
from infrastructure.local.services import kafka as kafka_service
from infrastructure.local.services import postgres as postgres_service
from infrastructure.local.services import valkey as valkey_service
from tests.services.databases import Databases
from tests.services.embedded import Embedded
from tests.services.handles import Azurite, Database, Kafka, Postgres, Valkey
from tests.services.stack import Stack

# A power cut may take a test's data; waiting for the disk at each commit would cost minutes.
FAST = {**postgres_service.SETTINGS, "fsync": "off", "full_page_writes": "off"}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Unit tests reach nothing: sockets are off, but for the event loop's own pair."""
    if "unit" in item.path.relative_to(item.config.rootpath).parts[:2]:
        pytest_socket.disable_socket(allow_unix_socket=True)
    else:
        pytest_socket.enable_socket()


@pytest.fixture(scope="session")
def embedded() -> Iterator[Embedded]:
    """The supervisor that runs this session's services."""
    services = Embedded("services")
    try:
        yield services
    finally:
        services.close()


@pytest.fixture(scope="session")
def postgres(embedded: Embedded) -> Postgres:
    """A Postgres server with the platform's roles."""
    port, secrets = embedded.ports["postgres"], embedded.secrets
    server = postgres_service.service(embedded.paths, port, secrets, settings=FAST)
    embedded.start([server, postgres_service.roles_step(port, secrets)])
    admin = postgres_service.dsn(
        port, postgres_service.ADMIN, secrets.text("postgres-admin"), "postgres"
    )
    passwords = {role: secrets.text(role) for role in postgres_service.ROLES}
    return Postgres(port, admin, passwords)


@pytest.fixture(scope="session")
def _databases(embedded: Embedded, postgres: Postgres) -> Databases:
    return Databases(embedded, postgres)


@pytest.fixture
def database(_databases: Databases) -> Iterator[Database]:
    """A migrated database of the test's own."""
    with _databases.clone() as clone:
        yield clone


@pytest.fixture(scope="session")
def valkey(embedded: Embedded) -> Valkey:
    """A Valkey server; tests share its keys, so they name them by something random."""
    port, password = embedded.ports["valkey"], embedded.secrets.text("valkey")
    embedded.start([valkey_service.service(embedded.paths, port, password)])
    return Valkey(port, valkey_service.url(port, password))


@pytest.fixture(scope="session")
def kafka(embedded: Embedded) -> Kafka:
    """A Kafka broker: the one that KAFKA_BROKERS names, else the embedded one."""
    if brokers := kafka_service.external(os.environ):
        embedded.run(kafka_service.create_topics(brokers))
        return Kafka(brokers)
    port = embedded.ports["kafka"]
    embedded.start([kafka_service.service(embedded.paths, port)])
    return Kafka(f"127.0.0.1:{port}")


@pytest.fixture(scope="session")
def azurite(embedded: Embedded) -> Azurite:
    """Blob and queue storage."""
    ports, key = embedded.ports, embedded.secrets.base64("azurite")
    embedded.start([azurite_service.service(embedded.paths, ports, key)])
    account = azurite_service.ACCOUNT
    return Azurite(
        account=account,
        key=key,
        connection_string=azurite_service.connection_string(ports, key),
        blob_endpoint=f"http://127.0.0.1:{ports['blob']}/{account}",
        queue_endpoint=f"http://127.0.0.1:{ports['queue']}/{account}",
    )


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole platform, as ``./dev up`` brings it up."""
    running = Stack()
    try:
        yield running
    finally:
        running.close()
