"""The control plane on real services, one a test."""

import secrets
from collections.abc import AsyncIterator

import httpx
import pytest
from cryptography.fernet import Fernet

from shared import config, services
from tests.services.handles import Azurite, Database, Kafka, Valkey
from tests.services.platform import Platform, running_platform


@pytest.fixture
async def platform(
    database: Database,
    valkey: Valkey,
    azurite: Azurite,
    kafka: Kafka,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Platform]:
    """The platform; its sites live below a domain of the test's own."""
    environment = {
        "ASTROCLOUD_ENVIRONMENT": "local",
        "DATABASE_URL": database.api,
        "REDIS_URL": valkey.url,
        "AzureWebJobsStorage": azurite.connection_string,
        "KAFKA_BROKERS": kafka.brokers,
        "WEBPUBSUB_CONNECTION_STRING": (
            "Endpoint=http://127.0.0.1:9;AccessKey=bm90aGluZyBsaXN0ZW5zIHRoZXJlIGF0IGFsbA==;Version=1.0;"
        ),
        "PLATFORM_URL": "http://localhost:8080",
        "SITES_URL": f"http://{secrets.token_hex(4)}.localhost:8080",
        "SIGNING_KEYS": secrets.token_hex(32),
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "DEVELOPMENT_SIGN_IN_SECRET": secrets.token_hex(32),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    _forget()
    async with running_platform(services.services(), environment, database) as made:
        yield made
    _forget()


def _forget() -> None:
    config.settings.cache_clear()
    services.services.cache_clear()


@pytest.fixture
async def client(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """The local developer's client."""
    async with await platform.developer() as signed_in:
        yield signed_in
